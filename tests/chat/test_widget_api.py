"""What the widget's HTTP calls let in, and from where: origins, tokens, identities, files."""

from __future__ import annotations

import io
import time
import uuid
from typing import Any

import jwt
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Contact, Event
from chat.assistant.models import Generation, Report
from chat.conversations.models import Attachment, Conversation, Message, Visitor
from chat.inboxes import services as inboxes
from tests import make

SITE = "https://shop.example"
pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> make.Place:
    cache.clear()
    return make.workspace("acme")


@pytest.fixture
def inbox(place: make.Place) -> Any:
    with tenant_context(place.id):
        return make.inbox(allowed_origins=[SITE])


def call(inbox: Any, path: str, body: Any = None, *, token: str = "", origin: str = SITE) -> Any:
    headers = {"Origin": origin} if origin else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    client = Client(headers=headers)
    url = f"/chat/{inbox.public_key}/{path}"
    if body is None:
        return client.get(url)
    return client.post(url, body, content_type="application/json")


def start(inbox: Any, body: str = "Hello", **more: Any) -> dict[str, Any]:
    given = {"key": "k" * 32, "client_id": uuid.uuid4().hex, "body": body, **more}
    answer = call(inbox, "start", given)
    assert answer.status_code == 201, answer.content
    return answer.json()


def signed(inbox: Any, place: make.Place, **claims: Any) -> str:
    with tenant_context(place.id):
        secret = inboxes.secret_of(inbox)
    said = {"sub": "customer-1", "email": "ada@example.com", "name": "Ada",
            "exp": int(time.time()) + 600, **claims}  # fmt: skip
    return jwt.encode(said, secret, algorithm="HS256")


def test_a_foreign_origin_is_refused_and_reads_nothing(inbox):
    for origin in ("https://evil.example", "null", "https://shop.example.evil.example",
                   "http://shop.example"):  # fmt: skip
        answer = call(inbox, "config", origin=origin)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert call(inbox, "start", {"key": "k" * 32, "client_id": "abcdefgh", "body": "x"},
                    origin=origin).status_code == 403  # fmt: skip
    known = call(inbox, "config")
    assert known.headers["Access-Control-Allow-Origin"] == SITE
    assert "Origin" in known.headers["Vary"]


