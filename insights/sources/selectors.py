"""Reading sources and documents."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from insights.sources import entries
from insights.sources.models import Document, DocumentImport, DocumentProblem, Source

COUNTS_SQL = """
SELECT source_id, count(*), count(*) FILTER (WHERE state = 'waiting'),
       count(*) FILTER (WHERE state = 'aside'), count(*) FILTER (WHERE leader_id <> id),
       max(at)
FROM insight_document WHERE tenant_id = %s AND (%s::uuid IS NULL OR source_id = %s)
GROUP BY source_id"""


def sources(*, state: str = "active") -> QuerySet[Source]:
    rows = Source.objects.select_related("product").order_by("name")
    return rows.filter(state=state) if state else rows


def source(pk: uuid.UUID | str, *, lock: bool = False) -> Source:
    rows = Source.objects.select_for_update(of=("self",)) if lock else Source.objects.all()
    row = rows.select_related("product").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such source in this workspace."))
    return row


def counts(of: Source | None = None) -> dict[uuid.UUID, dict[str, Any]]:
    """Of each source, or of one: documents, how many wait, are set aside, are copies, and the
    newest."""
    pk = of.pk if of else None
    with connection.cursor() as cursor:
        cursor.execute(COUNTS_SQL, [current_tenant(), pk, pk])
        names = ("documents", "waiting", "aside", "copies", "newest")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}


def aside(*, why: str = "") -> QuerySet[Document]:
    """What no model reads, the newest first."""
    rows = Document.objects.filter(state="aside").select_related("source").defer("bands")
    return (rows.filter(why=why) if why else rows).order_by("-id")


def document(pk: uuid.UUID | str) -> Document:
    rows = Document.objects.select_related("source", "product", "contact").defer("bands")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such document in this workspace."))
    return row


def copies(of: Document) -> QuerySet[Document]:
    """The documents that say the same, the first one among them."""
    rows = Document.objects.filter(Q(leader_id=of.leader_id) | Q(pk=of.leader_id))
    return rows.exclude(pk=of.pk).select_related("source").defer("bands").order_by("id")


def floods(most: int = 10) -> QuerySet[Document]:
    """The texts with the most copies that are weighed down."""
    rows = Document.objects.filter(leader_id=F("id"), copies__gte=20, weight__lt=0.5)
    return rows.select_related("source").defer("bands").order_by("-copies", "id")[:most]


def get_import(pk: uuid.UUID | str) -> DocumentImport:
    row = DocumentImport.objects.select_related("job", "source").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such import in this workspace."))
    return row


def unknown(of: DocumentImport) -> list[tuple[str, int]]:
    """Products that a file names and the catalogue does not know, with how many texts name them."""
    rows = of.documents.filter(attributes__has_key=entries.UNKNOWN_PRODUCT)
    named = rows.values_list(f"attributes__{entries.UNKNOWN_PRODUCT}").annotate(n=Count("id"))
    return list(named.order_by("-n")[:20])


def problems(source: Source) -> QuerySet[DocumentProblem]:
    """What was sent and could not be taken, the newest first."""
    return DocumentProblem.objects.filter(source=source).order_by("-id")
