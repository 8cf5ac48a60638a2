"""Events as steps, a portion of people at a time: a million events need not be in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from attune.kernel.tenancy import current_tenant
from insights.journeys.mining import Step
from insights.sources.models import Document

PEOPLE, MOST_STEPS = 1_000, 1_000  # people a portion; the newest steps of one of them
WHO_SQL = """
SELECT c.id FROM contact c
WHERE c.tenant_id = %(tenant)s AND c.status <> 'merged'
  AND (%(after)s::uuid IS NULL OR c.id > %(after)s)
  AND (%(segment)s::uuid IS NULL OR EXISTS (
    SELECT 1 FROM segment_membership m WHERE m.tenant_id = c.tenant_id AND m.contact_id = c.id
      AND m.segment_id = %(segment)s AND m.left_at IS NULL))
ORDER BY c.id LIMIT %(people)s"""
STEPS_SQL = """
SELECT who, extract(epoch FROM at)::float8, name, source, medium, referrer, url, value FROM (
  SELECT e.contact_id AS who, e.at, coalesce(nullif(e.name, ''), e.type) AS name,
         CASE WHEN e.name = 'Message Clicked' THEN 'e-mail'
              ELSE e.context->'campaign'->>'source' END AS source,
         e.context->'campaign'->>'medium' AS medium,
         e.context->'page'->>'referrer' AS referrer, e.context->'page'->>'url' AS url,
         coalesce(e.value_cents, 0)::float8 / 100 AS value,
         row_number() OVER (PARTITION BY e.contact_id ORDER BY e.at DESC, e.id DESC) AS newest
  FROM event e
  WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(who)s) AND e.at >= %(since)s
    AND e.at < %(until)s AND NOT e.is_machine AND e.type IN ('track', 'page', 'screen')
  UNION ALL
  SELECT t.contact_id, t.created_at, %(chat)s, 'chat', NULL, NULL, NULL, 0, 1
  FROM conversation t
  WHERE t.tenant_id = %(tenant)s AND t.contact_id = ANY(%(who)s) AND t.created_at >= %(since)s
    AND t.created_at < %(until)s) s
WHERE newest <= %(most)s ORDER BY who, at"""
COUNT_SQL = """
SELECT coalesce(sum(n), 0)::bigint FROM event_count WHERE tenant_id = %s AND day >= %s"""
CHAT = "Chat begun"
UNNAMED = (CHAT, "page", "screen")  # what is counted without a name of its own


def people(
    since: datetime, until: datetime, segment_id: uuid.UUID | None, after: uuid.UUID | None
) -> tuple[list[tuple[uuid.UUID, list[Step]]], uuid.UUID | None]:
    """A portion of people with what they did in order of time, those who did nothing left out, and
    where the next portion goes on (None: it was the last)."""
    shared: dict[str, Any] = {
        "tenant": current_tenant(), "since": since, "until": until, "most": MOST_STEPS,
        "chat": CHAT,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WHO_SQL, {
            "tenant": current_tenant(), "after": after, "segment": segment_id, "people": PEOPLE,
        })  # fmt: skip
        who = [row[0] for row in cursor.fetchall()]
        if not who:
            return [], None
        cursor.execute(STEPS_SQL, {**shared, "who": who})
        rows = cursor.fetchall()
    found = [
        (pk, [Step(at, name, channel(source, medium, referrer, url), value)
              for _, at, name, source, medium, referrer, url, value in steps])
        for pk, steps in groupby(rows, key=lambda row: row[0])
    ]  # fmt: skip
    return found, who[-1] if len(who) == PEOPLE else None


def channel(
    source: str | None, medium: str | None, referrer: str | None, url: str | None = None
) -> str:
    """How an event came about: its campaign's source and medium, else the host that referred. A
    page that was come to from another of the same site came about through no channel."""
    if source:
        return f"{source} / {medium}"[:80] if medium else source[:80]
    host = _host(referrer)
    return "" if host == _host(url) else host[:80]


def _host(address: str | None) -> str:
    """The host of an address without its www; empty where there is none."""
    try:
        return (urlsplit(address or "").hostname or "").removeprefix("www.")
    except ValueError:  # "http://[x": anybody may send that
        return ""


def known(since: datetime) -> dict[str, int]:
    """How much there is to mine: {events since then, texts of known people that were read}."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, [current_tenant(), since.date()])
        (events,) = cursor.fetchone()
    texts = Document.objects.filter(state="read").exclude(contact=None).count()
    return {"events": int(events), "texts": texts}


def names(since: datetime, most: int = 200) -> Iterator[tuple[str, int]]:
    """What people did since then, the most frequent first, and how often."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT name, sum(n)::bigint FROM event_count
            WHERE tenant_id = %s AND day >= %s AND name <> '' GROUP BY name ORDER BY 2 DESC, 1
            LIMIT %s""", [current_tenant(), since.date(), most])  # fmt: skip
        yield from cursor.fetchall()
