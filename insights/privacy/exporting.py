"""A copy of everything that is kept of a person, as JSON that people and programs read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from django.db import models
from django.utils import timezone

from attune.kernel import audit
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.delivery.models import Suppression
from campaigns.delivery.suppression import address_hash
from chat.conversations.models import Message
from insights.privacy.erasing import fields_of

LEFT_OUT = {"tenant_id", "key_hash", "token_version", "bands"}


def everything(contact: Contact) -> dict[str, Any]:
    """{table: rows} of a person and the visitors they were, the contact itself first."""
    people = contacts.same_person(contact.pk)
    found: dict[str, Any] = {
        "exported_at": timezone.now(),
        "contact": sorted(_rows(Contact, {"pk__in": people}), key=lambda r: r["id"] != contact.pk),
    }
    for model, name in fields_of():
        rows = list(_rows(model, {f"{name}__in": people}))
        if rows:
            found.setdefault(model._meta.label, []).extend(rows)
    talks = [row["id"] for row in found.get("conversations.Conversation", [])]
    visitors = [row["id"] for row in found.get("conversations.Visitor", [])]
    found |= _said(talks, visitors)
    listed = Suppression.objects.filter(address_hash=address_hash(contact.email))
    if contact.email and listed.exists():
        found["delivery.Suppression"] = list(listed.values("reason", "created_at"))
    audit.record("privacy.export", None, contact=str(contact.pk))
    return found


def _said(talks: list[UUID], visitors: list[UUID]) -> dict[str, Any]:
    rows = Message.objects.filter(conversation_id__in=talks) | Message.objects.filter(
        conversation__visitor_id__in=visitors
    )
    found = rows.distinct().order_by("conversation_id", "seq")
    told = list(found.values("conversation_id", "seq", "kind", "author", "body", "created_at"))
    return {"conversations.Message": told} if told else {}


def _rows(model: type[models.Model], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in model._default_manager.filter(**where).order_by("pk").values()[:100_000]:
        yield {key: value for key, value in row.items() if key not in LEFT_OUT}


def as_json(found: dict[str, Any]) -> bytes:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str)
