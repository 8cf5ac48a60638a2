"""Finding passages: by words (full text) and by sense (vectors), the two lists fused."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.db import connection
from django.db.models import Count, Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from chat.knowledge.models import Document
from chat.knowledge.passages import bigrams

DEPTH = 30  # of each list
RANK_K = 60  # reciprocal rank fusion, 1 / (k + rank) (Cormack et al. 2009)
WORDS_SQL = """
WITH q AS (
  SELECT nullif(replace(plainto_tsquery('english', %(text)s)::text, '&', '|'), '') AS latin,
         nullif(replace(plainto_tsquery('simple', %(pairs)s)::text, '&', '|'), '') AS han),
asked AS (SELECT CASE WHEN latin IS NULL THEN han::tsquery WHEN han IS NULL THEN latin::tsquery
                      ELSE latin::tsquery || han::tsquery END AS words FROM q)
SELECT p.id, ts_rank_cd(p.terms, a.words, 1) AS score
FROM passage p JOIN document d ON d.tenant_id = p.tenant_id AND d.id = p.document_id, asked a
WHERE p.tenant_id = %(tenant)s AND d.state = 'active' AND p.terms @@ a.words
ORDER BY score DESC, p.id LIMIT %(most)s"""
SENSE_SQL = """
SELECT p.id, 1 - (p.embedding <=> %(vector)s::vector) AS score
FROM passage p JOIN document d ON d.tenant_id = p.tenant_id AND d.id = p.document_id
WHERE p.tenant_id = %(tenant)s AND d.state = 'active' AND p.encoder = %(encoder)s
ORDER BY p.embedding <=> %(vector)s::vector, p.id LIMIT %(most)s"""
READ_SQL = """
SELECT p.id, p.document_id, d.kind, d.title, d.url, p.heading, p.text, d.body
FROM passage p JOIN document d ON d.tenant_id = p.tenant_id AND d.id = p.document_id
WHERE p.tenant_id = %(tenant)s AND p.id = ANY(%(ids)s)"""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found. `words` and `sense` are its scores in the two lists (0 where it is
    in neither); `answer` is the whole answer of a FAQ."""

    id: uuid.UUID
    document: uuid.UUID
    kind: str
    title: str
    url: str
    heading: str
    text: str
    answer: str
    words: float = 0.0
    sense: float = 0.0


def documents(*, q: str = "", kind: str = "", state: str = "active") -> QuerySet[Document]:
    rows = Document.objects.annotate(
        pieces=Count("passages"), blind=Count("passages", filter=Q(passages__embedding=None))
    ).order_by("-id")
    rows = rows.filter(Q(title__icontains=q) | Q(body__icontains=q)) if q else rows
    rows = rows.filter(kind=kind) if kind else rows
    return rows.filter(state=state) if state else rows


def document(pk: uuid.UUID | str, *, lock: bool = False) -> Document:
    rows = Document.objects.select_for_update() if lock else Document.objects.all()
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such document in this workspace."))
    return row


def search(
    text: str, *, vector: Sequence[float] | np.ndarray | None = None, encoder: str = "",
    most: int = 6,
) -> list[Found]:  # fmt: skip
    """The passages that answer best, best first. Without a vector by words alone."""
    text = text.replace("\x00", "")[:2000]
    values = {"tenant": current_tenant(), "most": DEPTH}
    with connection.cursor() as cursor:
        cursor.execute(WORDS_SQL, {**values, "text": text, "pairs": bigrams(text)})
        words = dict(cursor.fetchall())
        sense: dict[uuid.UUID, float] = {}
        if vector is not None:
            told = "[" + ",".join(f"{float(v):.6g}" for v in vector) + "]"
            cursor.execute(SENSE_SQL, {**values, "vector": told, "encoder": encoder})
            sense = dict(cursor.fetchall())
        fused: dict[uuid.UUID, float] = {}
        for ranked in (words, sense):
            for rank, pk in enumerate(ranked, start=1):
                fused[pk] = fused.get(pk, 0.0) + 1 / (RANK_K + rank)
        chosen = sorted(fused, key=lambda pk: (-fused[pk], str(pk)))[:most]
        cursor.execute(READ_SQL, {**values, "ids": chosen})
        rows = {row[0]: Found(*row) for row in cursor.fetchall()}
    return [
        replace(rows[pk], words=float(words.get(pk, 0)), sense=float(sense.get(pk, 0)))
        for pk in chosen
        if pk in rows
    ]
