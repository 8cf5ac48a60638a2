"""What the assistant is taught: sentences, scripts, past conversations, and the gate of a version."""

from __future__ import annotations

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from chat.conversations.models import Message
from chat.dialogue import (
    lessons,
    own,
    past,
    registry,
    running,
    scripts,
    services,
    starters,
    taking,
    tools,
)
from chat.dialogue.lessons import Part
from chat.dialogue.models import (
    Action,
    Example,
    Intent,
    PastConversation,
    PastImport,
    Script,
)
from chat.dialogue.models import Slot as SlotRow
from chat.dialogue.past import Past, Problem
from chat.dialogue.scripts import WrongScript
from chat.dialogue.state import DialogueEvent
from chat.dialogue.turns import Reading
from tests import make


def reading(text: str, *intents: tuple[str, float], **more) -> Reading:
    sure = bool(intents) and intents[0][1] >= 0.6
    return Reading(text, intents, in_scope=sure, **more)


# -- teaching -------------------------------------------------------------------------------------


def test_a_sentence_means_one_thing(tenant):
    services.save_intent(name="a", title="A", examples=["where is it", "where  is it"])
    assert Example.objects.count() == 1
    with pytest.raises(Invalid, match="means one thing"):
        services.save_intent(name="b", title="B", examples=["where is it"])
    assert not Intent.objects.filter(name="b").exists()
    with pytest.raises(Invalid, match="already"):
        services.save_intent(name="a", title="again", examples=[])
    with pytest.raises(Invalid):
        services.save_outside(examples=["where is it"])
    services.save_outside(examples=["sing"])
    with pytest.raises(Invalid, match="out of scope"):
        services.save_intent(name="c", title="C", examples=["sing"])
    with pytest.raises(Invalid, match="stays as it is"):
        services.save_intent(intent=Intent.objects.get(), name="z", title="A")


def test_a_starter_makes_a_task_that_its_script_guards(tenant):
    for name in tools.TOOLS:
        starters.begin(name)
    with pytest.raises(Conflict):
        starters.begin("call_back")
    domain = running.domain()

    def read(text, state):
        intent = Example.objects.filter(text=text).values_list("intent__name", flat=True).first()
        return reading(text, (intent, 0.95)) if intent else reading(text)

    assert {s.name: scripts.run(s.steps, domain, read) for s in Script.objects.all()} == {
        "Say where an order is": None, "Unsubscribe from e-mail": None, "Book a call back": None,
    }  # fmt: skip
    broken = scripts.parse("customer: please call me back\nasks: time")
    assert "asks: time" in str(scripts.run(broken, domain, read))


def test_a_script_with_an_unknown_line_is_refused_by_its_number():
    with pytest.raises(WrongScript) as wrong:
        scripts.parse("customer: hi\nasks: area\nsings: a song")
    assert wrong.value.line == 3
    assert "Line 3" in str(wrong.value.why)
    steps = scripts.parse("customer: hi\nasks: area\nslot: area=north")
    assert scripts.parse(scripts.written(steps)) == steps


# -- past conversations ---------------------------------------------------------------------------

GOOD = {"id": "c1", "turns": [
    {"who": "user", "text": "A table in the north", "intent": "book table",
     "slots": {"area": "north"}},
    {"who": "wizard", "text": "For how many?", "action": "ask_people", "asks": ["people"]},
]}  # fmt: skip


