"""Dialogues: the log and its state, the rules around what was learned, scripts, files, tools."""

from __future__ import annotations

import pytest

from attune.kernel.errors import Invalid
from chat.assistant import services
from chat.dialogue import (
    manager,
    repairs,
    running,
)
from chat.dialogue.domain import Domain, Slot, Task, found
from chat.dialogue.state import DialogueEvent, DialogueState, after, replay
from chat.dialogue.turns import Act, Reading, Turn
from tests import make

DOMAIN = Domain(
    slots={
        "area": Slot("area", "choice", "Which part of town?", ("north", "south")),
        "people": Slot("people", "number", "For how many?"),
        "name": Slot("name", "text", "On which name?"),
        "order_number": Slot("order_number", "number", "Which order?"),
    },
    tasks={
        "book": Task("book", "Book a table", "book_table", ("area", "people", "name"), "book_it",
                     "Booked for {people} in the {area}."),
        "status": Task("status", "Where is my order", "order_status", ("order_number",), "look"),
    },
    titles={"book_table": "Book a table", "order_status": "Where is my order", "hours": "Hours"},
    replies={"say_hours": "We are open until {closing}."},
    writes=frozenset({"book_it"}),
)  # fmt: skip


def reading(text: str, *intents: tuple[str, float], **more) -> Reading:
    sure = bool(intents) and intents[0][1] >= 0.6
    return Reading(text, intents, in_scope=sure, **more)


def talk(*turns: Reading, domain: Domain = DOMAIN) -> list[Turn]:
    """The turns of a dialogue; tools answer "done"."""
    state, found_turns = DialogueState(), []
    for one in turns:
        turn = manager.respond(state, one, domain)
        place = 0
        while place < len(turn.acts):
            act = turn.acts[place]
            place += 1
            if act.kind == "tool":
                manager.finish(turn, "done")
            elif act.kind == "answer" and act.otherwise:
                for other in act.otherwise:
                    if other.kind == "clarify":
                        turn.do(repairs.clarify(turn, other.name.split(",")))
                    elif other.kind == "missed":
                        turn.add("missed")
                    elif other.kind == "rephrase":
                        turn.do(repairs.rephrase(turn))
                    else:
                        turn.do(other)
        found_turns.append(turn)
        state = turn.state
    return found_turns


def kinds(turn: Turn) -> list[str]:
    return [e.kind for e in turn.events]


BOOK = reading("A table in the north", ("book_table", 0.9))


def test_a_task_asks_for_what_it_lacks_confirms_and_then_acts():
    first, second, third, fourth = talk(
        BOOK, reading("4"), reading("Lovelace"), reading("yes please")
    )
    assert (first.task.name, first.state.slots) == ("book", {"area": "north"})
    assert [str(a.text) for a in first.acts] == ["For how many?"]
    assert second.state.slots == {"area": "north", "people": "4"}
    assert third.state.awaited.what == "confirm"
    assert "north" in str(third.acts[0].text)
    assert [a.kind for a in fourth.acts] == ["tool", "say"]
    assert fourth.acts[0].arguments == {"area": "north", "people": "4", "name": "Lovelace"}
    assert str(fourth.acts[1].text) == "Booked for 4 in the north."
    assert (fourth.state.stack, fourth.state.done) == ((), ("book",))


def test_nothing_that_changes_something_is_done_without_a_yes():
    for answer in ("maybe", "what?", "no", "the weather is nice"):
        *_, last = talk(BOOK, reading("4"), reading("Lovelace"), reading(answer))
        assert all(a.kind != "tool" for a in last.acts), answer


def test_a_correction_replaces_and_says_so():
    *_, corrected = talk(BOOK, reading("in the south for 4, please"))
    slot = next(e for e in corrected.events if e.kind == "slot" and e.data["name"] == "area")
    assert (slot.data["before"], slot.data["value"]) == ("north", "south")
    assert "south instead of north" in str(corrected.acts[0].text)
    assert corrected.state.slots == {"area": "south", "people": "4"}


def test_at_the_confirmation_a_correction_is_taken_and_asked_again():
    *_, last = talk(BOOK, reading("4"), reading("Lovelace"), reading("in the south instead"))
    assert last.state.slots["area"] == "south"
    assert last.state.awaited.what == "confirm"