def test_the_preflight_is_answered_for_allowed_sites_alone(inbox):
    client = Client()
    url = f"/chat/{inbox.public_key}/start"
    assert client.options(url, headers={"Origin": SITE}).status_code == 204
    assert client.options(url, headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_method_that_an_address_does_not_take_is_405(inbox):
    assert call(inbox, "config", {}).status_code == 405
    assert call(inbox, "start").status_code == 405


def test_nothing_sets_a_cookie(inbox):
    begun = start(inbox)
    for answer in (call(inbox, "config"), call(inbox, "session", {"token": begun["token"]})):
        assert not answer.cookies
        assert "Set-Cookie" not in answer.headers


def test_an_unknown_key_is_404_and_a_closed_inbox_too(inbox, place):
    assert Client().get("/chat/ibx_nothing/config").status_code == 404
    begun = start(inbox)
    with tenant_context(place.id):
        inboxes.close_inbox(inbox=inbox)
    assert call(inbox, "config").status_code == 404
    assert call(inbox, "session", {"token": begun["token"]}).status_code == 404


def test_the_public_key_alone_reads_no_conversation(inbox):
    begun = start(inbox, "secret words")
    conversation = begun["conversation"]["id"]
    query = f"messages?conversation={conversation}"
    for token in ("", "nonsense", begun["token"][:-2] + "xx"):
        answer = call(inbox, query, token=token)
        assert answer.status_code == 401
        assert b"secret" not in answer.content
    other = start(inbox, "other", key="o" * 32)
    answer = call(inbox, query, token=other["token"])
    assert answer.status_code == 404
    assert b"secret" not in answer.content
    mine = call(inbox, query, token=begun["token"]).json()
    assert [m["body"] for m in mine["messages"]] == ["secret words"]


def test_a_token_of_another_inbox_or_workspace_is_refused(inbox, place):
    begun = start(inbox)
    foreign_place = make.workspace("other")
    with tenant_context(foreign_place.id):
        foreign = make.inbox(allowed_origins=[SITE])
    with tenant_context(place.id):
        second = make.inbox(allowed_origins=[SITE])
    for elsewhere in (foreign, second):
        query = f"messages?conversation={begun['conversation']['id']}"
        assert call(elsewhere, query, token=begun["token"]).status_code == 401
        assert call(elsewhere, "session", {"token": begun["token"]}).json()["token"] == ""


def test_a_signed_identity_is_a_contact_and_an_expired_or_forged_one_is_nobody(inbox, place):
    found = call(inbox, "session", {"identity": signed(inbox, place)}).json()
    assert found["visitor"] == {"name": "Ada", "verified": True}
    with tenant_context(place.id):
        contact = Contact.objects.get(external_id="customer-1")
        assert Visitor.objects.get().contact_id == contact.pk
    wrong = {
        "expired": signed(inbox, place, exp=int(time.time()) - 120),
        "forged": jwt.encode({"sub": "customer-1", "exp": int(time.time()) + 60}, "s" * 32,
                             algorithm="HS256"),
        "unsigned": jwt.encode({"sub": "customer-1", "exp": int(time.time()) + 60}, "",
                               algorithm="none"),
        "for ever": signed(inbox, place, exp=int(time.time()) + 10**8),
        "without end": jwt.encode({"sub": "customer-1"}, "s" * 32, algorithm="HS256"),
        "nonsense": "a.b.c",
    }  # fmt: skip
    for why, token in wrong.items():
        answer = call(inbox, "session", {"identity": token}).json()
        assert answer["token"] == "", why
        assert answer["visitor"] is None, why
        assert answer["refused"], why


def test_what_was_written_before_signing_in_comes_along_and_the_old_token_ends(inbox, place):
    begun = start(inbox, "before")
    found = call(inbox, "session",
                 {"token": begun["token"], "identity": signed(inbox, place)}).json()  # fmt: skip
    assert found["conversation"]["id"] == begun["conversation"]["id"]
    query = f"messages?conversation={begun['conversation']['id']}"
    assert call(inbox, query, token=begun["token"]).status_code == 401
    assert call(inbox, query, token=found["token"]).status_code == 200
    with tenant_context(place.id):
        assert Conversation.objects.get().contact.external_id == "customer-1"


def test_another_customer_on_the_same_browser_sees_nothing_of_the_first(inbox, place):
    first = call(inbox, "session", {"identity": signed(inbox, place)}).json()
    start(inbox, "mine alone", token=first["token"], identity=signed(inbox, place))
    second = call(inbox, "session", {
        "token": first["token"], "identity": signed(inbox, place, sub="customer-2"),
    }).json()  # fmt: skip
    assert second["conversation"] is None
    assert second["token"] != first["token"]
    unproven = call(inbox, "session", {"token": first["token"], "identity": "a.b.c"}).json()
    assert unproven["token"] == ""


def test_what_a_known_customer_does_in_the_chat_are_events(inbox, place):
    identity = signed(inbox, place)
    begun = start(inbox, "Hello", identity=identity)
    assert begun["visitor"]["verified"]
    with tenant_context(place.id):
        names = set(Event.objects.filter(type="track").values_list("name", flat=True))
        assert names == {"Conversation Started"}


def test_a_message_over_http_is_stored_once_however_often_it_is_sent(inbox, place):
    begun = start(inbox)
    body = {"conversation": begun["conversation"]["id"], "client_id": "again-0001", "body": "x"}
    seqs = [call(inbox, "messages", body, token=begun["token"]).json()["seq"] for _ in range(3)]
    assert seqs == [2, 2, 2]
    with tenant_context(place.id):
        assert Message.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [{"body": ""}, {"body": "x" * 4001}, {"client_id": "short"}, {"client_id": "ä" * 10},
     {"client_id": "has space in it"}, {"body": [7]}, {"key": ""}, {"body": "a\x00b"}],
)  # fmt: skip
def test_bad_starts_are_refused_by_field_and_begin_nothing(inbox, place, change):
    given = {"key": "k" * 32, "client_id": "good-0001", "body": "Hello", **change}
    answer = call(inbox, "start", given)
    assert answer.status_code in {400, 422}
    with tenant_context(place.id):
        assert not Conversation.objects.exists()


