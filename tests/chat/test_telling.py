"""The log of a dialogue in words."""

from __future__ import annotations

import pytest
from django.utils import translation

from chat.dialogue import running, state, telling
from chat.dialogue.domain import Domain, Task
from chat.dialogue.models import DialogueStep
from chat.dialogue.state import Awaited, DialogueEvent, DialogueState, Frame
from tests import make

DOMAIN = Domain({}, {"book": Task("book", "Book a table", "book_table", ("area",))},
                {"book_table": "Book a table"}, {}, frozenset())  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "told"), [
    ("user", {"text": "A table, please", "intent": "book_table", "confidence": 0.934},
     "The customer: “A table, please” – understood as Book a table, 93 % sure"),
    ("user", {"text": "Hm", "intent": "", "confidence": 0.2}, "The customer: “Hm”"),
    ("task", {"name": "book"}, "Begins: Book a table"),
    ("task", {"name": "gone"}, "Begins: gone"),
    ("slot", {"name": "the_area", "value": "north", "by": "rule"}, "the area is north"),
    ("slot", {"name": "area", "value": "north", "by": "tracker"},
     "area is north, as the tracker read it"),
    ("slot", {"name": "area", "value": "south", "by": "rule", "before": "north"},
     "area is south now, no longer north"),
    ("asked", {"what": "slot", "name": "the_area"}, "Asks for the area"),
    ("asked", {"what": "confirm", "name": "book"}, "Asks for a yes to: Book a table"),
    ("asked", {"what": "clarify", "options": ["book_table", "x"]},
     "Asks what was meant: Book a table, x"),
    ("asked", {"what": "rephrase"}, "Asks for other words"),
    ("bot", {"text": "Which area?", "by": "rule"}, "The assistant: “Which area?”"),
    ("bot", {"text": "Which area?", "by": "policy"},
     "The assistant: “Which area?” – as past conversations teach"),
    ("bot", {"who": "tool", "action": "book_it", "text": "{}"},
     "Calls the tool book_it with {}"),
    ("bot", {"who": "result", "text": "Done."}, "The tool answers: “Done.”"),
    ("completed", {"name": "book", "result": "Booked."}, "Done: Book a table – Booked."),
    ("completed", {"name": "book", "result": ""}, "Done: Book a table"),
    ("refused", {"name": "book", "result": "Full."}, "Refused: Book a table – Full."),
    ("handoff", {"reason": "person"}, "A person takes over: the dialogue starts anew"),
    ("handoff", {"reason": "time"}, "Too long ago to go on: the dialogue starts anew"),
    ("rewind", {"to": 12345}, "A person took back every step after number 12345"),
])  # fmt: skip
def test_each_step_is_a_sentence(kind, data, told):
    assert str(telling.sentence(DialogueEvent(kind, data), DOMAIN)) == told


def test_every_kind_of_step_has_one():
    assert set(telling.SENTENCES) == {*state.STEPS, "rewind"}


def test_where_a_dialogue_stands():
    at = DialogueState(
        (Frame("book", {"area": "north"}),), Awaited("confirm", "book"), "book_table"
    )
    assert [str(told) for told in telling.standing(at, DOMAIN)] == [
        "In the task: Book a table", "Asks for a yes to: Book a table",
        "Last intent: Book a table",
    ]  # fmt: skip
    assert [str(told) for told in telling.standing(DialogueState(), DOMAIN)] == ["In no task"]
    with translation.override("zh-hans"):
        assert "In no task" not in [str(t) for t in telling.standing(DialogueState(), DOMAIN)]


def test_a_dialogue_of_years_is_read_from_its_newest_steps(tenant, monkeypatch):
    monkeypatch.setattr(running, "MOST_STEPS", 3)
    talk = make.conversation("hello")
    running.append(conversation=talk, seq=1, steps=[
        DialogueEvent("user", {"text": str(n)}) for n in range(5)
    ])  # fmt: skip
    assert [(e.n, e.data["text"]) for e in running.events(talk.pk)] == [
        (3, "2"), (4, "3"), (5, "4"),
    ]  # fmt: skip
    assert running.state(talk.pk).said[-1] == ("customer", "4", "")
    assert DialogueStep.objects.count() == 5
