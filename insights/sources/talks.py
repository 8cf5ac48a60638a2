"""Our own conversations as documents, as they close: what the customer said, each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Max, OuterRef, QuerySet

from chat.conversations.models import Conversation, Message
from insights.sources import intake
from insights.sources.entries import Item
from insights.sources.models import GatheredTalk, Source

PORTION = 200
MOST_LETTERS = 50_000
AGAIN = timedelta(hours=1)


def gather(*, now: datetime) -> int:
    """Take a portion of the conversations that were resolved since the last time; how many. Each is
    noted as gathered, also one in which nothing was said."""
    source = (
        Source.objects.select_for_update().filter(kind=Source.Kind.CHAT, state="active").first()
    )
    if source is None:
        return 0
    talks = list(_closed(source)[:PORTION])
    if not talks:
        return 0
    items = [item for talk in talks if (item := _item(talk)) is not None]
    intake.take(source=source, items=items, now=now)
    GatheredTalk.objects.bulk_create(
        GatheredTalk(conversation_id=talk.pk, seq=talk.last_seq) for talk in talks
    )
    Source.objects.filter(pk=source.pk).update(gathered_until=talks[-1].resolved_at)
    return len(talks)


def _closed(source: Source) -> QuerySet[Conversation]:
    """What is resolved and not gathered yet, in the order of its end. The last hour is looked at
    again: a conversation may be seen as resolved later than one that ended after it."""
    gathered = GatheredTalk.objects.filter(conversation_id=OuterRef("pk"), seq=OuterRef("last_seq"))
    rows = Conversation.objects.filter(state="resolved", resolved_at__isnull=False)
    if source.gathered_until is not None:
        rows = rows.filter(resolved_at__gte=source.gathered_until - AGAIN)
    rows = rows.filter(~Exists(gathered))
    return rows.select_related("contact").order_by("resolved_at", "id")


def _item(talk: Conversation) -> Item | None:
    """What the customer said; of one that was opened again, what was said since."""
    said = Message.objects.filter(conversation=talk, author="visitor").exclude(body="")
    gathered = GatheredTalk.objects.filter(conversation_id=talk.pk).aggregate(last=Max("seq"))
    said = said.filter(seq__gt=gathered["last"] or 0)
    text = "\n".join(said.order_by("seq").values_list("body", flat=True))[:MOST_LETTERS]
    if not text:
        return None
    cells: dict[str, Any] = {
        "text": text, "external_id": f"{talk.pk}:{talk.last_seq}", "at": talk.resolved_at,
        "author": str(talk.visitor_id),
        "user_id": talk.contact.external_id if talk.contact else "",
    }  # fmt: skip
    return Item(1, cells)
