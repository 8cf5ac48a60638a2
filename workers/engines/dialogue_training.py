"""A dialogue version in training: a process of its own, so that it may fail alone.

    python -m workers.engines.dialogue_training FOLDER

reads FOLDER/lesson.json (chat.dialogue.lessons.Lesson as JSON, `live`: a folder with the version
that is live), prints a line every few steps ({"phase", "step", "steps", "loss"}), and leaves the
weights in FOLDER/version and FOLDER/result.json: for each part how many were right of how many,
what a plain rule gets on the same, and what the live version gets.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.engines import policy, tracking, understanding
from workers.engines.finetuning import Heard
from workers.engines.policy import Event, Policy
from workers.engines.readers import Reader
from workers.engines.tracking import Ontology, Tracker, Turn
from workers.engines.tracking_features import fold
from workers.engines.understanding import Intents

Talk = Sequence[Mapping[str, Any]]
KINDS = {"customer": "customer", "agent": "house", "tool": "tool", "result": "result"}


def turns_of(talk: Talk) -> list[Turn]:
    """A conversation as the tracker reads it: each turn of the customer after what was said."""
    found, said, asked, offered = [], list[str](), set[str](), dict[str, str]()
    for turn in talk:
        if turn["who"] == "customer":
            found.append(Turn(
                " ".join(said), turn["text"], tuple(sorted(asked)), tuple(offered.items()),
                tuple(turn.get("slots", {}).items()), tuple(turn.get("requests", ())),
            ))  # fmt: skip
            said, asked, offered = [], set(), {}
        elif turn["who"] == "agent":
            said.append(turn["text"])
            asked |= set(turn.get("asks", ()))
            action = turn.get("action", "")
            if action.startswith("ask_"):
                asked.add(action.removeprefix("ask_"))
            offered |= turn.get("offers", {})
    return found


def events_of(talk: Talk) -> list[Event]:
    return [Event(KINDS[t["who"]], t["text"], "" if t["who"] == "customer" else
                  t.get("action", "")) for t in talk]  # fmt: skip


def joint(tracker: Tracker, talks: Sequence[Talk]) -> tuple[int, int]:
    """Turns after which every slot is right, of all."""
    right = n = 0
    for talk in talks:
        turns = turns_of(talk)
        state: dict[str, str] = {}
        goal: dict[str, str] = {}
        for turn, read in zip(turns, tracker.read_many(turns), strict=True):
            state, goal = tracking.follow(state, read), {**goal, **dict(turn.filled)}
            right += state == goal
            n += 1
    return right, n


def joint_by_words(ontology: Ontology, talks: Sequence[Talk]) -> float:
    """The plain rule: a value that the customer says word for word fills its slot."""
    right = n = 0
    for talk in talks:
        state: dict[str, str] = {}
        goal: dict[str, str] = {}
        for turn in turns_of(talk):
            heard = fold(turn.heard)
            for slot, values in ontology.values.items():
                there = [v for v in values if fold(v) in heard]
                if there:
                    state[slot] = max(there, key=len)
            goal |= dict(turn.filled)
            right += state == goal
            n += 1
    return right / n if n else 0.0


def foretold(model: Policy, talks: Sequence[Talk]) -> tuple[int, int]:
    right = n = 0
    read = [events_of(talk) for talk in talks]
    for events, choices in zip(read, model.choose_each(read), strict=True):
        acted = [e for e in events if e.action]
        right += sum(e.action == c[0][0] for e, c in zip(acted, choices, strict=True))
        n += len(acted)
    return right, n


def by_last_action(train: Sequence[Talk], held: Sequence[Talk]) -> float:
    """The plain rule: what most often followed the action before."""
    follows: dict[str, Counter[str]] = defaultdict(Counter)
    for talk in train:
        last = ""
        for e in events_of(talk):
            if e.action:
                follows[last][e.action] += 1
                last = e.action
    right = n = 0
    for talk in held:
        last = ""
        for e in events_of(talk):
            if e.action:
                best = follows[last].most_common(1)
                right += bool(best) and best[0][0] == e.action
                n += 1
                last = e.action
    return right / n if n else 0.0


PARTS = (("intents", "texts"), ("tracker", "talks"), ("policy", "acted"))  # with their rows
WHOLE = 1000  # steps that are told of a training, whatever its parts take


def _heard(lesson: dict[str, Any], part: str) -> Heard:
    """Tells how far the whole training is: each part counts the same."""
    names = [name for name, rows in PARTS if lesson[rows]]

    def heard(step: int, steps: int, values: dict[str, float]) -> None:
        done = int(WHOLE * (names.index(part) + step / steps) / len(names))
        line = {"phase": part, "step": done, "steps": WHOLE, "loss": values["loss"]}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    return heard


def intents(lesson: dict[str, Any], folder: Path, live: Reader, base: Path | None) -> Any:
    texts, labels = zip(*lesson["texts"], strict=True)
    held = ([t for t, _ in lesson["held_texts"]], [label for _, label in lesson["held_texts"]])
    recipe = understanding.Recipe(**lesson.get("recipes", {}).get("intents", {}))
    recipe = recipe if len(texts) > 2000 or lesson.get("recipes") else _few(len(texts))
    model = understanding.train(
        texts, labels, held, recipe=recipe, outside=lesson["outside"], base=base,
        heard=_heard(lesson, "intents"),
    )  # fmt: skip
    model.save(folder)
    most = Counter(held[1]).most_common(1)[0][1] / len(held[1])
    right = _agree(model, held)
    before = _agree(live.intents, held) / len(held[0]) if live.intents else None
    return {"right": right, "n": len(held[0]), "rule": most, "live": before,
            "temperature": model.temperature}  # fmt: skip


def _few(n: int) -> understanding.Recipe:
    """Few examples are seen more often; the more there are, the more stand together in a batch."""
    epochs, batch = max(6, min(30, 20_000 // max(1, n))), max(16, min(80, n // 8))
    return understanding.Recipe(epochs=epochs, batch=batch, each=5, rate=6e-5, contrast=1.0)


def _agree(model: Intents, held: tuple[list[str], list[str]]) -> int:
    readings = model.read_many(held[0])
    return sum(r.ranking[0][0] == label for r, label in zip(readings, held[1], strict=True))


def track(lesson: dict[str, Any], folder: Path, live: Reader, base: Path | None) -> Any:
    ontology = Ontology({k: tuple(v) for k, v in lesson["slots"].items()},
                        tuple(lesson["requests"]))  # fmt: skip
    recipe = tracking.Recipe(**lesson.get("recipes", {}).get("tracker", {}))
    turns = [t for talk in lesson["talks"] for t in turns_of(talk)]
    model = tracking.train(
        turns, ontology, recipe=recipe, heard=_heard(lesson, "tracker"), base=base
    )
    model.save(folder)
    right, n = joint(model, lesson["held_talks"])
    before = joint(live.tracker, lesson["held_talks"])[0] / n if live.tracker and n else None
    filled = _slot_f1(model, lesson["held_talks"])
    return {"right": right, "n": n, "rule": joint_by_words(ontology, lesson["held_talks"]),
            "live": before, "slot_f1": filled}  # fmt: skip


def _slot_f1(model: Tracker, talks: Sequence[Talk]) -> float:
    """F1 of (slot, value) pairs of single turns."""
    hit = said = true = 0
    for talk in talks:
        turns = turns_of(talk)
        for turn, read in zip(turns, model.read_many(turns), strict=True):
            told = {(f.slot, f.value) for f in read.filled}
            hit, said, true = hit + len(told & set(turn.filled)), said + len(told), true + len(
                turn.filled)  # fmt: skip
    return 2 * hit / (said + true) if said + true else 1.0


def act(lesson: dict[str, Any], folder: Path, live: Reader, base: Path | None) -> Any:
    recipe = policy.Recipe(**lesson.get("recipes", {}).get("policy", {}))
    model = policy.train([events_of(t) for t in lesson["acted"]], recipe=recipe,
                         heard=_heard(lesson, "policy"), base=base)  # fmt: skip
    model.save(folder)
    right, n = foretold(model, lesson["held_acted"])
    before = foretold(live.policy, lesson["held_acted"])[0] / n if live.policy and n else None
    return {"right": right, "n": n, "live": before,
            "rule": by_last_action(lesson["acted"], lesson["held_acted"])}  # fmt: skip


def main(folder: Path) -> None:
    began = time.monotonic()
    lesson = json.loads((folder / "lesson.json").read_text())
    base = Path(lesson["base"]) if lesson.get("base") else None
    live = Reader.load(folder / "live", base) if (folder / "live").exists() else Reader()
    out = folder / "version"
    out.mkdir(exist_ok=True)
    parts = {}
    for (name, rows), work in zip(PARTS, (intents, track, act), strict=True):
        if lesson[rows]:
            parts[name] = work(lesson, out, live, base)
    result = {"parts": parts, "seconds": round(time.monotonic() - began, 1)}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
