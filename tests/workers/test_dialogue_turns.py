"""The whole way of a customer's message through reading, rules, tools and log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict
from attune.kernel.models import JobRow
from chat.assistant import drafting, quality
from chat.assistant.models import Draft, Generation
from chat.conversations import handing
from chat.conversations import services as desk
from chat.conversations.models import Conversation, Handoff
from chat.dialogue import lessons, own, registry, running, scripts, starters
from chat.dialogue.models import PastConversation, ToolCall
from tests import make
from tests.workers.test_answering import PARCELS, Tiny, answered, ask, tiny
from workers import model_tasks, models, runner
from workers.engines import nearest
from workers.engines.process_client import ModelAway
from workers.engines.protocol import Asked
from workers.model_tasks import dialogue

assert model_tasks
assert tiny


class Known:
    """A live version that knows these sentences."""

    def __init__(self, **intents: str) -> None:
        self.intents = intents

    def __call__(self, version: Any, asked: Asked, unit: Any = None) -> dict[str, Any]:
        found = [[name, 0.95] for name, text in self.intents.items() if text == asked.text]
        return {"intents": found, "in_scope": bool(found), "filled": {}, "requested": [],
                "actions": []}  # fmt: skip


@pytest.fixture
def live(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tenant: make.Place) -> Known:
    for name in ("order_status", "unsubscribe", "call_back"):
        starters.begin(name)
    row = registry.begin(card={}, author_id=None)
    registry.evaluated(row=row, files={"intents.json": b"{}"}, results={}, passed=True,
                       verdict=lessons.NAMES["intents"])  # fmt: skip
    registry.go_live(row=registry.version(row.pk))
    known = Known(call_back="please call me back", unsubscribe="no more mails",
                  order_status="where is my order")  # fmt: skip
    monkeypatch.setattr(models, "read", known)
    monkeypatch.setattr(dialogue, "_nearest", lambda text, run, keep: keep)
    return known


def test_a_task_runs_through_a_digression_to_its_tool(live, tenant):
    talk = make.conversation("please call me back")
    [first] = answered(talk)
    assert first.body == "On which number may we call you?"
    ask(talk, "How long do parcels to Austria take?")
    [second] = answered(talk)
    assert second.body.split("\n\n") == [
        "Parcels to Austria take 4 working days.", "Back to this: Book a call back.",
        "On which number may we call you?",
    ]  # fmt: skip
    assert second.payload["citations"][0]["title"] == PARCELS.title
    for text in ("040 1234567", "tomorrow"):
        ask(talk, text)
        [reply] = answered(talk)
    assert reply.payload["quick_replies"] == ["Yes", "No"]
    assert not ToolCall.objects.exists()
    ask(talk, "yes")
    [last] = answered(talk)
    assert last.body == "We will call 040 1234567 (tomorrow)."
    assert (ToolCall.objects.get().confirmed, ToolCall.objects.get().state) == (True, "done")
    assert [g.route for g in Generation.objects.order_by("reply_to_seq")] == [
        "task", "generated", "task", "task", "task"
    ]  # fmt: skip
    state = running.state(talk.pk)
    assert (state.stack, state.done) == ((), ("call_back",))


def test_a_question_is_no_time_and_another_time_is_a_correction(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    ask(talk, "040 1234567")
    answered(talk)
    ask(talk, "How long do parcels to Austria take?")
    [reply] = answered(talk)
    assert reply.body.startswith("Parcels to Austria take 4 working days.")
    assert running.state(talk.pk).slots == {"phone": "040 1234567"}
    ask(talk, "at nine")
    answered(talk)
    for text, time in (("no, tomorrow at ten", "tomorrow at ten"), ("friday at noon",) * 2):
        ask(talk, text)
        [reply] = answered(talk)
        assert f"time: {time}). Shall I do that?" in reply.body
    ask(talk, "no, 040 7654321")
    answered(talk)
    ask(talk, "yes")
    answered(talk)
    assert ToolCall.objects.get().arguments == {"phone": "040 7654321", "time": "friday at noon"}


def test_what_is_done_is_not_cancelled_by_beginning_anew(live, tenant):
    talk = make.conversation("please call me back")
    for text in ("040 1234567", "at nine", "yes", "forget about it, please call me back"):
        answered(talk)
        ask(talk, text)
    [reply] = answered(talk)
    assert "Nothing is under way any more" in reply.body
    assert reply.payload["quick_replies"] == ["Talk to a person"]
    assert running.state(talk.pk).stack == ()


def test_a_stranger_is_told_at_once_what_needs_signing_in(live, tenant):
    talk = make.conversation("where is my order")
    [reply] = answered(talk)
    assert reply.body.startswith("For that I must know who you are")
    assert running.state(talk.pk).stack == ()
    assert not ToolCall.objects.exists()


def test_who_is_given_back_with_an_open_question_is_answered(live, tenant):
    talk = make.conversation("Hello")
    desk.reply(conversation=talk, user=tenant.owner, body="Hi!", client_id="c" * 12)
    ask(talk, "please call me back")
    assert answered(talk) == []
    handing.hand_back(conversation=talk)
    [notice, reply] = answered(talk)
    assert (notice.kind, reply.body) == ("notice", "On which number may we call you?")


def test_a_question_and_an_answer_written_together_both_count(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    ask(talk, "How long do parcels to Austria take?")
    ask(talk, "040 1234567")
    [reply] = answered(talk)
    assert reply.body.split("\n\n") == [
        "Parcels to Austria take 4 working days.", "When does it suit you?",
    ]  # fmt: skip
    assert running.state(talk.pk).slots == {"phone": "040 1234567"}
    assert Generation.objects.latest("id").question == (
        "How long do parcels to Austria take?\n040 1234567"
    )


def test_a_yes_in_the_same_breath_agrees_to_nothing(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    ask(talk, "040 1234567")
    answered(talk)
    ask(talk, "tomorrow?")
    ask(talk, "yes")
    [reply] = answered(talk)
    assert reply.body.endswith("Shall I do that?")
    assert not ToolCall.objects.exists()
    ask(talk, "yes")
    answered(talk)
    assert ToolCall.objects.get().state == "done"


def test_a_yes_after_a_tool_in_the_same_breath_agrees_to_nothing(live, tenant):
    talk = make.conversation("please call me back")
    Conversation.objects.filter(pk=talk.pk).update(contact=make.contact("u1"))
    for text in ("040 1234567", "at nine"):
        answered(talk)
        ask(talk, text)
    answered(talk)
    live.intents["order_status"] = "where is my order HB-10023?"
    ask(talk, "where is my order HB-10023?")
    ask(talk, "yes")
    answered(talk)
    assert [c.tool for c in ToolCall.objects.all() if c.tool == "call_back"] == []


def test_what_was_understood_is_not_called_unknown(live, tenant):
    live.intents["call_back"] = "can you call me back?"
    talk = make.conversation("can you call me back?")
    ask(talk, "040 1234567")
    [reply] = answered(talk)
    assert reply.body == "When does it suit you?"


def test_of_two_questions_the_unknown_one_is_named(live, tenant):
    talk = make.conversation("Do you sell bicycles?")
    ask(talk, "How long do parcels to Austria take?")
    [reply] = answered(talk)
    assert reply.body.split("\n\n") == [
        "About “Do you sell bicycles?” I find nothing in what I know.",
        "Parcels to Austria take 4 working days.",
    ]  # fmt: skip


def test_what_nothing_answers_in_a_task_ends_with_a_person(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    for _ in range(2):
        ask(talk, "do you sell bicycles")
        [reply] = answered(talk)
        assert "I find nothing about that" in reply.body
        assert reply.body.endswith("On which number may we call you?")
    ask(talk, "do you sell bicycles")
    answered(talk)
    assert Handoff.objects.get().reason == "pending_clarification"


def test_our_own_conversation_that_ended_well_teaches_as_a_file_would(live, tenant):
    talk = make.conversation("please call me back")
    for text in ("040 1234567", "tomorrow", "yes"):
        answered(talk)
        ask(talk, text)
    answered(talk)
    assert own.take() == 0  # not resolved yet
    desk.resolve(conversation=talk, by="rule")
    assert (own.take(), own.take()) == (1, 0)
    row = PastConversation.objects.get()
    told = [(t["who"], t.get("action", ""), t.get("slots", {})) for t in row.turns]
    assert told == [
        ("customer", "", {}), ("agent", "ask_phone", {}),
        ("customer", "", {"phone": "040 1234567"}), ("agent", "ask_time", {}),
        ("customer", "", {"time": "tomorrow"}), ("agent", "confirm", {}),
        ("customer", "", {}), ("tool", "call_back", {}), ("result", "", {}),
        ("agent", "completed_call_back", {}),
    ]  # fmt: skip
    assert row.turns[0]["intent"] == "call_back"


def test_a_job_that_comes_twice_neither_speaks_nor_acts_twice(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    steps = len(running.events(talk.pk))
    job = JobRow.objects.filter(kind="chat.answer").latest("id")
    JobRow.objects.filter(pk=job.pk).update(state="pending", attempts=0)
    Conversation.objects.filter(pk=talk.pk).update(waiting_since=timezone.now())
    assert answered(talk) == []
    assert len(running.events(talk.pk)) == steps


def test_who_takes_over_while_the_model_reads_is_not_acted_for(live, tenant, monkeypatch):
    talk = make.conversation("please call me back")
    answered(talk)
    for text in ("040 1234567", "tomorrow"):
        ask(talk, text)
        answered(talk)
    ask(talk, "yes")

    def meanwhile(version, asked, unit=None):
        desk.take(conversation=talk, user=tenant.owner)
        return Known()(version, asked)

    monkeypatch.setattr(models, "read", meanwhile)
    said = [m for m in answered(talk) if m.author == "bot"]
    assert (said, ToolCall.objects.exists()) == ([], False)


def test_what_is_written_while_the_model_reads_is_answered_with_the_rest(live, tenant, monkeypatch):
    talk = make.conversation("please call me back")
    for text in ("040 1234567", "tomorrow"):
        answered(talk)
        ask(talk, text)
    answered(talk)
    ask(talk, "yes")

    def meanwhile(version, asked, unit=None):
        monkeypatch.setattr(models, "read", live)
        ask(talk, "no, wait")
        return Known()(version, asked)

    monkeypatch.setattr(models, "read", meanwhile)
    job = JobRow.objects.get(kind="chat.answer", state="pending")
    assert runner.run_job(job.tenant_id, job.pk) == "done"
    assert not ToolCall.objects.exists()  # "yes" alone is not acted upon
    [reply] = answered(talk)
    assert not ToolCall.objects.exists()
    assert "Shall I do that?" in reply.body


def test_a_damaged_version_does_not_silence_the_assistant(live, tenant, monkeypatch):
    def broken(*_: Any) -> Any:
        raise Conflict(lessons.NAMES["intents"])

    monkeypatch.setattr(models, "read", broken)
    [reply] = answered(make.conversation("How long do parcels to Austria take?"))
    assert reply.body == "Parcels to Austria take 4 working days."


def test_before_anything_is_trained_the_nearest_example_says_what_is_meant(tiny, tenant):
    starters.begin("call_back")
    [reply] = answered(make.conversation("please, somebody call me back"))
    assert reply.body == "On which number may we call you?"
    [other] = answered(make.conversation("How long do parcels to Austria take?"))
    assert other.body == "Parcels to Austria take 4 working days."


def test_the_nearest_example_decides_and_what_is_far_is_out_of_scope():
    examples = np.eye(3, dtype=np.float32)
    found = nearest.read(np.array([0.8, 0.6, 0], dtype=np.float32), examples, ["a", "b", None])
    assert [name for name, _ in found["intents"]] == ["a", "b"]
    assert found["in_scope"]
    assert not nearest.read(np.array([0.5, 0.5, 0.7]), examples, ["a", "b", None])["in_scope"]
    assert not nearest.read(np.array([0.6, 0.5, 0.5]), examples, ["a", "b", None])["in_scope"]
    assert nearest.read(np.ones(3), np.zeros((0, 3)), [])["intents"] == []


def test_a_model_that_is_away_leaves_the_rules(live, tenant, monkeypatch):
    def away(*_: Any) -> Any:
        raise ModelAway("gone")

    monkeypatch.setattr(models, "read", away)
    talk = make.conversation("How long do parcels to Austria take?")
    [reply] = answered(talk)
    assert reply.body == "Parcels to Austria take 4 working days."


def test_a_handoff_in_a_task_tells_what_was_learned(live, tenant):
    talk = make.conversation("please call me back")
    answered(talk)
    ask(talk, "040 1234567")
    answered(talk)
    ask(talk, "I want to talk to a human")
    answered(talk)
    assert Handoff.objects.get().slots == {"phone": "040 1234567"}
    assert running.state(talk.pk).handed
    assert running.state(talk.pk).stack == ()


# -- answers proposed to agents -------------------------------------------------------------------


def test_a_proposal_is_written_used_changed_or_thrown_away(tiny, tenant):
    talk = make.conversation("How long do parcels to Austria take?")
    desk.take(conversation=talk, user=tenant.owner)
    talk.refresh_from_db()

    def proposed() -> Draft:
        row = drafting.ask(conversation=talk, by_id=tenant.owner.pk)
        job = JobRow.objects.get(kind="assistant.write_draft", state="pending")
        assert runner.run_job(job.tenant_id, job.pk) == "done"
        row.refresh_from_db()
        return row

    first = proposed()
    assert (first.state, first.text) == ("open", "Parcels to Austria take 4 working days.")
    assert drafting.proposed(talk) == first
    drafting.discard(draft_id=str(first.pk), conversation=talk)
    assert drafting.proposed(talk) is None
    again = proposed()
    assert again.pk == first.pk
    desk.reply(conversation=talk, user=tenant.owner, body=again.text + " Truly.", client_id="a" * 9)
    drafting.settle(draft_id=str(again.pk), conversation=talk, sent=again.text + " Truly.")
    again.refresh_from_db()
    assert (again.state, again.final) == ("edited", again.text + " Truly.")
    assert quality.drafts(quality.since()) == [{"state": "edited", "n": 1, "name": "Sent changed"}]
    with pytest.raises(Exception, match="is answered"):
        drafting.ask(conversation=talk, by_id=None)


def test_a_script_reads_as_the_version_does(live, tenant):
    def read(text, state):
        return dialogue.reading_of(text, live(None, Asked(text)))

    steps = scripts.parse("customer: where is my order\nasks: order_number\ncustomer: 10023\n"
                          "tool: order_status\ncustomer: no more mails\nconfirms: unsubscribe")  # fmt: skip
    assert scripts.run(steps, running.domain(), read) is None