def test_a_digression_is_answered_and_the_question_comes_back():
    _, turn = talk(BOOK, reading("are you open on Sunday?", ("hours", 0.9)))
    assert [a.kind for a in turn.acts] == ["answer", "say", "say"]
    assert [str(a.text) for a in turn.acts[1:]] == ["Back to this: Book a table.", "For how many?"]
    assert kinds(turn)[:4] == ["user", "interrupted", "resumed", "asked"]
    assert turn.state.awaited.name == "people"


def test_another_task_comes_first_and_the_first_goes_on_after_it():
    _, second, third = talk(
        BOOK, reading("where is my order?", ("order_status", 0.95)), reading("it is 10023")
    )
    assert [f.name for f in second.state.stack] == ["book", "status"]
    assert second.state.awaited.name == "order_number"
    assert [f.name for f in third.state.stack] == ["book"]
    assert third.state.slots == {"area": "north"}
    assert [str(a.text) for a in third.acts[1:]] == [
        "done", "Back to this: Book a table.", "For how many?"
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["cancel that", "never mind", "forget it", "算了"])
def test_cancel_leaves_the_task(text):
    _, turn = talk(BOOK, reading(text))
    assert (turn.state.stack, kinds(turn)) == ((), ["user", "cancelled"])


def test_what_is_unclear_is_clarified_then_rephrased_then_handed_over():
    unsure = reading("the thing with the table", ("book_table", 0.4), ("hours", 0.3))
    first, second, third = talk(unsure, reading("none of these"), reading("blah", ("hours", 0.1)))
    assert str(first.acts[1].text) == "What do you mean?"
    assert [str(q) for q in first.acts[1].quick] == ["Book a table", "Hours", "None of these"]
    assert second.state.awaited.what == "rephrase"
    assert third.acts[0].otherwise[0] == Act("person", name="pending_clarification")
    chosen = talk(unsure, reading("Book a table"))[1]
    assert chosen.task.name == "book"
    yes = talk(reading("tbl", ("book_table", 0.5)), reading("yes"))[1]
    assert yes.task.name == "book"


def test_a_learned_reply_is_said_only_where_a_person_allowed_it():
    sure = reading("until when", actions=(("say_hours", 0.9), ("book", 0.05)))
    (allowed,) = talk(sure)
    assert (allowed.acts[0].kind, allowed.acts[0].by) == ("say", "policy")
    (barred,) = talk(sure, domain=Domain(titles=DOMAIN.titles))
    assert barred.acts[0].kind == "answer"
    (unsure,) = talk(reading("until when", actions=(("say_hours", 0.5),)))
    assert unsure.acts[0].kind == "answer"


def test_the_policy_chooses_which_slot_to_ask_for():
    (turn,) = talk(reading("a table", ("book_table", 0.9), actions=(("ask_name", 0.9),)))
    assert (turn.state.awaited.name, turn.acts[0].by) == ("name", "policy")


def test_the_trackers_values_win_over_words_where_it_is_sure():
    (turn,) = talk(reading("up town, not south", ("book_table", 0.9),
                           filled={"area": ("north", 0.9)}))  # fmt: skip
    assert turn.state.slots == {"area": "north"}
    (unsure,) = talk(reading("in the south", ("book_table", 0.9), filled={"area": ("north", 0.3)}))
    assert unsure.state.slots == {"area": "south"}


@pytest.mark.parametrize(
    ("slot", "text", "asked", "value"),
    [
        (Slot("area", "choice", "?", ("north", "north east")), "the North East part", False,
         "north east"),
        (Slot("n", "number", "?"), "order #10023 please", False, "10023"),
        (Slot("order_number", "number", "?"), "it is HB-10023", False, "HB-10023"),
        (Slot("people", "number", "?"), "4 on 2026-12-01 with my iPhone15", False, "4"),
        (Slot("area", "choice", "?", ("北部", "南部")), "我想去北部吃饭", False, "北部"),
        (Slot("n", "number", "?"), "no idea", True, ""),
        (Slot("mail", "email", "?"), "it is ada@example.com.", False, "ada@example.com"),
        (Slot("day", "date", "?"), "on 2026-12-01 or so", False, "2026-12-01"),
        (Slot("day", "date", "?"), "明天可以吗", False, "明天"),
        (Slot("phone", "phone", "?"), "040 123 45 67", False, "040 123 45 67"),
        (Slot("name", "text", "?"), "Ada Lovelace", True, "Ada Lovelace"),
        (Slot("name", "text", "?"), "Ada Lovelace", False, ""),
    ],
)  # fmt: skip
def test_slots_are_found_by_their_form(slot, text, asked, value):
    assert found(slot, text, asked=asked) == value


