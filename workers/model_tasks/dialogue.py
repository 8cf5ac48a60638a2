"""A turn of a dialogue carried out: read by the live version, decided by the rules, said once.

And a version in training: the lesson written out, a process of its own, the gate, the scripts.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import translation

from attune.kernel.errors import Conflict
from attune.kernel.phrases import Phrase, say
from campaigns.generators import meter
from chat.conversations.models import Conversation
from chat.dialogue import lessons, manager, registry, repairs, running, scripts, tools, training
from chat.dialogue.domain import Domain
from chat.dialogue.jobs import TRAIN_DIALOGUE, TrainDialogue
from chat.dialogue.lessons import Part
from chat.dialogue.models import DialogueVersion, Script, ToolCall
from chat.dialogue.state import DialogueState
from chat.dialogue.turns import Act, Reading, Turn, told
from workers import models
from workers.engines import nearest
from workers.engines.process_client import ModelAway
from workers.engines.protocol import Asked
from workers.model_tasks.training import DIALOGUE, TrainingFailed, run_process
from workers.runner import Run, handles

logger = logging.getLogger(__name__)


def asked_of(text: str, state: DialogueState) -> Asked:
    """A message with what came before it, as the readers want it."""
    said = next((t for kind, t, _ in reversed(state.said) if kind == "house"), "")
    awaited = state.awaited
    asked = (awaited.name,) if awaited and awaited.what == "slot" else ()
    return Asked(text, said, asked, {}, [*state.said, ("customer", text, "")])


def reading_of(text: str, found: dict[str, Any]) -> Reading:
    return Reading(
        text,
        tuple((str(n), float(p)) for n, p in found.get("intents", ())),
        bool(found.get("in_scope")),
        {k: (str(v), float(p)) for k, (v, p) in found.get("filled", {}).items()},
        tuple((str(n), float(p)) for n, p in found.get("actions", ())),
    )


def read(version: DialogueVersion | None, text: str, state: DialogueState, run: Run) -> Reading:
    """What the live version makes of a message. Where it cannot tell intents apart, or none is
    live, the nearest examples say; where the model is away, the rules go on with the bare text."""
    try:
        found = models.read(version, asked_of(text, state), run.unit) if version else {}
        if not found.get("intents"):
            found = {**found, **_nearest(text, run, keep=found)}
        return reading_of(text, found)
    except (ModelAway, Conflict, LookupError, ValueError, RuntimeError, OSError) as broken:
        # away, damaged, evicted at this moment, of another encoder
        logger.warning("a message is read without its model: %s", broken)
        return Reading(text)


def _nearest(text: str, run: Run, keep: dict[str, Any]) -> dict[str, Any]:
    """Intents by the examples nearest in sense, with what the version knows of the rest."""
    with run.unit():
        rows = running.examples()
    if not rows:
        return keep
    vectors = _vectors([sentence for sentence, _ in rows])
    found = nearest.read(models.embed([text])[0], vectors, [intent for _, intent in rows])
    return {**found, **{k: keep[k] for k in ("filled", "requested", "actions") if k in keep}}


KEPT: OrderedDict[str, np.ndarray] = OrderedDict()  # a sentence's vector; the last asked last
MOST_KEPT = 20_000


def _vectors(sentences: Sequence[str]) -> np.ndarray:
    """(n, C). Who changes one sentence waits for that one; the others are kept."""
    fresh = [s for s in dict.fromkeys(sentences) if s not in KEPT]
    for at in range(0, len(fresh), 64):
        part = fresh[at : at + 64]
        KEPT.update(zip(part, models.embed(part), strict=True))
    for sentence in sentences:
        KEPT.move_to_end(sentence)
    found = np.stack([KEPT[s] for s in sentences])
    while len(KEPT) > MOST_KEPT:
        KEPT.popitem(last=False)
    return found


class Carried:
    """A turn's acts as they are carried out: what is said gathered, tools called, the rest left to
    who asked (an answer from the knowledge, a person)."""

    def __init__(self, turn: Turn, conversation: Any, seq: int, language: str) -> None:
        self.turn, self.conversation, self.seq = turn, conversation, seq
        self.language = language
        self.said: list[tuple[Act, str]] = []
        self.quick: list[str] = []
        self.person = ""

    def say(self, act: Act) -> None:
        with translation.override(self.language or "en"):
            text = str(act.text)
            self.quick = [str(q) for q in act.quick] or self.quick
        if text:
            self.said.append((act, text))
        self.turn.add("bot", **told(act, text).data)

    def do(self, act: Act) -> None:
        """Carry out one act that is not an answer from the knowledge."""
        match act.kind:
            case "say":
                self.say(act)
            case "clarify" if not act.text:
                self.say(repairs.clarify(self.turn, act.name.split(",")))
            case "rephrase" if not act.text:
                self.say(repairs.rephrase(self.turn))
            case "clarify" | "rephrase":
                self.say(act)
            case "person":
                self.person = act.name
            case "missed":
                self.missed()
            case "tool":
                self.call(act)

    def missed(self) -> None:
        """Nothing known in the middle of a task: said, and the third time given to a person."""
        self.turn.add("missed")
        if self.turn.state.misses > repairs.MOST_MISSES:
            self.person = "pending_clarification"
            return
        text = say("I find nothing about that in what I know.")
        self.say(Act("lost", text, (say("Talk to a person"),)))

    def call(self, act: Act) -> None:
        row = tools.call(conversation=self.conversation, seq=self.seq, name=act.name,
                         arguments=act.arguments, confirmed=act.confirmed)  # fmt: skip
        with translation.override(self.language or "en"):
            answer = str(row.result)
        self.turn.add("bot", who="tool", action=act.name, text=json.dumps(dict(act.arguments)))
        self.turn.add("bot", who="result", text=answer)
        manager.finish(self.turn, answer, outcome=row.state)
        if row.state == ToolCall.State.FAILED:
            self.person = "tool_failure"


def dialogue_of(
    conversation: Conversation,
) -> tuple[DialogueState, int, Domain, DialogueVersion | None]:
    """Where a dialogue stands and the number of its last step, what is taught, and who reads."""
    state, n = running.resumed(conversation)
    known = conversation.contact_id is not None
    return state, n, running.domain(known=known), registry.live_one()


@handles(TRAIN_DIALOGUE)
def train_dialogue(payload: TrainDialogue, job: Run) -> None:
    job.progress(done=0, note=say("loading the model"))
    with job.unit():
        row = registry.version(payload.version_id)
        if row.state != DialogueVersion.State.TRAINING:
            return
        lesson, live = training.lesson(), registry.live_one()
        card = training.card(lesson)
        DialogueVersion.objects.filter(pk=row.pk).update(card={**row.card, **card})
        if not lesson.parts:
            registry.failed(row=row, reason=lessons.before(lesson).why)
            return
        before = _files_of(live)
    with tempfile.TemporaryDirectory(prefix="attune-dialogue-") as name:
        folder = Path(name)
        (folder / "lesson.json").write_text(json.dumps(_value(lesson)))
        for file, content in before.items():
            (folder / "live").mkdir(exist_ok=True)
            (folder / "live" / file).write_bytes(content)
        try:
            result = run_process(folder, job, DIALOGUE)
        except TrainingFailed as failure:
            with job.unit():
                registry.failed(row=registry.version(row.pk), reason=failure.detail)  # type: ignore[arg-type]
            raise
        files = {path.name: path.read_bytes() for path in (folder / "version").iterdir()
                 if path.name in registry.FILES}  # fmt: skip
    try:
        _judge(row, result, files, lesson, job)
    except Exception as failure:
        with job.unit():
            told = say("It was trained, but could not be judged: %(why)s", why=str(failure)[:300])
            registry.failed(row=registry.version(row.pk), reason=told)
        raise


def _files_of(live: DialogueVersion | None) -> dict[str, bytes]:
    """The live version's weights, to be judged beside; none where they are damaged."""
    try:
        return registry.files_of(live) if live is not None else {}
    except Conflict as damaged:
        logger.warning("judged without the live version: %s", damaged)
        return {}


