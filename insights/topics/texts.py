"""The senses of what was read, in portions: a million of them need not be in memory."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from attune.kernel.tenancy import current_tenant

PORTION = 2_000
SENSES_SQL = """
SELECT r.id, r.document_id, r.vector::text, d.weight
FROM reading r JOIN insight_document d ON d.tenant_id = r.tenant_id AND d.id = r.document_id
LEFT JOIN topic_belonging b ON b.tenant_id = r.tenant_id AND b.document_id = r.document_id
WHERE r.tenant_id = %(tenant)s AND r.vector IS NOT NULL AND d.state = 'read'
  AND (%(after)s::uuid IS NULL OR r.id > %(after)s)
  AND (%(topic)s::uuid IS NULL OR b.topic_id = %(topic)s)
  AND (NOT %(unplaced)s OR b.id IS NULL)
  AND (%(share)s >= 1 OR (hashtext(r.id::text) & 1048575) < %(share)s * 1048576)
ORDER BY r.id LIMIT %(most)s"""
TEXTS_SQL = """
SELECT id, text FROM insight_document WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)"""


@dataclass(frozen=True, slots=True)
class Senses:
    """A portion: `documents` (n,), `vectors` (n, C) float32, `weights` (n,); `last` is where the
    next portion goes on."""

    documents: list[uuid.UUID]
    vectors: np.ndarray
    weights: np.ndarray
    last: uuid.UUID | None


def portion(
    *, after: uuid.UUID | None = None, topic: uuid.UUID | None = None, unplaced: bool = False,
    most: int = PORTION, share: float = 1.0,
) -> Senses:  # fmt: skip
    """Senses of texts that were read, of one topic where it is named, of texts without a place yet
    where `unplaced`; of `share` < 1, about that part of them by chance, the same each time."""
    values = {"tenant": current_tenant(), "after": after, "topic": topic, "unplaced": unplaced,
              "most": most, "share": share}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(SENSES_SQL, values)
        rows = cursor.fetchall()
    vectors = np.array([np.fromstring(r[2][1:-1], sep=",", dtype=np.float32) for r in rows])
    return Senses([r[1] for r in rows], vectors, np.array([r[3] for r in rows], dtype=np.float64),
                  rows[-1][0] if rows else None)  # fmt: skip


def words_of(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The texts of documents by id."""
    with connection.cursor() as cursor:
        cursor.execute(TEXTS_SQL, {"tenant": current_tenant(), "ids": list(ids)})
        return dict(cursor.fetchall())
