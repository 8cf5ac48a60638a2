"""Dialogue versions: trained in a process of their own with a tiny encoder, judged, live."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attune.kernel import jobs
from attune.kernel.models import JobRow
from chat.dialogue import lessons, registry, starters, taking, training
from chat.dialogue.models import DialogueFile, DialogueVersion
from chat.dialogue.state import DialogueState
from chat.dialogue.training import Refused
from tests import make
from tests.workers.test_answering import Tiny, tiny
from tests.workers.test_dialogue_engines import AREAS, SHORT, base
from workers import model_tasks, models, runner
from workers.engines import readers
from workers.engines.protocol import Asked, ReaderMissing
from workers.model_tasks import dialogue

assert model_tasks
assert tiny
assert base


@pytest.fixture
def house(base: Path, monkeypatch: pytest.MonkeyPatch, tenant: make.Place) -> make.Place:
    """Training is short and begins from the tiny encoder; this process reads by itself."""
    held = readers.Readers(base)
    recipes = {
        "intents": SHORT,
        "tracker": {**SHORT, "epochs": 6},
        "policy": {**SHORT, "epochs": 4},
    }
    monkeypatch.setattr(dialogue, "PLAN", {"base": str(base), "recipes": recipes})
    monkeypatch.setattr(dialogue, "KEPT", OrderedDict())
    monkeypatch.setattr(models, "_readers", lambda: held)
    monkeypatch.setattr(models, "runtime", lambda: Tiny())
    return tenant


def taught() -> None:
    starters.begin("order_status")
    starters.begin("unsubscribe")


def trained() -> DialogueVersion:
    row = training.request(author_id=None, now=timezone.now())
    assert runner.run_job(row.tenant_id, row.job.pk) == "done", JobRow.objects.get().error
    return registry.version(row.pk)


def test_too_little_is_refused_with_what_is_missing(house):
    with pytest.raises(Refused, match="0 intents with 6 examples"):
        training.request(author_id=None, now=timezone.now())
    assert not DialogueVersion.objects.exists()


def test_a_version_is_trained_from_all_that_there_is_and_goes_live(house):
    taught()
    talks = "\n".join(_talk(n) for n in range(60))
    taking.upload(file=SimpleUploadedFile("t.jsonl", talks.encode()), by_id=None)
    assert make.run_jobs() == ["done"]
    row = trained()
    assert row.state == "evaluated", row.verdict
    assert set(row.results["parts"]) == {"intents", "tracker", "policy"}
    assert [name for name, _ in row.results["scripts"]] == [
        "Say where an order is", "Unsubscribe from e-mail"
    ]  # fmt: skip
    assert row.results["parts"]["tracker"]["n"] == 2 * row.card["held_conversations"]
    assert {f.name for f in DialogueFile.objects.all()} == registry.FILES
    DialogueVersion.objects.filter(pk=row.pk).update(gate="passed")
    registry.go_live(row=registry.version(row.pk))
    text, intent = training.lesson().texts[0]
    reading = dialogue.read(registry.live_one(), text, DialogueState(),
                            runner.Run(JobRow(tenant_id=house.id), row.pk))  # fmt: skip
    assert (reading.intent, reading.confidence > 0.5) == (intent, True)
    again = trained()
    assert again.results["parts"]["intents"]["live"] is not None
    assert again.card["live"] == row.number


def _talk(n: int) -> str:
    area = AREAS[n % 4]
    return (
        f'{{"id": "t{n}", "turns": [{{"who": "customer", "text": "a table please"}}, '
        f'{{"who": "agent", "text": "Which area?", "action": "ask_area"}}, '
        f'{{"who": "customer", "text": "the {area} part", "slots": {{"area": "{area}"}}}}, '
        f'{{"who": "agent", "text": "Booked.", "action": "done"}}]}}'
    )


def test_a_training_that_ends_badly_says_so_and_touches_nothing(house, monkeypatch):
    taught()
    monkeypatch.setattr(dialogue, "PLAN", {"base": "/nowhere"})
    row = training.request(author_id=None, now=timezone.now())
    assert runner.run_job(row.tenant_id, row.job.pk) == "quarantined"
    row = registry.version(row.pk)
    assert (row.state, row.digest) == ("failed", "")
    assert "nowhere" in str(row.verdict)
    second = training.request(author_id=None, now=timezone.now())
    jobs.cancel(second.job)
    assert registry.version(second.pk).state == "failed"


def test_damaged_files_are_not_read(house):
    row = registry.begin(card={}, author_id=None)
    registry.evaluated(row=row, files={"intents.json": b"{}"}, results={}, passed=True,
                       verdict=lessons.NAMES["intents"])  # fmt: skip
    row = registry.version(row.pk)
    DialogueFile.objects.update(content=b"{ }")
    with pytest.raises(Exception, match="damaged"):
        registry.files_of(row)
    with pytest.raises(ReaderMissing):
        readers.Readers().read(row.digest, Asked("x"))


def test_a_changed_sentence_alone_is_read_anew(monkeypatch):
    asked: list[str] = []

    def embed(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(t), 1.0] for t in texts], dtype=np.float32)

    monkeypatch.setattr(dialogue, "KEPT", OrderedDict())
    monkeypatch.setattr(dialogue, "MOST_KEPT", 3)
    monkeypatch.setattr(models, "embed", embed)
    assert dialogue._vectors(["a", "bb", "a"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert dialogue._vectors(["bb", "ccc", "a"]).tolist() == [[2, 1], [3, 1], [1, 1]]
    assert asked == ["a", "bb", "ccc"]
    dialogue._vectors(["dddd"])
    assert list(dialogue.KEPT) == ["ccc", "a", "dddd"]
