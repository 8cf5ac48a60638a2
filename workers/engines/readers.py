"""The dialogue models of workspaces in one process: found by digest, the least used forgotten.

A version's files hold a reader of intents, a tracker, a policy, or some of them. `read` runs those
that are there on one message.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.engines.policy import Event, Policy
from workers.engines.protocol import Asked, ReaderMissing
from workers.engines.tracking import Tracker, Turn
from workers.engines.understanding import Intents

MOST_HELD = 8  # versions in memory, about 45 MB a part


@dataclass(slots=True)
class Reader:
    """The parts of one version."""

    intents: Intents | None = None
    tracker: Tracker | None = None
    policy: Policy | None = None

    @classmethod
    def load(cls, folder: Path, base: Path | None = None) -> Reader:
        kinds: tuple[tuple[str, Any], ...] = (
            ("intents", Intents), ("tracker", Tracker), ("policy", Policy)
        )  # fmt: skip
        found = cls(**{
            name: kind.load(folder, base) for name, kind in kinds
            if (folder / f"{name}.json").exists()
        })  # fmt: skip
        if found.intents is not None:
            found.intents.serve()
        return found

    def read(self, asked: Asked) -> dict[str, Any]:
        """{intents [[name, p]], in_scope, filled {slot: [value, p]}, requested, actions}."""
        found: dict[str, Any] = {
            "intents": [], "in_scope": False, "filled": {}, "requested": [], "actions": [],
        }  # fmt: skip
        if self.intents is not None:
            reading = self.intents.read(asked.text)
            found["intents"] = [list(pair) for pair in reading.ranking]
            found["in_scope"] = reading.in_scope
        if self.tracker is not None:
            turn = Turn(asked.said, asked.text, tuple(asked.asked), tuple(asked.offered.items()))
            understood = self.tracker.read(turn)
            found["filled"] = {f.slot: [f.value, f.probability] for f in understood.filled}
            found["requested"] = list(understood.requested)
        if self.policy is not None and asked.events:
            events = [Event(kind, text, action) for kind, text, action in asked.events]
            found["actions"] = [list(pair) for pair in self.policy.choose(events)]
        return found


class Readers:
    """Versions by digest; one thread reads at a time."""

    def __init__(self, base: Path | None = None) -> None:
        self.held: OrderedDict[str, Reader] = OrderedDict()
        self.base, self.turn = base, threading.Lock()

    def has(self, digest: str) -> bool:
        return digest in self.held

    def bring(self, digest: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="attune-reader-") as name:
            folder = Path(name)
            for file, content in files.items():
                (folder / Path(file).name).write_bytes(content)
            reader = Reader.load(folder, self.base)
        with self.turn:
            self.held[digest] = reader
            while len(self.held) > MOST_HELD:
                self.held.popitem(last=False)

    def read(self, digest: str, asked: Asked) -> dict[str, Any]:
        """Raises ReaderMissing."""
        with self.turn:
            reader = self.held.get(digest)
            if reader is None:
                raise ReaderMissing(digest)
            self.held.move_to_end(digest)
            return reader.read(asked)
