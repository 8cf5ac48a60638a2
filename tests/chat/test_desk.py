"""The desk's pages: parts that are drawn anew, and what each step answers."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from chat.conversations import services, wire
from chat.conversations.models import Conversation
from chat.inboxes import hours
from chat.inboxes import services as inboxes
from chat.inboxes.forms import read, written
from tests import make


@pytest.fixture
def desk(tenant: make.Place) -> Client:
    client = Client()
    client.force_login(tenant.owner)
    return client


def path(place: make.Place, name: str, *args: object) -> str:
    return reverse(f"conversations:{name}", args=[place.slug, *args])


def test_thread_and_list_are_drawn_anew_as_parts(desk, tenant):
    talk = make.conversation("Is it there?")
    url = path(tenant, "conversation", talk.pk)
    thread = desk.get(url, headers={"HX-Request": "true", "HX-Target": "thread"}).content.decode()
    assert "Is it there?" in thread
    assert "<html" not in thread
    listed = desk.get(url, headers={"HX-Request": "true", "HX-Target": "conversations"})
    assert 'class="talks"' in listed.content.decode()
    assert "<html" not in listed.content.decode()


def test_each_step_of_an_agent_moves_the_conversation_and_comes_back_to_it(desk, tenant):
    talk = make.conversation("Hello")
    steps: list[tuple[str, dict[str, str], str]] = [
        ("take", {}, "open"), ("hand-back", {}, "pending"),
        ("reply", {"body": "Good day", "client_id": uuid.uuid4().hex}, "open"),
        ("note", {"body": "inside"}, "open"), ("priority", {"priority": "3"}, "open"),
        ("labels", {"fresh": "refund, vip"}, "open"), ("assign", {"to": ""}, "open"),
        ("snooze", {"for": "hour"}, "snoozed"), ("reopen", {}, "open"),
        ("resolve", {}, "resolved"), ("reopen", {}, "open"), ("block", {}, "open"),
    ]  # fmt: skip
    for name, sent, state in steps:
        answer = desk.post(path(tenant, name, talk.pk), sent)
        assert answer.status_code == 302, (name, answer.content)
        assert answer.url == path(tenant, "conversation", talk.pk)
        assert Conversation.objects.get(pk=talk.pk).state == state, name
    page = desk.get(path(tenant, "conversation", talk.pk)).content.decode()
    for words in ("Good day", "inside", "refund", "Urgent", "This visitor is blocked."):
        assert words in page


@pytest.mark.parametrize(
    ("name", "sent"),
    [("reply", {"body": "", "client_id": "abcdefgh"}), ("reply", {"body": "x", "client_id": "x"}),
     ("note", {"body": " "}), ("priority", {"priority": "9"}), ("snooze", {"until": "yesterday"}),
     ("snooze", {"until": "2001-01-01T00:00"}), ("assign", {"to": "999999"}),
     ("labels", {"fresh": ",".join(map(str, range(30)))})],
)  # fmt: skip
def test_a_wrong_step_is_refused_and_changes_nothing(desk, tenant, name, sent):
    talk = make.conversation("Hello")
    services.take(conversation=talk, user=tenant.owner)
    before = Conversation.objects.values().get(pk=talk.pk)
    assert desk.post(path(tenant, name, talk.pk), sent).status_code == 422
    assert Conversation.objects.values().get(pk=talk.pk) == before


def test_who_may_only_read_can_do_nothing(tenant):
    talk = make.conversation("Hello")
    client = Client()
    client.force_login(make.member(tenant, "reviewer"))
    assert client.get(path(tenant, "conversation", talk.pk)).status_code == 200
    for name in ("take", "reply", "resolve", "block"):
        assert client.post(path(tenant, name, talk.pk)).status_code == 403
    assert Conversation.objects.get(pk=talk.pk).state == "pending"


@pytest.mark.parametrize(
    ("text", "spans"),
    [("9-12:30, 13:30-18", [[540, 750], [810, 1080]]), ("0-24", [[0, 1440]]), ("", []),
     ("13-18, 9-12", [[540, 720], [780, 1080]])],
)  # fmt: skip
def test_hours_are_read_as_people_write_them(text, spans):
    assert read(text) == spans
    assert read(written(spans)) == spans
    assert hours.wrong({"0": spans} if spans else {}) == ""


@pytest.mark.parametrize("text", ["9", "9-8", "25-26", "9-12, 11-13", "nine to five", "9:75-10"])
def test_hours_that_cannot_be_are_named(desk, tenant, text):
    inbox = make.inbox()
    form = {"name": inbox.name, "day0": text, "colour": "#000000", "bot_name": "A",
            "timezone": "UTC", "first_response_minutes": 1, "resolution_minutes": 1,
            "language": ""}  # fmt: skip
    answer = desk.post(reverse("inboxes:inbox", args=[tenant.slug, inbox.pk]), form)
    assert answer.status_code == 422
    inbox.refresh_from_db()
    assert inbox.hours == {}


def test_origins_are_kept_as_browsers_send_them():
    good = {"https://Shop.Example/": "https://shop.example", "http://a.b:80": "http://a.b",
            "https://a.b:8443": "https://a.b:8443"}  # fmt: skip
    for text, origin in good.items():
        assert inboxes.origin_of(text) == origin
    for text in ("shop.example", "https://a.b/path", "ftp://a.b", "https://u@a.b", "https://a.b:x",
                 "null", "*", "https://"):  # fmt: skip
        assert inboxes.origin_of(text) == "", text


def test_the_customer_sees_that_an_agent_writes_but_not_over_the_assistant(tenant, monkeypatch):
    talk, told = make.conversation("Hello"), []
    monkeypatch.setattr(wire, "push", lambda pk, value, hint=True: told.append((pk, value, hint)))
    services.typing(conversation=talk, user=tenant.owner)
    assert told == []
    Conversation.objects.filter(pk=talk.pk).update(state="open", handler="person")
    talk.refresh_from_db()
    services.typing(conversation=talk, user=tenant.owner)
    assert told == [(talk.pk, {"type": "typing", "who": tenant.owner.name or "Agent"}, False)]
