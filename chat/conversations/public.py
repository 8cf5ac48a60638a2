"""What the widget calls over HTTP: settings, a session, messages where no socket gets through.

Every call names the inbox by its public key and, from `start` on, the visitor by a token in the
Authorization header; no cookie is read or set. Other sites read answers only where the inbox allows
their origin.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from attune.kernel import secrets
from attune.kernel.errors import AttuneError, Invalid, NotFound, TooLarge
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from chat.conversations import files, handing, selectors, visiting, wire
from chat.conversations.models import Attachment, Conversation
from chat.conversations.visiting import Session
from chat.conversations.widget_view import WidgetView, address_of, browser, held
from chat.inboxes import hours
from chat.inboxes import selectors as inboxes
from chat.inboxes.models import Inbox

STARTS_A_MINUTE, FILES_A_MINUTE = 5, 20
LINK_SECONDS = 300


class Id(serializers.RegexField):
    """A message's id as the client made it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[\x21-\x7e]{8,64}$", **options)


class Browsing(serializers.Serializer):
    token = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    identity = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)
    key = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    language = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    page = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class Starting(Browsing):
    client_id = Id()
    body = serializers.CharField(max_length=visiting.MOST_LETTERS)
    person = serializers.BooleanField(default=False)


class Writing(serializers.Serializer):
    conversation = serializers.UUIDField()
    client_id = Id()
    body = serializers.CharField(
        max_length=visiting.MOST_LETTERS, allow_blank=True, default="", trim_whitespace=False
    )
    files = serializers.ListField(
        child=serializers.UUIDField(), max_length=files.MOST_FILES, default=list
    )


class Rated(serializers.Serializer):
    conversation = serializers.UUIDField()
    rating = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField(max_length=1000, allow_blank=True, default="")


class Of(serializers.Serializer):
    conversation = serializers.UUIDField()


def shown(found: Session) -> dict[str, Any]:
    """A session as the widget keeps it."""
    row = found.conversation
    return {
        "token": found.token,
        "visitor": {"name": found.visitor.name, "verified": found.visitor.verified}
        if found.visitor else None,
        "conversation": state(row) if row else None,
        "refused": found.refused,
    }  # fmt: skip


def state(row: Conversation) -> dict[str, Any]:
    return {"id": str(row.pk), "last_seq": row.last_seq, "state": row.state,
            "handler": row.handler, "read": row.agent_seen_seq}  # fmt: skip


class Config(WidgetView):
    """What the widget needs to draw itself, before anybody wrote."""

    def get(self, request: Request, **_: Any) -> Response:
        with tenant_context(self.place().tenant_id):
            row = inboxes.inbox(self.place().id)
            opens = handing.opening(row)
            return Response(
                {
                    "name": row.name, "colour": row.colour, "greeting": row.greeting,
                    "bot": row.bot_name if row.bot_enabled else "", "language": row.language,
                    "identity_required": row.identity_required, "opens": opens,
                    "away": row.away_message if opens else "",
                    "always": hours.always(row.hours), "files": files.TYPES,
                    "file_bytes": files.MOST_BYTES, "letters": visiting.MOST_LETTERS,
                },
                headers={"Cache-Control": "public, max-age=30"},
            )  # fmt: skip


class Begin(WidgetView):
    """Take up where the visitor was; makes nothing for a stranger."""

    taker = Browsing

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        found = visiting.session(
            inbox=inbox, token=given["token"], identity=given["identity"],
            browser=browser(request, given),
        )  # fmt: skip
        return Response(shown(found))


class Start(WidgetView):
    """Begin a conversation with its first message."""

    taker = Starting

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        held(self.place().tenant_id, "start", address_of(request), STARTS_A_MINUTE)
        who = browser(request, given)
        found = visiting.session(
            inbox=inbox, token=given["token"], identity=given["identity"], browser=who
        )
        begun, seq = visiting.start(
            inbox=inbox, visitor=found.visitor, browser=who, client_id=given["client_id"],
            body=given["body"], person=given["person"],
        )  # fmt: skip
        return Response({**shown(begun), "seq": seq}, status=201)


