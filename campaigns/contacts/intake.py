"""Raw JSON to events: pure. Shapes and limits follow the Segment HTTP tracking API."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from attune.kernel import limits
from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.storable import unstorable

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
PAST = timedelta(days=limits.EVENT_PAST_DAYS)
FUTURE = timedelta(hours=limits.EVENT_FUTURE_HOURS)
VALUE_KEYS = ("revenue", "total", "value")
TOO_DEEP = say("Nested deeper than %(levels)s levels; flatten it.", levels=limits.JSON_DEPTH)
KEPT_DEPTH = 100  # of a refused event that is shown to a person
OWN_IDS = ("server-", "body-", "import-", "Message ")
MACHINE_AGENTS = ("bot", "crawler", "spider", "headless", "preview", "scanner", "barracuda")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One accepted event, ready for its row. JSON columns are encoded already."""

    id: uuid.UUID
    message_id: str
    type: str
    name: str
    user_id: str
    anonymous_id: str
    properties: bytes
    context: bytes
    value_cents: int | None
    category: str
    at: datetime
    client_at: datetime | None
    is_machine: bool
    previous_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One refused event: the field, why, and what was sent."""

    field: str
    reason: Phrase
    raw: Any
    index: int = 0


class _Refusal(Exception):
    def __init__(self, field: str, reason: Phrase) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def parse(
    items: list[Any],
    *,
    now: datetime,
    sent_at: Any = None,
    kind: str = "",
    context: Any = None,
    past: timedelta = PAST,
    trusted: bool = False,
) -> tuple[list[Parsed], list[Rejected]]:
    """Split a batch into accepted and rejected; one bad item never sinks the others.

    `kind` is the verb of a single-event endpoint; items of a batch carry their own `type`.
    `past` bounds how old an event may be (files of history lift it). `context` is that of the
    batch, for items without their own. `trusted` events may bear the message ids of Attune itself.
    Times are corrected for a wrong client clock: at = now - (sent_at - timestamp).
    """
    accepted: list[Parsed] = []
    rejected: list[Rejected] = []
    sent = _try_time(sent_at)
    common = _Common(context)
    for index, item in enumerate(items):
        try:
            event = _one(item, kind, now, sent, common, past)
            if not trusted and event.message_id.startswith(OWN_IDS) and item.get("messageId"):
                own = ", ".join(OWN_IDS)
                raise _Refusal(
                    "messageId",
                    say("messageId must not begin with %(own)s: such are ours.", own=own),
                )
            accepted.append(event)
        except _Refusal as refusal:
            rejected.append(Rejected(refusal.field, refusal.reason, _shown(item, kind), index))
    return accepted, rejected


class _Common:
    """The context of a batch; a bad one refuses the events that rely on it, not the others."""

    def __init__(self, value: Any) -> None:
        self.refusal: _Refusal | None = None
        self.value: dict[str, Any] = {}
        try:
            self.value = _object(value, "context")
            encoded = orjson.dumps(self.value)
            if len(encoded) > limits.BATCH_CONTEXT_BYTES:
                most = limits.BATCH_CONTEXT_BYTES
                raise _Refusal(
                    "context",
                    say(
                        "The batch's context has %(n)s bytes; at most %(most)s.",
                        n=len(encoded),
                        most=most,
                    ),
                )
            _check_size(self.value, encoded)
        except TypeError:
            self.refusal = _Refusal("context", TOO_DEEP)
        except _Refusal as refusal:
            self.refusal = _Refusal("context", refusal.reason)

    def take(self) -> dict[str, Any]:
        if self.refusal is not None:
            raise self.refusal
        return self.value


def _shown(item: Any, kind: str) -> Any:
    """What is kept of a refused event: itself where it can be stored, else how it begins. The verb
    of a single-event endpoint is kept with it, so that it can be replayed."""
    if item is None:
        return "null"
    if not unstorable(item, deepest=KEPT_DEPTH):
        return {"type": kind, **item} if kind and isinstance(item, dict) else item
    try:
        return repr(item)[:2000].replace("\x00", "�")
    except RecursionError:
        return "An event nested too deeply to be shown."


def _one(
    item: Any, kind: str, now: datetime, sent: datetime | None, common: _Common, past: timedelta
) -> Parsed:
    encoded, type_ = _encoded(item), _type(item, kind)
    user_id, anonymous_id = _identifier(item, "userId"), _identifier(item, "anonymousId")
    previous = _identifier(item, "previousId")
    if not user_id and not anonymous_id:
        raise _Refusal("userId", say("Give userId or anonymousId."))
    if type_ == "alias" and not (previous and user_id):
        raise _Refusal("previousId", say("alias needs previousId and userId."))
    name = _name(item, type_)
    bag = item.get("traits" if type_ in {"identify", "group"} else "properties")
    properties = _object(bag, "traits" if type_ in {"identify", "group"} else "properties")
    context = _object(item.get("context"), "context") or common.take()
    at, client_at = _when(item, now, sent or _try_time(item.get("sentAt")), past)
    if type_ in {"track", "page", "screen"}:
        _check_revenue(properties)
    category = properties.get("category")
    return Parsed(
        id=new_id(),
        message_id=_message_id(item, encoded),
        type=type_,
        name=name,
        user_id=user_id,
        anonymous_id=anonymous_id,
        properties=orjson.dumps(properties) if properties else b"{}",
        context=orjson.dumps(context) if context else b"{}",
        value_cents=value_in_cents(properties),
        category=category[:100] if isinstance(category, str) else "",
        at=at,
        client_at=client_at,
        is_machine=is_machine(context),
        previous_id=previous,
    )


def _encoded(item: Any) -> bytes:
    """The event as JSON; refused where it is none, too deep or too large."""
    if not isinstance(item, dict):
        raise _Refusal("body", say("An event is a JSON object."))
    try:
        encoded = orjson.dumps(item)
    except TypeError as odd:  # orjson says "Recursion limit reached" of a body that is too deep
        if "ecursion" in str(odd):
            raise _Refusal("body", TOO_DEEP) from odd
        why = say("The event cannot be stored as JSON: %(why)s.", why=odd)
        raise _Refusal("body", why) from odd
    _check_size(item, encoded)
    return encoded


def _type(item: dict[str, Any], kind: str) -> str:
    type_ = kind or item.get("type")
    if not isinstance(type_, str) or type_ not in TYPES:
        known = sorted(TYPES)
        why = say("Unknown type %(type)s; use one of %(known)s.", type=repr(type_), known=known)
        raise _Refusal("type", why)
    return type_


def _check_size(item: dict[str, Any], encoded: bytes) -> None:
    if len(encoded) > limits.EVENT_BYTES:
        raise _Refusal(
            "body",
            say(
                "The event has %(n)s bytes; at most %(most)s are taken.",
                n=len(encoded),
                most=limits.EVENT_BYTES,
            ),
        )
    if b"\\u0000" in encoded and unstorable(item, deepest=KEPT_DEPTH):
        raise _Refusal("body", say("Text must not contain the NUL character."))
    brackets = encoded.count(b"{") + encoded.count(b"[")
    if brackets > limits.JSON_DEPTH and _depth(item) > limits.JSON_DEPTH:
        raise _Refusal("body", TOO_DEEP)


def _identifier(item: dict[str, Any], field: str) -> str:
    value = item.get(field)
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _Refusal(field, say("%(field)s must be text.", field=field))
    if len(value) > 120:
        raise _Refusal(field, say("%(field)s is longer than 120 characters.", field=field))
    return value.strip()


def _name(item: dict[str, Any], type_: str) -> str:
    value = item.get("event") if type_ == "track" else item.get("name", "")
    if type_ == "track" and (not isinstance(value, str) or not value.strip()):
        raise _Refusal("event", say("track needs `event`, the name of what happened."))
    if value is not None and not isinstance(value, str):
        raise _Refusal("name", say("name must be text."))
    if value and len(value) > 200:
        raise _Refusal("event", say("The name is longer than 200 characters."))
    return (value or type_).strip()


def _object(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Refusal(field, say("%(field)s must be a JSON object.", field=field))
    return value


def _message_id(item: dict[str, Any], encoded: bytes) -> str:
    """The client's id. Without one: derived from a body that carries its own time, so that a plain
    retry is one event; else a fresh one, since two orders a second apart are two orders.
    """
    value = item.get("messageId")
    if value is None or value == "":
        if not item.get("timestamp"):
            return f"server-{new_id()}"
        return "body-" + hashlib.sha256(encoded).hexdigest()[:40]
    if not isinstance(value, str) or len(value) > 120:
        raise _Refusal("messageId", say("messageId must be text of at most 120 characters."))
    return value


def _when(
    item: dict[str, Any], now: datetime, sent: datetime | None, past: timedelta
) -> tuple[datetime, datetime | None]:
    raw = item.get("timestamp")
    if raw is None:
        return now, None
    client = _try_time(raw)
    if client is None:
        raise _Refusal(
            "timestamp", say("%(value)s is not an ISO 8601 time.", value=repr(str(raw)[:60]))
        )
    try:
        at = now - (sent - client) if sent is not None else client
    except OverflowError as impossible:
        raise _Refusal(
            "timestamp", say("The time lies outside what a calendar holds.")
        ) from impossible
    if at < now - past:
        raise _Refusal(
            "timestamp",
            say("The event is older than %(days)s days; import history as a file.", days=past.days),
        )
    if at > now + FUTURE:
        raise _Refusal(
            "timestamp",
            say("The event lies more than %(hours)s hours ahead.", hours=limits.EVENT_FUTURE_HOURS),
        )
    return at, client


def _try_time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
        # PostgreSQL knows fewer offsets than Python
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
        return when if 1970 <= when.year <= 2200 else None
    except (ValueError, OverflowError):
        return None


def _check_revenue(properties: dict[str, Any]) -> None:
    """`revenue` is money by its name; an order whose revenue is "a lot" would count as nothing."""
    raw = properties.get("revenue")
    try:
        sound = raw is None or (not isinstance(raw, bool) and abs(float(raw)) < limits.MONEY)
    except (TypeError, ValueError, OverflowError):
        sound = False
    if not sound:
        reason = say("revenue must be a number below 10 billion, such as 19.9.")
        raise _Refusal("properties.revenue", reason)


def value_in_cents(properties: dict[str, Any]) -> int | None:
    """Money of an event (`revenue`, `total` or `value`) in cents; None when there is none."""
    for key in VALUE_KEYS:
        raw = properties.get(key)
        if raw is None or isinstance(raw, bool):
            continue
        try:
            amount = float(raw)
        except (TypeError, ValueError):
            continue
        if abs(amount) < limits.MONEY:
            return round(amount * 100)
    return None


def is_machine(context: dict[str, Any]) -> bool:
    """Whether the user agent calls itself a machine. The event is kept; metrics leave it out."""
    agent = context.get("userAgent") or context.get("user_agent")
    if not isinstance(agent, str):
        return False
    agent = agent.lower()
    return any(word in agent for word in MACHINE_AGENTS)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(v) for v in value), default=0)
    return 0