def lines(*rows) -> io.BytesIO:
    return io.BytesIO("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows).encode())


def test_jsonl_is_checked_line_by_line():
    rows = list(past.read(lines(GOOD, "{nonsense", {"id": "x", "turns": [{"who": "cat"}] * 2},
                                {"turns": GOOD["turns"]}, {**GOOD, "id": "c2"}), "jsonl"))  # fmt: skip
    assert [type(r).__name__ for r in rows] == ["Past", "Problem", "Problem", "Problem", "Past"]
    one = rows[0]
    assert one.turns[0] == {"who": "customer", "text": "A table in the north",
                            "intent": "book_table", "slots": {"area": "north"}}  # fmt: skip
    assert (one.has_slots, one.has_actions) == (True, True)
    assert [(p.line, p.field) for p in rows if isinstance(p, Problem)] == [
        (2, "row"), (3, "who"), (4, "id")
    ]  # fmt: skip


def test_csv_gathers_the_rows_of_a_conversation():
    text = (
        "conversation,who,text,slots,requests,action\n"
        "a,customer,north please,area=north; people=2,phone,\n"
        "a,agent,For how many?,,,ask_people\n"
        "b,customer,hello,,,\n"
        "b,agent,Hello!,,,greet\n"
        "a,customer,again,,,\n"
    )
    rows = list(past.read(io.BytesIO(text.encode()), "csv"))
    first, second, scattered, alone = rows
    assert isinstance(first, Past)
    assert first.turns[0]["slots"] == {"area": "north", "people": "2"}
    assert first.turns[0]["requests"] == ["phone"]
    assert isinstance(second, Past)
    assert "do not stand together" in str(scattered.why)
    assert alone.field == "turns"


def upload(*rows, name="talks.jsonl") -> PastImport:
    file = SimpleUploadedFile(name, lines(*rows).getvalue())
    return taking.upload(file=file, by_id=None)


def test_a_file_is_taken_once_and_teaches_names(tenant):
    of = upload(GOOD, "{nonsense", {**GOOD, "id": "c2"}, GOOD)
    assert make.run_jobs() == ["done"]
    of.refresh_from_db()
    assert (of.state, of.accepted, of.known, of.rejected) == ("finished", 2, 1, 1)
    assert [p.line for p in of.problems.all()] == [2]
    assert Intent.objects.get().title == "Book table"
    assert SlotRow.objects.get().values == ["north"]
    action = Action.objects.get()
    assert (action.name, action.text, action.seen, action.allowed) == (
        "ask_people", "For how many?", 2, False
    )  # fmt: skip
    with pytest.raises(Conflict, match="already"):
        upload(GOOD, "{nonsense", {**GOOD, "id": "c2"}, GOOD)
    assert taking.forget_past(of=of) == 2
    assert not PastConversation.objects.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.exe", b"x"), ("a.jsonl", b""), ("a.jsonl", b"{}\n"), ("a.csv", b"\xff\xfe\x00"),
     ("a.csv", b"conversation,who,text\nx,customer,alone\n")],
)  # fmt: skip
def test_rubbish_is_refused_with_a_reason(tenant, name, content):
    with pytest.raises(Invalid):
        taking.upload(file=SimpleUploadedFile(name, content), by_id=None)
    assert not PastImport.objects.exists()


GOOD_TURNS = [
    {"who": "customer", "text": "I am Ada", "slots": {"area": "north", "phone": "0401234567"}},
    {"who": "agent", "text": "Hello Ada", "action": "greet"},
]

# -- lessons and the gate -------------------------------------------------------------------------


def test_a_lesson_holds_a_fifth_out_masks_and_says_what_it_lacks():
    examples = [(f"where is parcel {n}", "status") for n in range(10)]
    examples += [(f"open on day {n}? write to ada{n}@example.com", "hours") for n in range(10)]
    lesson = lessons.gather(examples, ["sing"], [], {}, [])
    assert (len(lesson.texts), len(lesson.held_texts), lesson.parts) == (14, 6, ["intents"])
    assert lesson.masked == {"email": 10}
    assert not [t for t, _ in lesson.texts + lesson.held_texts if "@" in t]
    assert len(lesson.lacking) == 2
    assert lessons.before(lesson).passed
    named = lessons.gather([], [], [(GOOD_TURNS, n % 5 == 0) for n in range(40)],
                           {"area": ["north"]}, [], names=["Ada"])  # fmt: skip
    assert named.slots == {"area": ["north"]}
    assert all(set(t.get("slots", {})) <= {"area"} for talk in named.talks for t in talk)
    assert "Ada" not in str(named.talks)
    titled = lessons.gather(examples, [], [], {}, [], titles={"hours": "Opening hours", "x": "X"})
    assert set(titled.texts) - set(lesson.texts) == {("Opening hours", "hours")}
    assert titled.held_texts == lesson.held_texts
    refused = lessons.before(lessons.gather(examples[:7], [], [], {}, []))
    assert not refused.passed
    assert "1 intents with 6 examples" in str(refused.why)


