"""A version in training: the lesson is written out, a process of its own learns, the gate judges.

The process may run out of memory or be killed: the version then says so, and nothing else is
touched. A cancelled job stops it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from attune.kernel import privacy
from attune.kernel.errors import AttuneError
from attune.kernel.phrases import Phrase, say, word
from campaigns.content import grounding
from campaigns.content.models import GenerationRun, Revision
from campaigns.generators import meter, registry
from campaigns.generators.models import ModelVersion
from campaigns.tuning import evidence, lessons
from campaigns.tuning import services as tuning
from campaigns.tuning.jobs import TRAIN_VERSION, TrainVersion
from campaigns.tuning.models import LessonItem
from workers import models
from workers.engines import copywriting
from workers.engines.copywriting import Assignment
from workers.engines.protocol import Messages, Request
from workers.model_tasks.generation import assignment
from workers.runner import Run, handles

SAMPLES = 3
KILLED, OUT_OF_MEMORY = -9, 70
SECONDS = 6 * 3600
DIALOGUE = "workers.engines.dialogue_training"
PLAN: dict[str, Any] = {}  # what is to differ from the engine's plan (tuning.Lesson)


class TrainingFailed(AttuneError):
    """The process ended without a result; the sentence says how, and what may help."""

    code, title = "training_failed", say("The training failed")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The lesson as the engine reads it, with the pair that each part-pair belongs to."""

    value: dict[str, Any]
    groups: list[str]
    masked: dict[str, int]
    prompts: list[Messages]


@handles(TRAIN_VERSION)
def train_version(payload: TrainVersion, job: Run) -> None:
    job.progress(done=0, note=say("loading the model"))
    with job.unit():
        row = registry.version(payload.version_id)
        if row.state != ModelVersion.State.TRAINING:
            return
        prepared = prepare(row)
    with tempfile.TemporaryDirectory(prefix="attune-training-") as name:
        folder = Path(name)
        (folder / "lesson.json").write_text(json.dumps(prepared.value))
        try:
            result = run_process(folder, job)
        except TrainingFailed as failure:
            with job.unit():
                tuning.cancel(row=registry.version(row.pk), why=failure.detail)  # type: ignore[arg-type]
            raise
        files = {path.name: path.read_bytes() for path in (folder / "adapter").iterdir()
                 if path.name in registry.FILES}  # fmt: skip
    _judge(row, prepared, result, files, job)


def prepare(row: ModelVersion) -> Prepared:
    """The engine's lesson from the items that the version was given, personal data masked."""
    items = list(
        LessonItem.objects.filter(version=row)
        .filter(chosen__asset__brief__isnull=False)  # a brief may have been deleted since
        .select_related("chosen__asset__brief", "rejected").order_by("id")
    )  # fmt: skip
    briefs = {i.chosen.asset.brief_id: i.chosen for i in items}
    tasks = {brief: _task(revision) for brief, revision in briefs.items()}
    mask = _Mask(items, tasks.values())
    value: dict[str, Any] = {
        "model": settings.MODEL_NAME,
        "cache": str(settings.VAR / "models"), "examples": [], "pairs": [], "held_out_examples": [],
        "held_out_pairs": [],
        **PLAN,
    }  # fmt: skip
    groups: list[str] = []
    for item in items:
        task = tasks[item.chosen.asset.brief_id]
        side = "held_out_" if item.held_out else ""
        if item.rejected is None:
            value[side + "examples"] += list(_examples(item.chosen, task, mask))
            continue
        pairs = list(_pairs(item, task, mask))
        value[side + "pairs"] += pairs
        groups += [str(item.pk)] * len(pairs) if item.held_out else []
    shown = [copywriting.prompt("body", t, shots=False) for t in list(tasks.values())[:SAMPLES]]
    return Prepared(value, groups, mask.found, shown)


def _task(revision: Revision) -> Assignment:
    """The brief as the model would be told it now; of a person's profile, nothing."""
    from_run = revision.run
    brief = revision.asset.brief
    run = GenerationRun(brief=brief, audience_profile={}, grounding=[])
    if from_run is not None:
        run.grounding = from_run.grounding
        profile = from_run.audience_profile
        run.audience_profile = {} if "contact" in profile else profile
    if not run.grounding:
        run.grounding = grounding.ground_of(brief).sources
    return assignment(run)


class _Mask:
    """Masks personal data in everything that is learned, and counts what it found."""

    def __init__(self, items: list[LessonItem], tasks: Iterable[Assignment]) -> None:
        texts = [t for i in items for r in (i.chosen, i.rejected) if r
                 for t in r.components.values()]  # fmt: skip
        sold = [fact for task in tasks for fact in task.facts]
        self.names = evidence.names_in(texts, but=sold)
        self.found: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        masked = privacy.mask(text, self.names)
        for kind, n in masked.found.items():
            self.found[kind] = self.found.get(kind, 0) + n
        return masked.text


