"""Writing sources, and what a person decides about a document."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from attune.kernel import audit, live, secrets
from attune.kernel.errors import Conflict, FieldError, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from insights.sources import entries, intake, languages
from insights.sources.entries import Item
from insights.sources.intake import Receipt
from insights.sources.jobs import READ_TEXTS, ReadTexts
from insights.sources.models import Document, Source

SOURCE = Machine("source", {("active", "archive"): "archived", ("archived", "restore"): "active"})
MOST_AT_ONCE = 1_000
MOST_PASTED = 500


def save_source(
    *, name: str, kind: str, licence: str = "", language: str = "", product: Product | None = None,
    source: Source | None = None,
) -> Source:  # fmt: skip
    """Make or change an origin of texts. Raises Invalid, or Conflict where the name is taken."""
    name = name.strip()
    wrong = []
    if not 0 < len(name) <= 120:
        wrong.append(FieldError("name", say("Give it a name of at most 120 characters.")))
    if kind not in Source.Kind.values:
        wrong.append(FieldError("kind", say("Choose one of the kinds.")))
    if language and language not in languages.NAMES:
        wrong.append(FieldError("language", say("Choose one of the languages.")))
    if len(licence) > 200:
        wrong.append(FieldError("licence", say("Say it in at most 200 characters.")))
    if wrong:
        raise Invalid(wrong)
    row = source or Source()
    row.name, row.kind, row.licence, row.language = name, kind, licence.strip(), language
    row.product = product
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        if "one_source_of_our_chats" in str(twin):
            raise Conflict(say("Our chats are a source already.")) from twin
        raise Conflict(say("Another source is called “%(name)s”.", name=name)) from twin
    audit.record("insights.save_source", row, kind=kind)
    live.push(current_tenant(), "insights")
    return row


def move(*, source: Source, verb: str) -> None:
    """`archive` closes a source: nothing more comes in, its documents stay. `restore` opens it."""
    if verb not in {"archive", "restore"}:
        raise Invalid.one("verb", say("Choose archive or restore."))
    advance(SOURCE, source, verb)
    live.push(current_tenant(), "insights")


def demand_open(source: Source) -> None:
    if source.state != Source.State.ACTIVE:
        raise Conflict(say("“%(name)s” is archived; restore it first.", name=source.name))


def take(*, source: Source, items: Sequence[dict[str, Any]], now: datetime) -> Receipt:
    """Texts by the API, a webhook or the hand of a person: stored, or refused one by one."""
    demand_open(source)
    if not 0 < len(items) <= MOST_AT_ONCE:
        raise Invalid.one("documents", say("Send 1 to %(most)s documents at once.",
                                           most=MOST_AT_ONCE))  # fmt: skip
    rows = [Item(n, item, str(item.get("text", ""))) for n, item in enumerate(items, start=1)]
    receipt = intake.take(source=source, items=rows, now=now)
    audit.record("insights.take", source, accepted=receipt.accepted, known=receipt.known,
                 refused=len(receipt.refused))  # fmt: skip
    return receipt


def paste(*, source: Source, text: str, apart: str, now: datetime) -> Receipt:
    """Texts typed or pasted: one a line, one a paragraph (`apart`), or all of it as one."""
    pieces = {"line": text.splitlines(), "paragraph": text.replace("\r\n", "\n").split("\n\n"),
              "whole": [text]}  # fmt: skip
    if apart not in pieces:
        raise Invalid.one("apart", say("Choose line, paragraph or whole."))
    found = [p.strip() for p in pieces[apart] if p.strip()]
    if not found:
        raise Invalid.one("text", say("Paste what customers wrote."))
    if len(found) > MOST_PASTED:
        raise Invalid.one("text", say("At most %(most)s texts; upload a file for more.",
                                      most=MOST_PASTED))  # fmt: skip
    return take(source=source, items=[{"text": p} for p in found], now=now)


# -- the webhook's address ---------------------------------------------------------------------


def open_door(*, source: Source, columns: dict[str, str]) -> str:
    """Make the address of a webhook (anew: the last one ends) and say how its fields become ours:
    `columns` of a dotted name there to one of ours; the token is shown, not kept."""
    unknown = [t for t in columns.values() if t and t not in entries.TARGETS]
    if unknown:
        raise Invalid.one("columns", say("Unknown target %(target)s.", target=unknown[0]))
    if columns and "text" not in columns.values():
        raise Invalid.one("columns", say("One field must become the text."))
    source.door, source.columns = get_random_string(12), columns
    source.save(update_fields=["door", "columns"])
    audit.record("insights.open_door", source)
    return token(source)


def token(source: Source) -> str:
    """The signed part of the webhook's address; empty where none is open."""
    if not source.door:
        return ""
    return secrets.sign("insight-source", {
        "t": current_tenant(), "s": str(source.pk), "d": source.door,
    })  # fmt: skip


def close_door(*, source: Source) -> None:
    source.door = ""
    source.save(update_fields=["door"])
    audit.record("insights.close_door", source)


def through_door(place: dict[str, Any]) -> Source:
    """The source that a webhook's token means, inside its workspace. Raises NotFound."""
    row = Source.objects.filter(pk=place.get("s"), door=place.get("d"), state="active").first()
    if row is None or not row.door:
        raise NotFound(say("This address was closed."))
    return row


# -- one document ------------------------------------------------------------------------------


def set_aside(*, document: Document) -> None:
    """No model reads it from now on. `reading.services.set_aside` takes back what was read of it,
    too."""
    rows = Document.objects.filter(pk=document.pk).exclude(state="aside")
    if not rows.update(state="aside", why="person", found=""):
        raise Conflict(say("This document is set aside already."))
    audit.record("insights.set_aside", document)
    live.push(current_tenant(), "insights")


def let_in(*, ids: Sequence[uuid.UUID]) -> int:
    """Let documents that were set aside be read after all; how many."""
    rows = Document.objects.filter(pk__in=ids, state="aside").exclude(why="unknown")
    n = rows.update(state="waiting", why="", found="")
    if n:
        audit.record("insights.let_in", None, documents=n)
        READ_TEXTS.enqueue(ReadTexts(), dedupe_key="read")
        live.push(current_tenant(), "insights")
    return n