class Messages(WidgetView):
    """Where no socket gets through: read from a number on, and write."""

    taker = Writing

    def get(self, request: Request, **_: Any) -> Response:
        after = request.query_params.get("after", "0")
        after = min(int(after), 2**31 - 1) if after.isdecimal() and len(after) < 12 else 0
        with tenant_context(self.place().tenant_id):
            visitor = self.visitor(inboxes.inbox(self.place().id), request)
            row = visiting.own(visitor, request.query_params.get("conversation", ""))
            found = [wire.message(m) for m in selectors.messages(row.pk, after=after)]
            return Response({**state(row), "messages": found})

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        seq = visiting.write(
            visitor=self.visitor(inbox, request), conversation=given["conversation"],
            client_id=given["client_id"], body=given["body"],
            attachments=[str(pk) for pk in given["files"]],
        )  # fmt: skip
        return Response({"seq": seq, "client_id": given["client_id"]}, status=201)


class Person(WidgetView):
    """The customer wants to talk to a person."""

    taker = Of

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        row = visiting.own(self.visitor(inbox, request), given["conversation"])
        handing.hand_off(
            conversation=row, by="customer", reason="customer_request", summary=row.last_text
        )
        row.refresh_from_db()
        return Response(state(row))


class Rate(WidgetView):
    taker = Rated

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        row = visiting.own(self.visitor(inbox, request), given["conversation"])
        rated = visiting.rate(conversation=row, rating=given["rating"], comment=given["comment"])
        return Response({"rating": rated.rating})


class Files(WidgetView):
    """Send a file before the message it belongs to; get the address of one, for five minutes."""

    parser_classes: ClassVar[list[Any]] = [MultiPartParser]

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        visitor = self.visitor(inbox, request)
        held(self.place().tenant_id, "file", str(visitor.pk), FILES_A_MINUTE)
        row = visiting.own(visitor, request.data.get("conversation", ""))
        sent = request.data.get("file")
        if sent is None or not hasattr(sent, "read"):
            raise Invalid.one("file", say("Send a file."))
        if sent.size > files.MOST_BYTES:
            raise TooLarge(say("%(name)s is larger than %(most)s MB.", name=sent.name, most=5))
        kept = visiting.keep_file(
            conversation=row, name=sent.name, content=sent.read(), by_visitor=True
        )
        return Response({"id": str(kept.pk), "name": kept.name, "type": kept.content_type,
                         "size": kept.size}, status=201)  # fmt: skip

    def get(self, request: Request, **_: Any) -> Response:
        wanted = request.query_params.get("file", "")
        with tenant_context(self.place().tenant_id):
            visitor = self.visitor(inboxes.inbox(self.place().id), request)
            rows = Attachment.objects.filter(conversation__visitor=visitor).defer("content")
            row = next((r for r in rows if str(r.pk) == wanted), None)
            if row is None:
                raise NotFound(say("There is no such file."))
            return Response({"url": link(row)})


def link(row: Attachment) -> str:
    """Where a file is read, for five minutes."""
    token = secrets.sign("file", {"t": row.tenant_id, "f": str(row.pk)})
    return f"{settings.PUBLIC_URL.rstrip('/')}/chat/files/{token}"


def download(request: HttpRequest, token: str) -> HttpResponse:
    """A file by its signed address: pictures are shown, everything else is a download."""
    try:
        said = secrets.unsign("file", token, max_age=LINK_SECONDS)
        with tenant_context(int(said["t"])):
            return served(selectors.attachment(uuid.UUID(said["f"])))
    except (AttuneError, KeyError, TypeError, ValueError) as gone:
        raise NotFound(say("This link is not valid, or it has expired.")) from gone


def served(row: Attachment) -> HttpResponse:
    picture = row.content_type.startswith("image/")
    answer = HttpResponse(bytes(row.content), content_type=row.content_type)
    answer["Content-Disposition"] = (
        content_disposition_header(not picture, row.name) or "attachment"
    )
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=300"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
