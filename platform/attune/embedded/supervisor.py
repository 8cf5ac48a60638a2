"""Starts, watches and stops the processes of one machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 15
CRASH_LIMIT = 5  # restarts in a minute before the supervisor gives up on a process


@dataclass(slots=True)
class Child:
    """One process: its name, its command, and when it was started."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)


class Supervisor:
    """Keeps children alive until told to stop; their output goes to files in `logs`."""

    def __init__(self, environment: dict[str, str], logs: Path, say: Callable[[str], None]) -> None:
        self.environment, self.logs, self.say = environment, logs, say
        self.children: list[Child] = []
        self.stopping = threading.Event()
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, command: list[str]) -> None:
        """One step to its end; a failure is raised with the log's last lines."""
        done = subprocess.run(  # noqa: S603
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
        (self.logs / f"{name}.log").write_bytes(done.stdout)
        if done.returncode:
            tail = done.stdout.decode("utf-8", "replace")[-2000:]
            raise RuntimeError(f"The step “{name}” failed:\n{tail}")

    def start(self, name: str, command: list[str]) -> None:
        child = Child(name, command)
        self.children.append(child)
        self._spawn(child)

    def _spawn(self, child: Child) -> None:
        log = (self.logs / f"{child.name}.log").open("ab")
        child.starts.append(time.monotonic())
        child.process = subprocess.Popen(  # noqa: S603
            child.command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        log.close()

    def watch(self, meanwhile: Callable[[], bool]) -> None:
        """Until stopped: start again what died, unless it keeps dying. `meanwhile` is called every
        second until it is true."""
        over = False
        while not self.stopping.wait(1):
            over = over or meanwhile()
            for child in self.children:
                if child.process is None or child.process.poll() is None:
                    continue
                recent = [t for t in child.starts if time.monotonic() - t < 60]
                if len(recent) >= CRASH_LIMIT:
                    self.say(f"{child.name} keeps stopping; see {self.logs}/{child.name}.log")
                    child.process = None
                    continue
                self.say(f"{child.name} stopped ({child.process.returncode}); starting it again")
                self._spawn(child)

    def stop(self) -> None:
        """Ask everybody to end, wait, then make sure."""
        self.stopping.set()
        running = [c for c in reversed(self.children) if c.process and c.process.poll() is None]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in running:
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))  # type: ignore[union-attr]
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()  # type: ignore[union-attr]


def _signal(child: Child, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, which)  # type: ignore[union-attr]


def manage(*words: str) -> list[str]:
    return [sys.executable, "manage.py", *words]


def celery(*words: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "attune.celery", *words]
