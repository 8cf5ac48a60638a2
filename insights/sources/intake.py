"""Documents in: prepared, grouped with what says the same, stored once."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Lower

from attune.kernel import live, privacy
from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from campaigns.contacts.models import Identity
from insights.sources import entries, likeness
from insights.sources.entries import Entry, Item, Wrong
from insights.sources.jobs import READ_TEXTS, WEIGH, ReadTexts, Weigh
from insights.sources.models import Document, DocumentImport, DocumentProblem, Source

logger = logging.getLogger(__name__)
MOST_NEAR = 5_000  # stored leaders that a portion is compared with
LOOKED_AT = 4_000  # letters of a text that its likeness is judged by
COPIES_SQL = """
WITH held AS (SELECT id FROM insight_document WHERE tenant_id = %(tenant)s
              AND id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE)
UPDATE insight_document d SET copies = d.copies + n.n
FROM unnest(%(ids)s::uuid[], %(more)s::int[]) AS n(id, n), held h
WHERE d.tenant_id = %(tenant)s AND d.id = n.id AND h.id = d.id"""
NEAR_SQL = "SELECT id, bands, text FROM attune_near_texts(%(bands)s::bigint[], %(most)s)"


@dataclass(slots=True)
class Receipt:
    """What became of a portion: stored, known already, set aside (stored too), refused with field
    and reason by line."""

    accepted: int = 0
    known: int = 0
    aside: int = 0
    refused: list[tuple[int, str, Phrase]] = field(default_factory=list)


def take(
    *, source: Source, items: Sequence[Item], now: datetime, of: DocumentImport | None = None
) -> Receipt:
    """Store what can be kept of `items` and ask for its reading; the rest stands in the problems of
    the source. What has an external id that this source knows is not stored again."""
    receipt = Receipt()
    found: list[Entry] = []
    problems = []
    for item in items:
        try:
            found.append(entries.prepare(item, now=now, language=source.language))
        except Exception as error:
            wrong = error if isinstance(error, Wrong) else Wrong("row", say("It cannot be read."))
            if wrong is not error:  # no row stops those beside it
                logger.exception("a text could not be prepared")
            receipt.refused.append((item.line, wrong.field, wrong.why))
            problems.append(DocumentProblem(
                source=source, of=of, line=item.line, field=wrong.field, reason=wrong.why,
                raw=privacy.mask(item.raw[:2000]).text,
            ))  # fmt: skip
    DocumentProblem.objects.bulk_create(problems)
    if found:
        _store(source, found, of, receipt)
    live.push(current_tenant(), "insights")
    return receipt


def alone() -> None:
    """Until the transaction ends nobody else stores or weighs documents of this workspace. The key
    of the lock is secret: whoever reads by SQL could hold one that can be guessed."""
    told = f"attune.insights.{current_tenant()}{settings.SECRET_KEY}"
    key = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _store(source: Source, found: list[Entry], of: DocumentImport | None, receipt: Receipt) -> None:
    alone()
    fresh = _unknown(source, found)
    receipt.known = len(found) - len(fresh)
    products, contacts = _products(fresh), _contacts(fresh)
    rows = [
        Document(
            pk=new_id(), source=source, of=of, external_id=e.external_id,
            author=pseudonym(e.author), contact_id=contacts.get(e.user_id),
            product_id=products.get(e.product.casefold(), source.product_id), at=e.at,
            title=e.title, text=e.text, rating=e.rating, language=e.language, masked=e.masked,
            attributes=_attributes(e, products), state="aside" if e.aside[0] else "waiting",
            why=e.aside[0],
            found=e.aside[1][:200], digest=likeness.digest(e.text),
        )
        for e in fresh
    ]  # fmt: skip
    more = group(rows)
    Document.objects.bulk_create(rows, batch_size=1000)
    if more:
        with connection.cursor() as cursor:
            cursor.execute(COPIES_SQL, {"tenant": current_tenant(), "ids": list(more),
                                        "more": list(more.values())})  # fmt: skip
    receipt.accepted = len(rows)
    receipt.aside = sum(row.state == "aside" for row in rows)
    if receipt.accepted > receipt.aside:
        READ_TEXTS.enqueue(ReadTexts(), dedupe_key="read")


def pseudonym(author: str) -> str:
    """The same for the same author in one workspace, and nothing that leads back."""
    if not author:
        return ""
    key = hashlib.sha256(b"attune.author" + settings.SECRET_KEY.encode()).digest()
    told = f"{current_tenant()}:{author.strip().casefold()}"
    return hashlib.blake2b(told.encode(), key=key, digest_size=12).hexdigest()


def _unknown(source: Source, found: list[Entry]) -> list[Entry]:
    ids = [e.external_id for e in found if e.external_id]
    rows = Document.objects.filter(source=source, external_id__in=ids)
    seen = set(rows.values_list("external_id", flat=True))
    fresh = []
    for entry in found:
        if entry.external_id not in seen:
            fresh.append(entry)
            if entry.external_id:
                seen.add(entry.external_id)
    return fresh


def _products(found: list[Entry]) -> dict[str, uuid.UUID]:
    """Products by their sku or name, without case; a name that two products have is neither's."""
    named = {e.product.lower() for e in found if e.product}
    if not named:
        return {}
    rows = Product.objects.annotate(low_sku=Lower("sku"), low_name=Lower("name"))
    hits: dict[str, set[uuid.UUID]] = {}
    for row in rows.filter(Q(low_sku__in=named) | Q(low_name__in=named)):
        for known in {row.name.casefold(), row.sku.casefold()}:
            hits.setdefault(known, set()).add(row.pk)
    return {known: next(iter(ids)) for known, ids in hits.items() if len(ids) == 1}