def test_more_than_five_starts_a_minute_are_too_many(inbox):
    for n in range(5):
        start(inbox, key=f"{n}" * 32)
    answer = call(inbox, "start", {"key": "x" * 32, "client_id": "sixth-0001", "body": "Hi"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 61


def send_file(inbox: Any, begun: dict[str, Any], name: str, content: bytes) -> Any:
    client = Client(headers={"Origin": SITE, "Authorization": f"Bearer {begun['token']}"})
    sent = {"conversation": begun["conversation"]["id"], "file": SimpleUploadedFile(name, content)}
    return client.post(f"/chat/{inbox.public_key}/files", sent)


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, format=kind, comment=b"where it was taken")
    return out.getvalue()


def test_files_are_checked_by_content_and_served_harmlessly(inbox, place):
    begun = start(inbox)
    bad = {
        "page.html": b"<script>alert(1)</script>", "a.svg": b"<svg onload=alert(1)>",
        "fake.png": b"<html><script>alert(1)</script>", "a.pdf": b"MZ not a pdf",
        "big.txt": b"x" * (5 * 1024 * 1024 + 1), "none.txt": b"", "bin.txt": b"\xff\xfe\x00\x81",
        "a.exe": b"MZ", "noending": b"x",
    }  # fmt: skip
    for name, content in bad.items():
        answer = send_file(inbox, begun, name, content)
        assert answer.status_code in {413, 422}, name
    with tenant_context(place.id):
        assert not Attachment.objects.exists()
    name = "../../etc/\u202egnp.<img src=x onerror=alert(1)>.jpg"
    kept = send_file(inbox, begun, name, picture("JPEG"))
    assert kept.status_code == 201
    assert "/" not in kept.json()["name"]
    with tenant_context(place.id):
        row = Attachment.objects.get()
        assert b"where it was taken" not in bytes(row.content)
    ask = call(inbox, f"files?file={row.pk}", token=begun["token"]).json()["url"]
    served = Client().get(ask.partition("8000")[2] or ask)
    assert served.headers["Content-Type"] == "image/jpeg"
    assert "sandbox" in served.headers["Content-Security-Policy"]
    other = start(inbox, key="o" * 32)
    assert call(inbox, f"files?file={row.pk}", token=other["token"]).status_code == 404
    text = send_file(inbox, begun, "note.txt", b"hello")
    with tenant_context(place.id):
        note = Attachment.objects.get(pk=text.json()["id"])
    url = call(inbox, f"files?file={note.pk}", token=begun["token"]).json()["url"]
    answer = Client().get(url.partition("8000")[2] or url)
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_file_belongs_to_the_message_that_names_it(inbox, place):
    begun = start(inbox)
    kept = send_file(inbox, begun, "note.txt", b"hello").json()
    body = {"conversation": begun["conversation"]["id"], "client_id": "withfile-1", "body": "",
            "files": [kept["id"], str(uuid.uuid4())]}  # fmt: skip
    assert call(inbox, "messages", body, token=begun["token"]).status_code == 201
    with tenant_context(place.id):
        shown = Message.objects.get(seq=2).payload["files"]
        assert shown == [{"id": kept["id"], "name": "note.txt", "size": 5,
                          "type": "text/plain; charset=utf-8"}]  # fmt: skip


def test_asking_for_a_person_hands_over_once(inbox, place):
    begun = start(inbox)
    body = {"conversation": begun["conversation"]["id"]}
    for _ in range(2):
        answer = call(inbox, "person", body, token=begun["token"]).json()
        assert (answer["state"], answer["handler"]) == ("open", "person")
    with tenant_context(place.id):
        assert Conversation.objects.get().handoffs.count() == 1


def test_a_signed_file_address_of_another_tenant_or_none_is_404(inbox):
    for token in ("x", "a:b:c", "eyJ0IjoxfQ:1abc:def"):
        assert Client().get(f"/chat/files/{token}").status_code == 404


def test_a_customer_reports_an_answer_once_and_only_of_their_own(place, inbox):
    begun, other = start(inbox), start(inbox, key="o" * 32)
    talk = begun["conversation"]["id"]
    with tenant_context(place.id):
        Generation.objects.create(conversation_id=talk, reply_to_seq=1, seq=2, route="quoted",
                                  question="Hello")  # fmt: skip
    body = {"conversation": talk, "seq": 2, "reason": "incorrect_information"}
    assert call(inbox, "report", body, token=other["token"]).status_code == 404
    assert call(inbox, "report", {**body, "seq": 1}, token=begun["token"]).status_code == 404
    assert call(inbox, "report", {**body, "reason": "x"}, token=begun["token"]).status_code == 422
    assert call(inbox, "report", body, origin="https://evil.example").status_code == 403
    assert call(inbox, "report", body, token=begun["token"]).status_code == 201
    assert call(inbox, "report", body, token=begun["token"]).status_code == 409
    with tenant_context(place.id):
        row = Report.objects.get()
    assert (row.by_visitor, row.reason) == (True, "incorrect_information")
