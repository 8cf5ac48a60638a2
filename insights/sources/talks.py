"""Our own conversations as documents, as they close: what the customer said, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from chat.conversations.models import Conversation, Message
from insights.sources import intake
from insights.sources.entries import Item
from insights.sources.models import Document, Source

PORTION = 200
MOST_LETTERS = 50_000


def gather(*, now: datetime) -> int:
    """Take a portion of the conversations that were resolved since the last time; how many."""
    source = (
        Source.objects.select_for_update().filter(kind=Source.Kind.CHAT, state="active").first()
    )
    if source is None:
        return 0
    talks = list(_closed(source)[:PORTION])
    if not talks:
        return 0
    items = [item for talk in talks if (item := _item(source, talk)) is not None]
    intake.take(source=source, items=items, now=now)
    Source.objects.filter(pk=source.pk).update(gathered_until=talks[-1].resolved_at)
    return len(talks)


def _closed(source: Source) -> QuerySet[Conversation]:
    """What is resolved and not taken yet, in the order of its end. Several may end in one moment:
    the last moment is looked at again."""
    taken = Document.objects.filter(source=source, external_id=OuterRef("known_as"))
    rows = (
        Conversation.objects.filter(state="resolved", resolved_at__isnull=False)
        .annotate(known_as=Concat(
            Cast("id", CharField()), Value(":"), Cast("reopened", CharField()),
            output_field=CharField()))
        .filter(~Exists(taken))
    )  # fmt: skip
    if source.gathered_until is not None:
        rows = rows.filter(resolved_at__gte=source.gathered_until)
    return rows.select_related("contact").order_by("resolved_at", "id")


def _item(source: Source, talk: Conversation) -> Item | None:
    """What the customer said; of one that was opened again, what was said since."""
    said = Message.objects.filter(conversation=talk, author="visitor").exclude(body="")
    if talk.reopened:
        before = Document.objects.filter(
            source=source, external_id=f"{talk.pk}:{talk.reopened - 1}"
        ).values_list("at", flat=True)
        said = said.filter(created_at__gt=before[0]) if before else said
    text = "\n".join(said.order_by("seq").values_list("body", flat=True))[:MOST_LETTERS]
    if not text:
        return None
    cells: dict[str, Any] = {
        "text": text, "external_id": f"{talk.pk}:{talk.reopened}", "at": talk.resolved_at,
        "author": str(talk.visitor_id),
        "user_id": talk.contact.external_id if talk.contact else "",
    }  # fmt: skip
    return Item(1, cells)