# -- the log --------------------------------------------------------------------------------------


def test_what_nothing_answers_in_a_task_is_counted_until_the_task_goes_on():
    *_, second, third = talk(BOOK, *[reading("hm, well")] * 2)
    assert [a.kind for a in second.acts] == ["answer", "say", "say"]
    assert third.state.misses == 2
    *_, last = talk(BOOK, reading("hm, well"), reading("4"))
    assert last.state.misses == 0


@pytest.mark.parametrize(
    "text", ["sure?", "yes?", "exactly?", "ok but what does it cost", "可以？"]
)
def test_a_doubting_yes_is_no_yes(text):
    *_, last = talk(BOOK, reading("4"), reading("Lovelace"), reading(text))
    assert all(a.kind != "tool" for a in last.acts)
    assert last.state.awaited.what == "confirm"


def test_a_confident_other_task_is_not_swallowed_by_a_form():
    _, turn = talk(BOOK, reading("where is order 10023", ("order_status", 0.9)))
    assert [f.name for f in turn.state.stack] == ["book"]
    assert turn.state.slots == {"area": "north"}
    assert turn.acts[0].arguments == {"order_number": "10023"}


def test_a_task_that_was_taken_away_does_not_trap_the_customer():
    state = DialogueState(stack=talk(BOOK)[0].state.stack)
    turn = manager.respond(state, reading("no"), Domain(titles=DOMAIN.titles))
    assert turn.state.stack == ()
    assert [a.kind for a in turn.acts] == ["answer"]


def test_a_tool_that_refuses_or_fails_completes_nothing():
    for outcome, stack in (("refused", 0), ("failed", 1)):
        turn = manager.respond(DialogueState(), reading("order 10023", ("order_status", 0.9)),
                               DOMAIN)  # fmt: skip
        manager.finish(turn, "sorry", outcome=outcome)
        assert (len(turn.state.stack), turn.state.done) == (stack, ())


def test_the_state_is_the_replay_of_the_log_and_rewinds():
    events = [
        DialogueEvent("user", {"text": "hi"}, 1), DialogueEvent("task", {"name": "book"}, 2),
        DialogueEvent("slot", {"name": "area", "value": "north"}, 3),
        DialogueEvent("slot", {"name": "area", "value": "south", "before": "north"}, 4),
    ]  # fmt: skip
    assert replay(events).slots == {"area": "south"}
    back = [*events, DialogueEvent("rewind", {"to": 3}, 5)]
    assert replay(back).slots == {"area": "north"}
    more = [*back, DialogueEvent("slot", {"name": "people", "value": "2"}, 6)]
    assert replay(more).slots == {"area": "north", "people": "2"}
    with pytest.raises(ValueError, match="no event of a dialogue"):
        after(DialogueState(), DialogueEvent("dance"))


def test_the_log_of_a_conversation_is_numbered_and_a_rewind_is_kept(tenant):
    row = make.conversation("hello")
    steps = [DialogueEvent("user", {"text": "x"}), DialogueEvent("task", {"name": "book"})]
    assert running.append(conversation=row, seq=1, steps=steps) == 2
    assert running.state(row.pk).task == "book"
    assert running.rewind(conversation=row, to=1).task == ""
    assert [e.kind for e in running.events(row.pk)] == ["user", "task", "rewind"]
    with pytest.raises(Invalid):
        running.rewind(conversation=row, to=2)  # it was taken back


@pytest.mark.parametrize(("bodies", "turns"), [
    (["hi", "i want", "a table"], ("hi\ni want\na table",)),
    (["What does it cost?", "Saturday"], ("What does it cost?", "Saturday")),
    (["Saturday", "多少钱？", "ok"], ("Saturday", "多少钱？", "ok")),
    (["Is it free", "?", "I ask you"], ("Is it free\n?\nI ask you",)),
    ([f"Is it {n}?" for n in range(6)],
     ("Is it 0?\nIs it 1?\nIs it 2?", "Is it 3?", "Is it 4?", "Is it 5?")),
    (["Is it free? ", "And soon?"], ("Is it free? ", "And soon?")),
])  # fmt: skip
def test_of_messages_in_a_row_each_question_is_a_turn(bodies, turns):
    assert services.sayings(bodies) == turns
