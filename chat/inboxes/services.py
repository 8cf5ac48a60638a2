"""Setting up inboxes and what agents keep at hand."""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.db import IntegrityError, transaction

from attune.kernel import audit, live, secrets
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from chat.inboxes import hours as opening
from chat.inboxes import selectors
from chat.inboxes.models import Availability, CannedReply, Inbox, Label

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
CODE = re.compile(r"[\w-]{1,30}")
PLAIN = (
    "name", "colour", "greeting", "away_message", "language", "identity_required", "bot_enabled",
    "bot_name", "timezone", "first_response_minutes", "resolution_minutes", "csat_enabled",
    "csat_question",
)  # fmt: skip


def save_inbox(*, inbox: Inbox | None = None, **values: Any) -> Inbox:
    """Make an inbox, or change one. `origins` are the sites that may show it, `hours` as
    hours.py takes them."""
    origins = [clean for text in values.get("allowed_origins", []) if (clean := text.strip())]
    wrong = list(_faults(values, origins))
    if wrong:
        raise Invalid(wrong)
    row = inbox or Inbox(public_key=f"ibx_{random.token_urlsafe(18)}")
    before = {name: getattr(row, name) for name in PLAIN if name in values and inbox}
    for name in (*PLAIN, "hours"):
        if name in values:
            setattr(row, name, values[name])
    if "allowed_origins" in values:
        row.allowed_origins = [origin_of(text) for text in dict.fromkeys(origins)]
    if not row.sealed_secret:
        row.sealed_secret = secrets.seal(random.token_urlsafe(32), bound_to=_bound(row))
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("An inbox of this name exists.")) from twin
    audit.record("inboxes.save_inbox", row, before=before)
    return row


def _faults(values: dict[str, Any], origins: Sequence[str]) -> Iterator[FieldError]:
    if "name" in values and not values["name"].strip():
        yield FieldError("name", say("Give the inbox a name."))
    if "colour" in values and not COLOUR.fullmatch(values["colour"]):
        yield FieldError("colour", say("A colour is # and six hexadecimal digits."))
    if "timezone" in values and values["timezone"] not in available_timezones():
        yield FieldError("timezone", say("This is no time zone; write it as Europe/Berlin."))
    if why := opening.wrong(values.get("hours", {})):
        yield FieldError("hours", why)
    for text in origins:
        if not origin_of(text):
            yield FieldError(
                "allowed_origins",
                say("“%(text)s” is no origin; write https://shop.example, without a path.",
                    text=text),
            )  # fmt: skip


def origin_of(text: str) -> str:
    """`https://host[:port]` as browsers send it, or empty when it is none."""
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return ""
    plain = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port and port != plain else "")


def secret_of(inbox: Inbox) -> str:
    """The secret with which the customer's server signs identities."""
    return secrets.unseal(inbox.sealed_secret, bound_to=_bound(inbox))


def renew_secret(*, inbox: Inbox) -> None:
    """A fresh secret; identities signed with the old one prove nothing any more."""
    inbox.sealed_secret = secrets.seal(random.token_urlsafe(32), bound_to=_bound(inbox))
    inbox.save(update_fields=["sealed_secret"])
    audit.record("inboxes.renew_secret", inbox)


def close_inbox(*, inbox: Inbox) -> None:
    """Close an inbox: its widget says so, open sockets end, its conversations stay readable."""
    if not Inbox.objects.filter(pk=inbox.pk, state="active").update(state="closed"):
        raise Conflict(say("This inbox is closed already."))
    audit.record("inboxes.close_inbox", inbox)
    live.send(f"t{current_tenant()}.inbox.{inbox.pk.hex}", {"type": "inbox.closed"})


def reopen_inbox(*, inbox: Inbox) -> None:
    if not Inbox.objects.filter(pk=inbox.pk, state="closed").update(state="active"):
        raise Conflict(say("This inbox is open already."))
    audit.record("inboxes.reopen_inbox", inbox)


def _bound(row: Inbox) -> str:
    return f"{current_tenant()}:inbox:{row.pk}"


def own_origin() -> str:
    return origin_of(settings.PUBLIC_URL)


def save_canned(*, code: str, text: str, row: CannedReply | None = None) -> CannedReply:
    code = code.strip().lstrip("/").lower()
    wrong = []
    if not CODE.fullmatch(code):
        wrong.append(FieldError("code", say("A short code is 1 to 30 letters, digits, - or _.")))
    if not text.strip():
        wrong.append(FieldError("text", say("Write the reply.")))
    if CannedReply.objects.filter(code=code).exclude(pk=row.pk if row else None).exists():
        wrong.append(FieldError("code", say("/%(code)s exists already.", code=code)))
    if wrong:
        raise Invalid(wrong)
    row = row or CannedReply()
    row.code, row.text = code, text.strip()[:2000]
    row.save()
    audit.record("inboxes.save_canned", row)
    return row


def remove_canned(*, row: CannedReply) -> None:
    audit.record("inboxes.remove_canned", row)
    row.delete()


def save_label(*, name: str, colour: str = "#5a5a55") -> Label:
    name = name.strip()[:40]
    if not name:
        raise Invalid.one("name", say("Give the label a name."))
    if not COLOUR.fullmatch(colour):
        raise Invalid.one("colour", say("A colour is # and six hexadecimal digits."))
    row, made = Label.objects.get_or_create(name=name, defaults={"colour": colour})
    if made:
        audit.record("inboxes.save_label", row)
    return row


def set_available(*, user_id: int, available: bool, capacity: int | None = None) -> Availability:
    """Say whether an agent takes conversations now."""
    row = selectors.availability_of(user_id)
    row.available = available
    if capacity is not None:
        if not 1 <= capacity <= 100:
            raise Invalid.one("capacity", say("An agent takes 1 to 100 conversations at once."))
        row.capacity = capacity
    row.save()
    audit.record("inboxes.set_available", row, available=available)
    live.push(current_tenant(), "conversations")
    return row