PLAN: dict[str, Any] = {}  # what is to differ in the lesson: recipes, the encoder's folder


def _value(lesson: lessons.Lesson) -> dict[str, Any]:
    value = asdict(lesson)
    del value["lacking"]
    return {**value, **PLAN}


def _judge(
    row: DialogueVersion, result: dict[str, Any], files: dict[str, bytes], lesson: lessons.Lesson,
    job: Run,
) -> None:  # fmt: skip
    """The gate's verdict: the held-out figures, then the scripts."""
    parts = [Part(name, p["right"], p["n"], p["rule"], p["live"]) for name, p in
             result["parts"].items()]  # fmt: skip
    job.progress(note=say("going through the scripts"))
    outcomes = try_scripts(registry.digest_of(files), files, job)
    with job.unit():
        live = registry.live_one()
    needed = set(live.results.get("parts", {})) if live is not None else set()
    verdict = lessons.after(parts, outcomes, needed)
    results = {
        "parts": {p.name: {**result["parts"][p.name], "low": p.interval[0], "high": p.interval[1]}
                  for p in parts},
        "scripts": [[name, str(why) if why is not None else ""] for name, why in outcomes],
        "seconds": result["seconds"], "masked": lesson.masked,
    }  # fmt: skip
    with job.unit():
        registry.evaluated(row=row, files=files, results=results, passed=verdict.passed,
                           verdict=verdict.why)  # fmt: skip
        meter.record(task="training", model="dialogue", requests=1, tokens_in=0, tokens_out=0,
                     seconds=float(result["seconds"]))  # fmt: skip


def try_scripts(
    digest: str, files: dict[str, bytes], job: Run
) -> list[tuple[str, Phrase | None]]:  # fmt: skip
    """Each enabled script with why it fails, read by this version."""
    with job.unit():
        rows = list(Script.objects.filter(enabled=True).order_by("name"))
        domain = running.domain()

    def reader(text: str, state: DialogueState) -> Reading:
        found = models.read_files(digest, files, asked_of(text, state))
        if not found["intents"]:
            found = _nearest(text, job, keep=found)
        return reading_of(text, found)

    return [(r.name, scripts.run(r.steps, domain, reader)) for r in rows]
