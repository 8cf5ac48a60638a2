"""The proof of state tracking (WOZ 2.0, English) and of the next action (STAR, standard split),
trained here on the CPU by the engines that workspaces train with.

    python -m benchmarks.run dialogue          both
    python -m benchmarks.dialogue woz2|star    one, printed only
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from typing import Any

from benchmarks import bench
from workers.engines import policy, tracking
from workers.engines.policy import Event
from workers.engines.tracking import Ontology, Turn

DATA = bench.ROOT.parent / "shared" / "data"


def lines(path: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / path, "rt") as file:
        return [json.loads(line) for line in file]


def heard(step: int, of: int, values: dict[str, float]) -> None:
    if step % 100 == 0:
        print(f"  {step}/{of} loss {values['loss']:.3f}", flush=True)


def woz(split: str) -> list[list[tuple[Turn, dict[str, str]]]]:
    """Dialogues as turns with the state after each."""
    found = []
    for dialogue in lines(f"woz2/woz_{split}_en.jsonl.gz"):
        rows = []
        for t in dialogue["dialogue"]:
            acts = t["system_acts"]
            goal = {s: v for b in t["belief_state"] if b["act"] == "inform" for s, v in b["slots"]}
            turn = Turn(
                t["system_transcript"], t["transcript"],
                tuple(a for a in acts if isinstance(a, str)),
                tuple((a[0], a[1]) for a in acts if not isinstance(a, str)),
                tuple((s, v) for s, v in t["turn_label"] if s != "request"),
                tuple(v for s, v in t["turn_label"] if s == "request"),
            )  # fmt: skip
            rows.append((turn, goal))
        found.append(rows)
    return found


def woz_ontology() -> Ontology:
    raw = json.loads((DATA / "woz2" / "ontology_en.json").read_text())
    values = {s: tuple(v) for s, v in raw["informable"].items() if s != "request"}
    return Ontology(values, tuple(raw["requestable"]))


def judged(tracker: Any, dialogues: list[list[tuple[Turn, dict[str, str]]]]) -> tuple[float, float]:
    """Joint goal accuracy and turn request accuracy, in percent."""
    flat = [row for rows in dialogues for row in rows]
    understood = iter(tracker.read_many([turn for turn, _ in flat]))
    joint = requests = 0
    for rows in dialogues:
        state: dict[str, str] = {}
        for turn, goal in rows:
            read = next(understood)
            state = tracking.follow(state, read)
            joint += state == goal
            requests += set(read.requested) == set(turn.requested)
    return 100 * joint / len(flat), 100 * requests / len(flat)


def woz2() -> list[dict[str, Any]]:
    train = woz("train")
    began = time.perf_counter()
    tracker = tracking.train(
        [turn for rows in train for turn, _ in rows], woz_ontology(), heard=heard
    )
    took = time.perf_counter() - began
    held = judged(tracker, woz("validate"))
    print(f"  held out: joint {held[0]:.2f}, request {held[1]:.2f}", flush=True)
    test = woz("test")
    joint, request = judged(tracker, test)
    n = sum(len(rows) for rows in test)
    return [
        bench.row("woz2.joint_goal", joint, "%", n=n, goal=">= 88", peer=88.1,
                  peer_name="GLAD, published"),
        bench.row("woz2.request", request, "%", n=n, goal=">= 96", peer=97.1,
                  peer_name="GLAD, published"),
        bench.row("woz2.train_s", took, "s"),
    ]  # fmt: skip


def star_events(dialogue: dict[str, Any]) -> list[Event]:
    """A dialogue as events; suggestions that were picked and queries are the actions to foretell.
    Queries are told apart as the published split does (check, book, other)."""
    found = []
    for e in dialogue["events"]:
        match e["agent"], e["action"]:
            case "User", "utter":
                found.append(Event("customer", e["text"]))
            case "Wizard", "pick_suggestion":
                found.append(Event("house", e["text"], e["label"]))
            case "Wizard", "utter":
                found.append(Event("house", e["text"]))
            case "Wizard", "query":
                pairs = [next(iter(c.items())) for c in e["constraints"]]
                kinds = [v[1:-1] for c in e["constraints"] for k, v in c.items()
                         if k == "RequestType"]  # fmt: skip
                label = "query_check" if "Check" in kinds else (
                    "query_book" if "Book" in kinds else "query")  # fmt: skip
                told = "; ".join(f"{k} = {v}" for k, v in pairs)
                found.append(Event("tool", told, label))
            case "KnowledgeBase", "return_item":
                item = e.get("item") or {}
                told = "; ".join(f"{k}: {v}" for k, v in item.items() if k != "APIName")
                found.append(Event("result", told or "nothing found"))
    return found


def weighted_f1(right: list[str], said: list[str]) -> float:
    """F1 of each action, weighted by how often it is right, in percent."""
    true, told = Counter(right), Counter(said)
    hits = Counter(r for r, s in zip(right, said, strict=True) if r == s)
    f1 = {a: 2 * hits[a] / (n + told[a]) for a, n in true.items()}
    return 100 * sum(f1[a] * n for a, n in true.items()) / len(right)


def star() -> list[dict[str, Any]]:
    train = [star_events(d) for d in lines("star_dialogues/star_happy_train.jsonl.gz")]
    test = [star_events(d) for d in lines("star_dialogues/star_happy_test.jsonl.gz")]
    began = time.perf_counter()
    model = policy.train(train, heard=heard)
    took = time.perf_counter() - began
    right, said = [], []
    wrong: dict[str, Counter[str]] = defaultdict(Counter)
    for dialogue, choices in zip(test, model.choose_each(test), strict=True):
        for event, ranking in zip([e for e in dialogue if e.action], choices, strict=True):
            right.append(event.action)
            said.append(ranking[0][0])
            if ranking[0][0] != event.action:
                wrong[event.action][ranking[0][0]] += 1
    accuracy = 100 * sum(r == s for r, s in zip(right, said, strict=True)) / len(right)
    for action, others in sorted(wrong.items(), key=lambda w: -w[1].total())[:8]:
        print("  wrong", action, others.total(), others.most_common(3))
    return [
        bench.row("star.action_accuracy", accuracy, "%", n=len(right), peer=72.27,
                  peer_name="BERT + schema, published"),
        bench.row("star.action_f1", weighted_f1(right, said), "%", n=len(right), peer=71.59,
                  peer_name="BERT + schema, published"),
        bench.row("star.train_s", took, "s"),
    ]  # fmt: skip


def main() -> None:
    bench.write("dialogue", [*woz2(), *star()], command="make prove")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for row in {"woz2": woz2, "star": star}[name]():
            print(row["metric"], row["ours"], row["unit"], flush=True)
