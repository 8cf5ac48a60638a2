"""The assistant's pages: teaching, files, versions, the log, and proposals at the desk."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from attune.kernel.phrases import say
from chat.assistant.models import Draft, Generation
from chat.conversations import services as desk
from chat.dialogue import registry, running, starters
from chat.dialogue.models import (
    Action,
    DialogueVersion,
    Example,
    Intent,
    PastConversation,
    PastImport,
    Script,
    Slot,
    Task,
    ToolCall,
)
from chat.dialogue.state import DialogueEvent
from tests import make
from tests.chat.test_teaching import GOOD


@pytest.fixture
def owner(tenant: make.Place) -> Client:
    client = Client()
    client.force_login(tenant.owner)
    return client


def path(place: make.Place, name: str, *args: object) -> str:
    return reverse(name, args=[place.slug, *args])


def test_an_empty_assistant_begins_with_its_tools(owner, tenant):
    page = owner.get(path(tenant, "dialogue:overview")).content.decode()
    assert "can do nothing yet" in page
    assert page.count("Set it up") == 3
    answer = owner.post(path(tenant, "dialogue:begin"), {"tool": "call_back"})
    assert answer.url == path(tenant, "dialogue:overview")
    assert Task.objects.get().slots == ["phone", "time"]
    again = owner.get(answer.url).content.decode()
    assert again.count("Set it up") == 2
    assert owner.post(path(tenant, "dialogue:begin"), {"tool": "rm"}).status_code == 404


def test_what_is_taught_is_kept_by_its_forms(owner, tenant):
    def send(page: str, /, **fields: str):
        return owner.post(path(tenant, f"dialogue:{page}"), fields)

    assert send("new-intent", name="hours", title="Hours", enabled="on",
                examples="when are you open\nopen on sunday").status_code == 302  # fmt: skip
    intent = Intent.objects.get()
    assert sorted(e.text for e in Example.objects.all()) == ["open on sunday", "when are you open"]
    assert send("new-slot", name="day", kind="choice", ask="Which day?",
                values="monday\ntuesday").status_code == 302  # fmt: skip
    assert send("new-task", name="ask", title="Ask", intent=str(intent.pk), slots="day",
                tool="call_back", enabled="on").status_code == 302  # fmt: skip
    assert Task.objects.get().slots == ["day"]
    assert send("new-script", name="s", enabled="on",
                steps="customer: when are you open\nasks: day").status_code == 302  # fmt: skip
    assert Script.objects.get().steps == [
        {"customer": "when are you open", "expect": [["asks", "day"]]}
    ]
    assert send("outside", examples="sing").status_code == 302
    for name, fields, words in (
        ("new-intent", {"name": "hours", "title": "Twice"}, "already"),
        ("new-slot", {"name": "x", "kind": "choice", "ask": "?"}, "values that can be chosen"),
        ("new-task", {"name": "y", "title": "Y", "intent": str(intent.pk), "slots": "nope"},
         "no slot"),
        ("new-script", {"name": "t", "steps": "customer: x\nsings: y"}, "Line 2"),
    ):  # fmt: skip
        answer = send(name, **fields)
        assert (answer.status_code, words in answer.content.decode()) == (422, True), name
    assert Slot.objects.count() == 1


def test_a_changed_intent_is_merged_with_what_another_changed(owner, tenant):
    starters.begin("call_back")
    intent = Intent.objects.get()
    url = path(tenant, "dialogue:intent", intent.pk)
    page = owner.get(url)
    form = page.context["form"]
    fields = {"name": "call_back", "title": "Ring me", "examples": form.initial["examples"],
              "enabled": "on", "base": page.context["editing"].base}  # fmt: skip
    assert owner.post(url, fields).status_code == 302
    intent.refresh_from_db()
    assert (intent.title, intent.examples.count()) == ("Ring me", 8)


def test_a_reply_is_allowed_by_a_person(owner, tenant):
    row = Action.objects.create(name="greet", text="Hello")
    owner.post(path(tenant, "dialogue:allow", row.pk), {"text": "Good day", "allowed": "on"})
    assert running.domain().replies == {"greet": "Good day"}
    owner.post(path(tenant, "dialogue:allow", row.pk), {"text": "Good day"})
    assert running.domain().replies == {}


def test_a_file_comes_in_shows_its_problems_and_goes(owner, tenant):
    content = "\n".join([json.dumps(GOOD), "{rubbish"])
    answer = owner.post(path(tenant, "dialogue:upload"),
                        {"file": SimpleUploadedFile("t.jsonl", content.encode())})  # fmt: skip
    row = PastImport.objects.get()
    assert answer.url == path(tenant, "dialogue:past-file", row.pk)
    make.run_jobs()
    page = owner.get(answer.url).content.decode()
    assert "not valid JSON" in page
    assert "A table in the north" in page
    owner.post(path(tenant, "dialogue:forget", row.pk))
    assert not PastConversation.objects.exists()
    assert owner.post(path(tenant, "dialogue:upload")).status_code == 422


def test_a_version_goes_live_and_back_by_a_person(owner, tenant):
    assert owner.post(path(tenant, "dialogue:train")).status_code == 409
    row = registry.begin(card={"slots": {"area": 4}}, author_id=None)
    part = {"right": 9, "n": 10, "rule": 0.2, "live": None, "low": 0.6, "high": 0.98}
    registry.evaluated(row=row, files={"intents.json": b"{}"}, passed=True, verdict=say("Good."),
                       results={"parts": {"intents": part}, "scripts": [["one", "it broke"]],
                                "seconds": 3, "masked": {"email": 2}})  # fmt: skip
    url = path(tenant, "dialogue:version", row.pk)
    page = owner.get(url).content.decode()
    for words in ("90.0 %", "it broke", "Masked: email", "Let it talk to customers"):
        assert words in page, words
    move = path(tenant, "dialogue:move", row.pk)
    assert owner.post(move, {"verb": "dance"}).status_code == 409
    assert owner.post(move, {"verb": "go_live"}).status_code == 302
    assert DialogueVersion.objects.get().state == "live"
    assert owner.post(move, {"verb": "roll_back"}).status_code == 302
    assert DialogueVersion.objects.get().state == "retired"


def test_the_log_shows_every_step_and_takes_back(owner, tenant):
    talk = make.conversation("hello")
    running.append(conversation=talk, seq=1, steps=[
        DialogueEvent("user", {"text": "hello"}), DialogueEvent("task", {"name": "book"}),
    ])  # fmt: skip
    ToolCall.objects.create(conversation=talk, seq=1, tool="call_back", state="done",
                            result=say("We call."), confirmed=True)  # fmt: skip
    url = path(tenant, "dialogue:log", talk.pk)
    page = owner.get(url).content.decode()
    for words in ("The customer: “hello”", "Begins: book", "In the task: book"):
        assert words in page, words
    assert "confirmed by the customer" in page
    owner.post(path(tenant, "dialogue:rewind", talk.pk), {"to": "1"})
    assert "In no task" in owner.get(url).content.decode()
    assert owner.post(path(tenant, "dialogue:rewind", talk.pk), {"to": "x"}).status_code == 422
    mood = owner.get(path(tenant, "assistant:mood", talk.pk)).content.decode()
    assert "What the assistant understood" in mood


def test_a_proposal_is_asked_for_used_and_thrown_away_at_the_desk(owner, tenant):
    talk = make.conversation("Is it there?")
    url = path(tenant, "assistant:draft", talk.pk)
    assert "Propose an answer" not in owner.get(url).content.decode()  # the assistant answers
    desk.take(conversation=talk, user=tenant.owner)
    assert "Propose an answer" in owner.get(url).content.decode()
    asked = owner.post(path(tenant, "assistant:ask-draft", talk.pk)).content.decode()
    assert "reads what you know" in asked
    row = Draft.objects.get()
    Draft.objects.update(state="open", text="It is.")
    shown = owner.get(url).content.decode()
    assert 'id="draft-text">It is.' in shown
    send = path(tenant, "assistant:send-draft", talk.pk) + f"?draft={row.pk}"
    assert owner.post(send, {"body": "It is.", "client_id": "c" * 12}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.final) == ("accepted", "It is.")
    assert owner.get(url).content.decode().strip() == ""


def test_the_quality_page_keeps_the_ledger(owner, tenant):
    talk = make.conversation("Is it there?")
    Generation.objects.create(conversation=talk, reply_to_seq=1, seq=2, route="none", question="?")
    desk.take(conversation=talk, user=tenant.owner)
    desk.resolve(conversation=talk, by="person")
    page = owner.get(path(tenant, "assistant:quality")).content.decode()
    assert "What came of the newest conversations" in page
    assert str(talk) in page


@pytest.mark.parametrize("role", ["analyst", "agent"])
def test_who_may_not_train_or_move_is_told_so(tenant, role):
    client = Client()
    client.force_login(make.member(tenant, role))
    row = registry.begin(card={}, author_id=None)
    assert client.post(path(tenant, "dialogue:train")).status_code == 403
    assert client.post(path(tenant, "dialogue:move", row.pk), {"verb": "x"}).status_code == 403
