"""The assistant's job as a worker runs it: no workspace is open around it, its rows are committed."""

from __future__ import annotations

import pytest

from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from chat.conversations import appending, selectors
from chat.conversations.appending import Said
from chat.conversations.jobs import ANSWER_MESSAGE
from chat.dialogue import running, starters
from chat.knowledge import services as library
from tests.browser.conftest import address, in_database  # noqa: F401 - a fixture
from tests.chat.test_sockets import Place
from tests.workers.test_answering import PARCELS, Tiny, encode
from workers import model_tasks, models, runner
from workers.model_tasks import dialogue

assert model_tasks


@pytest.fixture
def place(address: str, monkeypatch: pytest.MonkeyPatch) -> Place:  # noqa: F811
    model = Tiny("Parcels to Austria take 4 working days.")
    monkeypatch.setattr(models, "embed", encode)
    monkeypatch.setattr(models, "writer", lambda task="writing": (model, None))
    monkeypatch.setattr(dialogue, "_nearest", lambda text, run, keep: {
        **keep, "intents": [["call_back", 0.95]] if "call me" in text else [],
        "in_scope": "call me" in text,
    })  # fmt: skip
    found = Place(address)
    with tenant_context(found.tenant):
        library.save_document(kind="page", title=PARCELS.title, body=PARCELS.text)
        starters.begin("call_back")
    return found


def test_several_messages_are_answered_by_a_worker_that_has_no_workspace_open(place):
    talk = place.conversation
    with tenant_context(place.tenant):
        for text in ("please call me", "How long do parcels to Austria take?", "040 1234567"):
            appending.append(conversation=talk, said=Said(text, "incoming", "visitor"))
        job = JobRow.objects.get(kind=ANSWER_MESSAGE.name, state="pending")
    assert runner.run_job(place.tenant, job.pk) == "done"
    with tenant_context(place.tenant):
        said = selectors.messages(talk)[-1]
        assert said.body.split("\n\n") == [
            "Parcels to Austria take 4 working days.", "When does it suit you?",
        ]  # fmt: skip
        assert running.state(talk).slots == {"phone": "040 1234567"}
