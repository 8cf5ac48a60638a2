"""One call of the widget: the origin is checked, the inbox found, its unit of work opened; floods
are held back over all processes."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attune.api.exceptions import translate
from attune.api.parsers import StrictJSONParser
from attune.kernel import audit
from attune.kernel.errors import Forbidden, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from chat.conversations import visiting
from chat.conversations.models import Visitor
from chat.conversations.visiting import Browser
from chat.inboxes import lookup
from chat.inboxes import selectors as inboxes
from chat.inboxes.lookup import Door
from chat.inboxes.models import Inbox
from chat.inboxes.services import own_origin

CALLS_A_MINUTE = 240
ALLOW = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "86400",
}


class WidgetView(APIView):
    """One call: the origin is checked, the inbox found, its unit of work opened."""

    authentication_classes: ClassVar[list[Any]] = []
    permission_classes: ClassVar[list[Any]] = []
    parser_classes: ClassVar[list[Any]] = [StrictJSONParser]
    taker: ClassVar[type[serializers.Serializer] | None] = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.origin = request.headers.get("Origin", "")
        self.door = lookup.door(kwargs["key"])
        allowed = self.door is not None and self.door.admits(self.origin, own_origin())
        if request.method == "OPTIONS":
            answer = HttpResponse(status=204 if allowed else 403, headers=ALLOW)
        else:
            answer = super().dispatch(request, *args, **kwargs)
        if allowed and self.origin:
            answer["Access-Control-Allow-Origin"] = self.origin
        answer["Vary"] = "Origin"
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def get_exception_handler(self) -> Any:
        return lambda error, context: translate(error)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.door is None:
            raise NotFound(say("There is no such chat, or it is closed."))
        if not self.door.admits(self.origin, own_origin()):
            raise Forbidden(
                say("The site %(origin)s may not show this chat; an admin can allow it in the "
                    "inbox's settings.", origin=self.origin[:200])
            )  # fmt: skip
        held(self.door.tenant_id, "call", address_of(request), CALLS_A_MINUTE)

    def place(self) -> Door:
        if self.door is None:
            raise NotFound(say("There is no such chat, or it is closed."))
        return self.door

    def post(self, request: Request, **_: Any) -> Response:
        given: dict[str, Any] = {}
        if self.taker is not None:
            data = self.taker(data=request.data)
            data.is_valid(raise_exception=True)
            given = data.validated_data
        who = audit.Actor(kind="visitor", id="", label="visitor")
        with audit.acting(who), tenant_context(self.place().tenant_id):
            return self.act(inboxes.inbox(self.place().id), request, given)

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        raise MethodNotAllowed("POST")

    def visitor(self, inbox: Inbox, request: Request) -> Visitor:
        """Whose token came along. Raises NotKnown."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return visiting.holder(inbox, token.strip() if kind.lower() == "bearer" else "")


def address_of(request: Request) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def held(tenant_id: int, what: str, who: str, most: int) -> None:
    """Count a call of somebody in this minute, over all processes. Open while the cache is away:
    what follows asks the database anyway."""
    name = f"t{tenant_id}.chat.{what}.{who}.{int(time.time() // 60)}"
    try:
        cache.add(name, 0, timeout=120)
        over = cache.incr(name) > most
    except (RedisError, OSError, ValueError):
        return
    if over:
        raise Throttled(wait=60 - time.time() % 60)


def browser(request: Request, given: dict[str, Any]) -> Browser:
    return Browser(
        given["key"], given["language"], given["page"], request.headers.get("User-Agent", "")
    )
