"""How customers who are not content are spoken to: the choice, its log, its reward."""

from __future__ import annotations

import pytest

from campaigns.decisions.models import Decision
from chat.assistant import quality, register
from chat.conversations import services as desk
from chat.conversations import visiting
from chat.conversations.models import Conversation
from tests import make
from tests.workers.test_answering import answered, ask, tiny
from tests.workers.test_dialogue_turns import live
from workers import model_tasks

assert model_tasks
assert tiny
assert live

SOUR = "How long do parcels to Austria take? That is late."


def test_a_known_customer_who_is_not_content_gets_a_logged_register(live, tenant):
    person = make.contact("ada", email="ada@example.com")
    talk = make.conversation(SOUR)
    Conversation.objects.filter(pk=talk.pk).update(contact=person)
    [reply] = answered(talk)
    choice = Decision.objects.get()
    assert (choice.source, choice.source_id, choice.mode) == ("chat", talk.inbox_id, "explore")
    assert set(choice.propensities) == set(register.ARMS)
    assert sum(choice.propensities.values()) == pytest.approx(1)
    assert min(choice.propensities.values()) >= register.FLOOR - 1e-9
    sorry = reply.body.startswith("I am sorry about that.")
    offers = "Talk to a person" in reply.payload.get("quick_replies", [])
    assert (sorry, offers) == {
        "plain": (False, False), "warm": (True, False), "offer": (True, True)
    }[choice.action]  # fmt: skip
    talk.refresh_from_db()
    assert talk.priority == Conversation.Priority.HIGH
    ask(talk, SOUR)
    answered(talk)
    assert Decision.objects.count() == 1


def test_the_rating_is_the_reward_and_moves_the_shares(live, tenant):
    person = make.contact("ada", email="ada@example.com")
    talk = make.conversation(SOUR)
    Conversation.objects.filter(pk=talk.pk).update(contact=person)
    talk.visitor.contact = person
    talk.visitor.save()
    answered(talk)
    arm = Decision.objects.get().action
    desk.resolve(conversation=talk, by="person")
    visiting.rate(conversation=Conversation.objects.get(pk=talk.pk), rating=1)
    make.run_jobs()
    rated = register.ratings(talk.inbox)
    assert (rated[arm]["n"], rated[arm]["mean"]) == (1, 1.0)
    shares = register.propensities(rated)
    assert shares[arm] == min(shares.values())
    assert [r["mean"] for r in quality.registers() if r["arm"] == arm] == [1.0]


def test_a_visitor_whom_nobody_knows_is_offered_a_person_and_not_logged(live, tenant):
    [reply] = answered(make.conversation(SOUR))
    assert reply.body.startswith("I am sorry about that.")
    assert not Decision.objects.exists()