def test_the_gate_wants_more_than_the_rule_no_step_back_and_every_script():
    good = Part("intents", 95, 100, rule=0.5)
    assert lessons.after([good], []).passed
    assert not lessons.after([Part("policy", 52, 100, rule=0.5)], []).passed
    assert not lessons.after([Part("intents", 80, 100, rule=0.5, live=0.95)], []).passed
    assert not lessons.after([good], [], {"intents", "tracker"}).passed
    assert not lessons.after([], []).passed
    assert lessons.after([good, Part("tracker", 144, 144, rule=1.0)], []).passed
    assert not lessons.after([good, Part("tracker", 143, 144, rule=1.0)], []).passed
    assert lessons.after([Part("intents", 93, 100, rule=0.5, live=0.95)], []).passed
    broken = lessons.after([good], [("fine", None), ("call", say("no"))])
    assert not broken.passed
    assert "1 script fails, first “call”" in str(broken.why)


def test_only_what_passed_goes_live_and_the_one_before_comes_back(tenant):
    def made(passed: bool):
        row = registry.begin(card={}, author_id=None)
        registry.evaluated(row=row, files={"intents.json": b"{}"}, results={}, passed=passed,
                           verdict=say("x"))  # fmt: skip
        return registry.version(row.pk)

    with pytest.raises(Conflict):
        registry.go_live(row=made(False))
    first, second = made(True), made(True)
    registry.go_live(row=first)
    registry.go_live(row=registry.version(second.pk))
    assert registry.live_one() == second
    with pytest.raises(Conflict, match="not live any more"):
        registry.roll_back(row=registry.version(first.pk))
    assert registry.roll_back(row=registry.version(second.pk)) == first
    assert registry.live_one() == first
    assert registry.roll_back(row=registry.version(first.pk)) is None
    assert registry.live_one() is None
    registry.go_live(row=registry.version(second.pk))
    registry.retire(row=registry.version(second.pk))
    assert registry.live_one() is None


def test_one_version_is_trained_at_a_time(tenant):
    registry.begin(card={}, author_id=None)
    with pytest.raises(Conflict):
        registry.begin(card={}, author_id=None)


def test_what_was_written_together_teaches_as_it_was_read(tenant):
    said = [
        Message(seq=1, kind="incoming", body="How long"), Message(seq=2, kind="incoming", body="?"),
        Message(seq=3, kind="incoming", body="040 1234567"),
        Message(seq=4, kind="outgoing", body="3 days. When?"),
        Message(seq=5, kind="incoming", body="at ten"),
    ]  # fmt: skip
    log = {3: [
        DialogueEvent("user", {"text": "How long\n?", "intent": "hours"}),
        DialogueEvent("user", {"text": "040 1234567", "intent": ""}),
        DialogueEvent("slot", {"name": "phone", "value": "040 1234567"}),
        DialogueEvent("asked", {"what": "slot", "name": "time"}),
    ]}  # fmt: skip
    assert own.turns_of(said, log) == [
        {"who": "customer", "text": "How long\n?", "intent": "hours"},
        {"who": "customer", "text": "040 1234567", "slots": {"phone": "040 1234567"}},
        {"who": "agent", "text": "3 days. When?", "action": "ask_time", "asks": ["time"]},
        {"who": "customer", "text": "at ten"},
    ]