def _attributes(entry: Entry, products: dict[str, uuid.UUID]) -> dict[str, Any]:
    """A product that the catalogue does not know stays to be seen."""
    if entry.product and entry.product.casefold() not in products:
        return {**entry.attributes, entries.UNKNOWN_PRODUCT: entry.product}
    return entry.attributes


def _contacts(found: list[Entry]) -> dict[str, uuid.UUID]:
    named = {e.user_id for e in found if e.user_id}
    if not named:
        return {}
    rows = Identity.objects.filter(kind=Identity.Kind.USER, value__in=named)
    return dict(rows.values_list("value", "contact_id"))


# -- what says the same ------------------------------------------------------------------------


def group(rows: list[Document]) -> dict[uuid.UUID, int]:
    """Set each row's leader, its bands where it leads, and its copies; for leaders that are stored
    already, how many copies came in."""
    leaders = _exact(rows)
    pieces = {
        row.digest: likeness.shingles(row.text[:LOOKED_AT])
        for row in rows if row.digest not in leaders
    }  # fmt: skip
    bands = {digest: likeness.bands(found) for digest, found in pieces.items()}
    near = _Near([band for keys in bands.values() for band in keys])
    more: dict[uuid.UUID, int] = {}
    here: dict[uuid.UUID, Document] = {}
    for row in rows:
        leader = leaders.get(row.digest)
        if leader is None:
            leader = near.find(bands[row.digest], pieces[row.digest])
            if leader is None:
                leader, row.bands = row.pk, bands[row.digest] or None
                here[row.pk] = row
                near.add(row.pk, bands[row.digest], pieces[row.digest])
            leaders[row.digest] = leader
        row.leader_id = leader
        if leader in here:
            here[leader].copies += leader != row.pk
        else:
            more[leader] = more.get(leader, 0) + 1
    if more or any(row.copies > 1 for row in here.values()):
        WEIGH.enqueue(Weigh(), dedupe_key="weigh")
    return more


def _exact(rows: list[Document]) -> dict[str, uuid.UUID]:
    digests = list({row.digest for row in rows})
    known = Document.objects.filter(digest__in=digests).order_by("digest", "id").distinct("digest")
    return dict(known.values_list("digest", "leader_id"))


class _Near:
    """Leaders by their bands: those that are stored and share a band with this portion, and those
    that the portion brings."""

    def __init__(self, bands: list[int]) -> None:
        self.by_band: dict[int, list[uuid.UUID]] = {}
        self.pieces: dict[uuid.UUID, set[int]] = {}
        with connection.cursor() as cursor:
            cursor.execute(NEAR_SQL, {"bands": bands, "most": MOST_NEAR})
            for pk, keys, text in cursor.fetchall():
                self.add(pk, keys, likeness.shingles(text))

    def add(self, pk: uuid.UUID, bands: list[int], pieces: set[int]) -> None:
        self.pieces[pk] = pieces
        for band in bands:
            self.by_band.setdefault(band, []).append(pk)

    def find(self, bands: list[int], pieces: set[int]) -> uuid.UUID | None:
        """The first leader that says nearly the same."""
        for pk in dict.fromkeys(pk for band in bands for pk in self.by_band.get(band, ())):
            if likeness.jaccard(pieces, self.pieces[pk]) >= likeness.NEAR:
                return pk
        return None
