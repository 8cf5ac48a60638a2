"""Conversations and the knowledge base over REST."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from chat.conversations import visiting
from chat.conversations.models import Conversation, Message
from chat.knowledge.models import Document, Passage
from tests import make


def client(place: make.Place, *scopes: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {make.key(place, *scopes)}"})


@pytest.fixture
def desk(tenant: make.Place) -> Client:
    return client(tenant, "chat.view", "chat.answer")


def test_conversations_are_listed_by_state_inbox_and_contact(desk):
    one, two = make.conversation("first"), make.conversation("second")
    Conversation.objects.filter(pk=two.pk).update(state="open", handler="person")
    found = desk.get("/v1/conversations").json()
    assert [(r["id"], r["state"], r["last_text"]) for r in found["results"]] == [
        (str(two.pk), "open", "second"), (str(one.pk), "pending", "first"),
    ]  # fmt: skip
    only = desk.get("/v1/conversations", {"state": "open"}).json()["results"]
    assert [r["id"] for r in only] == [str(two.pk)]
    here = desk.get("/v1/conversations", {"inbox": str(one.inbox_id)}).json()["results"]
    assert {r["inbox_id"] for r in here} == {str(one.inbox_id)}
    assert desk.get("/v1/conversations", {"contact": str(uuid.uuid4())}).json()["results"] == []
    for name, value in (("state", "asleep"), ("inbox", "x"), ("contact", "1")):
        refused = desk.get("/v1/conversations", {name: value})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == name


def test_messages_come_in_order_after_a_number(desk):
    talk = make.conversation("first")
    visiting.write(visitor=talk.visitor, conversation=talk.pk, client_id="c" * 8, body="second")
    url = f"/v1/conversations/{talk.pk}/messages"
    assert [(m["seq"], m["author"], m["body"]) for m in desk.get(url).json()] == [
        (1, "visitor", "first"), (2, "visitor", "second"),
    ]  # fmt: skip
    assert [m["seq"] for m in desk.get(url, {"after": 1}).json()] == [2]
    assert desk.get(url, {"after": "-1"}).status_code == 422


def test_an_answer_from_elsewhere_is_stored_once_and_silences_the_assistant(desk):
    talk = make.conversation("Is it there?")
    url = f"/v1/conversations/{talk.pk}/messages"
    body = {"body": "It is.", "author_name": "Mia", "client_id": "ticket-77"}
    first, again = (desk.post(url, body, content_type="application/json") for _ in range(2))
    assert (first.status_code, first.json()) == (201, {"seq": 2, "fresh": True})
    assert again.json() == {"seq": 2, "fresh": False}
    talk.refresh_from_db()
    assert (talk.state, talk.handler, talk.waiting_since) == ("open", "person", None)
    row = Message.objects.get(conversation=talk, seq=2)
    assert (row.kind, row.author, row.author_name, row.author_id) == (
        "outgoing", "agent", "Mia", None,
    )  # fmt: skip
    wrong = desk.post(url, {**body, "client_id": "short"}, content_type="application/json")
    assert wrong.status_code == 422
    assert Message.objects.filter(conversation=talk).count() == 2


def test_an_answer_opens_what_was_resolved(desk):
    talk = make.conversation("Is it there?")
    url = f"/v1/conversations/{talk.pk}"
    moved = desk.post(f"{url}/move", {"verb": "resolve", "ask": False},
                      content_type="application/json").json()  # fmt: skip
    assert (moved["state"], moved["resolved_by"]) == ("resolved", "person")
    assert not talk.ratings.exists()
    desk.post(f"{url}/messages", {"body": "One more thing.", "author_name": "Mia",
                                  "client_id": "ticket-78"}, content_type="application/json")  # fmt: skip
    found = desk.get(url).json()
    assert (found["state"], found["resolved_at"]) == ("open", None)
    desk.post(f"{url}/move", {"verb": "resolve", "ask": False}, content_type="application/json")
    again = desk.post(f"{url}/messages", {"body": "One more thing.", "author_name": "Mia",
                                          "client_id": "ticket-78"},
                      content_type="application/json").json()  # fmt: skip
    assert again == {"seq": again["seq"], "fresh": False}
    assert desk.get(url).json()["state"] == "resolved"  # what was sent before opens nothing


def test_priority_and_labels_are_set_and_a_wrong_one_changes_nothing(desk):
    talk = make.conversation("Hello")
    url = f"/v1/conversations/{talk.pk}"
    done = desk.patch(url, {"priority": 3, "labels": ["parcel", "late"]},
                      content_type="application/json")  # fmt: skip
    assert (done.json()["priority"], sorted(done.json()["labels"])) == (3, ["late", "parcel"])
    assert desk.patch(url, {"priority": 9}, content_type="application/json").status_code == 422
    assert desk.get(url).json()["priority"] == 3


def test_documents_are_put_replaced_and_taken_out(tenant):
    who = client(tenant, "knowledge.view", "knowledge.edit")
    body = {"kind": "faq", "title": "Do you deliver to Denmark?", "body": "Yes, in 3 days.",
            "reference": "help-12"}  # fmt: skip
    made = who.post("/v1/knowledge", body, content_type="application/json")
    assert made.status_code == 201
    again = who.post("/v1/knowledge", {**body, "body": "Yes, in 2 days."},
                     content_type="application/json").json()  # fmt: skip
    assert again["id"] == made.json()["id"]
    assert [p.text for p in Passage.objects.all()] == ["Yes, in 2 days."]
    url = f"/v1/knowledge/{again['id']}"
    changed = who.patch(url, {"title": "Delivery to Denmark?"}, content_type="application/json")
    assert (changed.json()["title"], changed.json()["body"]) == (
        "Delivery to Denmark?", "Yes, in 2 days.",
    )  # fmt: skip
    assert who.post(f"{url}/move", {"verb": "archive"},
                    content_type="application/json").json()["state"] == "archived"  # fmt: skip
    assert who.post(f"{url}/move", {"verb": "archive"},
                    content_type="application/json").status_code == 409  # fmt: skip
    other = who.post("/v1/knowledge", {**body, "reference": "help-13"},
                     content_type="application/json").json()  # fmt: skip
    taken = who.patch(f"/v1/knowledge/{other['id']}", {"reference": "help-12"},
                      content_type="application/json")  # fmt: skip
    assert taken.status_code == 409
    assert "body" not in who.get("/v1/knowledge").json()["results"][0]
    assert who.patch(url, {"title": "Denmark?"}, content_type="application/json").json()[
        "state"] == "archived"  # fmt: skip
    Document.objects.filter(pk=other["id"]).delete()
    empty = who.post("/v1/knowledge", {"title": "x"}, content_type="application/json")
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "body")
    assert Document.objects.count() == 1


def test_a_key_without_the_scope_is_refused(tenant):
    talk = make.conversation("Hello")
    reader = client(tenant, "knowledge.view")
    assert reader.get("/v1/conversations").status_code == 403
    assert reader.post("/v1/knowledge", {"title": "x", "body": "y"},
                       content_type="application/json").status_code == 403  # fmt: skip
    looker = client(tenant, "chat.view")
    assert looker.post(f"/v1/conversations/{talk.pk}/messages",
                       {"body": "x", "author_name": "M", "client_id": "c" * 8},
                       content_type="application/json").status_code == 403  # fmt: skip
    assert Message.objects.filter(conversation=talk).count() == 1