def _examples(revision: Revision, task: Assignment, mask: _Mask) -> Iterator[dict[str, Any]]:
    for part, text in revision.parts:
        if part != "link" and text:
            yield {"messages": copywriting.prompt(part, task, shots=False), "answer": mask(text)}


def _pairs(item: LessonItem, task: Assignment, mask: _Mask) -> Iterator[dict[str, Any]]:
    """The parts in which the two texts differ."""
    worse = item.rejected.components if item.rejected else {}
    for part, text in item.chosen.parts:
        other = worse.get(part, "")
        if part != "link" and text and other and text != other:
            yield {
                "messages": copywriting.prompt(part, task, shots=False), "chosen": mask(text),
                "rejected": mask(other), "weight": item.weight,
            }  # fmt: skip


def run_process(folder: Path, job: Run, engine: str = "workers.engines.tuning") -> dict[str, Any]:
    """Let the engine learn in a process of its own; its progress is the job's. Raises
    TrainingFailed with the reason, Superseded (after stopping it) when a person cancelled."""
    command = [sys.executable, "-m", engine, str(folder)]
    errors = folder / "errors.txt"
    with errors.open("wb") as stderr, subprocess.Popen(  # noqa: S603
        command, cwd=settings.ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:  # fmt: skip
        over = threading.Timer(SECONDS, process.kill)
        over.daemon = True
        over.start()
        try:
            for text in process.stdout or ():
                line = _line(text)
                if line is None:
                    continue
                job.progress(
                    done=line["step"], total=line["steps"],
                    note=_told(engine, line["phase"], f"{line['loss']:.3f}"),
                )  # fmt: skip
            code = process.wait()
        finally:
            over.cancel()
            if process.poll() is None:
                process.kill()
    result = folder / "result.json"
    if code == 0 and result.exists():
        return dict(json.loads(result.read_text()))
    tail = errors.read_text(errors="replace")[-600:].strip()
    raise TrainingFailed(_why(code, tail))


def _told(engine: str, phase: str, loss: str) -> Phrase:
    if engine == DIALOGUE:
        return say("learning %(phase)s, loss %(loss)s", phase=word(phase), loss=loss)
    return say("%(phase)s copy, loss %(loss)s", phase=word(phase), loss=loss)


def _line(text: str) -> dict[str, Any] | None:
    """A step's report; None for what a library prints between."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "step" in line else None


def _why(code: int, tail: str) -> Phrase:
    if code in (KILLED, OUT_OF_MEMORY):
        return say(
            "The training ran out of memory and was stopped; nothing else was touched. Give the "
            "model worker more memory, or choose a smaller model, then train again."
        )
    return say("The training process ended with %(code)s: %(tail)s", code=code, tail=tail or "–")


def _judge(
    row: ModelVersion, prepared: Prepared, result: dict[str, Any], files: dict[str, bytes], job: Run
) -> None:  # fmt: skip
    """The gate's verdict on the held-out pairs, samples before and after, and the meter."""
    before, after = result["before"], result["after"]
    measured = lessons.measure(
        prepared.groups, before["margins"], after["margins"], before["nats_per_token"],
        after["nats_per_token"],
    )  # fmt: skip
    verdict = lessons.after(measured)
    results = {
        "curve": result["curve"][:: max(1, len(result["curve"]) // 200)],
        "right": measured.right, "pairs": measured.pairs, "low": measured.low,
        "high": measured.high, "base_right": measured.base_right,
        "nats_before": measured.nats_before, "nats_after": measured.nats_after,
        "seconds": result["seconds"], "tokens": result["tokens"], "masked": prepared.masked,
    }  # fmt: skip
    with job.unit():
        registry.evaluated(
            row=row, files=files, results=results, passed=verdict.passed, verdict=verdict.why
        )
        meter.record(
            task="training", model=row.base, requests=1, tokens_in=int(result["tokens"]),
            tokens_out=0, seconds=float(result["seconds"]),
        )  # fmt: skip
    _samples(row, prepared.prompts, results, job)


def _samples(row: ModelVersion, shown: list[Messages], results: dict[str, Any], job: Run) -> None:
    """The same briefs written by the base and by the version, for people to compare."""
    job.progress(note=say("writing samples before and after"))
    runtime = models.runtime()
    adapter = models.ready(runtime, row, job.unit)
    samples = []
    for messages in shown:
        asked = [
            Request(messages, 1, 80, 0.6, 0.92, 7, 120, adapter=name) for name in ("", adapter)
        ]
        base, tuned = runtime.generate_many(asked)
        samples.append({"prompt": messages[-1]["content"], "before": base[0].text,
                        "after": tuned[0].text})  # fmt: skip
    with job.unit():
        ModelVersion.objects.filter(pk=row.pk).update(results={**results, "samples": samples})
