"""Tools, what confirms them, and hostile texts."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from attune.kernel.models import AuditEntry
from campaigns.contacts import imports
from campaigns.contacts.models import Consent
from campaigns.delivery.models import Suppression
from chat.conversations.models import Conversation, Note
from chat.dialogue import (
    running,
    tools,
)
from chat.dialogue.domain import Slot, found
from chat.dialogue.models import (
    DialogueStep,
    ToolCall,
)
from chat.dialogue.state import DialogueEvent
from tests import make

# -- tools ----------------------------------------------------------------------------------------


def known(**traits) -> Conversation:
    person = make.contact("ada", email="ada@example.com", **traits)
    row = make.conversation("hi")
    Conversation.objects.filter(pk=row.pk).update(contact=person)
    row.refresh_from_db()
    return row


def test_an_order_is_found_only_for_whose_it_is(tenant):
    row = known()
    make.record(make.track("ada", "Order Completed", order_id="HB-1", revenue=10),
                make.track("ada", "Order Shipped", order_id="HB-1"),
                make.track("eve", "Order Completed", order_id="HB-2", revenue=10))  # fmt: skip

    def ask(seq, number):
        return tools.call(conversation=row, seq=seq, name="order_status",
                          arguments={"order_number": number}, confirmed=False)  # fmt: skip

    assert str(ask(1, "#hb-1").result).startswith("Order hb-1 is on its way")
    assert ask(2, "HB-2").state == "refused"
    stranger = make.conversation("hi")
    refused = tools.call(conversation=stranger, seq=1, name="order_status",
                         arguments={"order_number": "HB-1"}, confirmed=False)  # fmt: skip
    assert (refused.state, "who you are" in str(refused.result)) == ("refused", True)


def test_unsubscribing_wants_a_yes_and_holds(tenant):
    row = known()
    first = tools.call(conversation=row, seq=1, name="unsubscribe", arguments={}, confirmed=False)
    assert first.state == "refused"
    assert not Suppression.objects.exists()
    again = tools.call(conversation=row, seq=2, name="unsubscribe", arguments={}, confirmed=True)
    assert (again.state, Suppression.objects.get().reason) == ("done", "unsubscribed")
    assert Consent.objects.get().state == "refused"
    assert AuditEntry.objects.filter(action="dialogue.tool").count() == 2


def test_a_call_back_is_not_asked_for_again_and_again(tenant):
    row = make.conversation("hi")
    ends = [
        tools.call(conversation=row, seq=n, name="call_back", confirmed=True,
                   arguments={"phone": f"040 12345{n:02}", "time": "now"}).state
        for n in range(3)
    ]  # fmt: skip
    assert ends == ["done", "refused", "refused"]


def test_a_yes_of_another_day_or_after_a_person_confirms_nothing(tenant):
    row = make.conversation("hi")
    steps = [DialogueEvent("user", {"text": "x"}), DialogueEvent("task", {"name": "unsubscribe"}),
             DialogueEvent("asked", {"what": "confirm", "name": "unsubscribe"})]  # fmt: skip
    running.append(conversation=row, seq=1, steps=steps)
    assert running.resumed(row)[0].awaited.what == "confirm"
    DialogueStep.objects.update(created_at=timezone.now() - timedelta(hours=1))
    state, n = running.resumed(row)
    assert (state.awaited, state.task, n) == (None, "unsubscribe", 4)
    Conversation.objects.filter(pk=row.pk).update(person_since=timezone.now())
    row.refresh_from_db()
    state, n = running.resumed(row)
    assert (state.stack, n) == ((), 5)
    assert running.resumed(row)[1] == 5


def test_hostile_texts_are_read_in_linear_time():
    many = Slot("area", "choice", "?", tuple(f"v{n}" for n in range(500)))
    code = Slot("order_number", "number", "?")
    for text in ("v " * 8000, "a-" * 8000, "v1 " * 5000, "=" * 16000):
        assert len(found(many, text, asked=True)) <= 4
        assert len(found(code, text, asked=True)) <= 24
    assert imports.clean("=" * 200_000 + "x") == "x"
    assert imports.clean("=-5") == "-5"
    header = ",".join(["a"] * 5000).encode() + b"\n" + b",".join([b"1"] * 5000)
    [row] = imports.rows(io.BytesIO(header), format="csv")
    assert list(row.cells)[:3] == ["a", "a (2)", "a (3)"]


def test_a_question_calls_a_tool_once(tenant):
    row = make.conversation("hi")
    given = {"phone": "040 1234567", "time": "tomorrow"}
    for _ in range(2):
        tools.call(conversation=row, seq=1, name="call_back", arguments=given, confirmed=True)
    assert Note.objects.filter(conversation=row, kind="activity").count() == 1
    assert ToolCall.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        ToolCall.objects.create(conversation=row, seq=1, tool="call_back", state="done",
                                digest=ToolCall.objects.get().digest)  # fmt: skip
