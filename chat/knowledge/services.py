"""Writing the knowledge base: documents in, passages made anew, vectors asked for."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

import nh3
import numpy as np
from django.db import IntegrityError, connection, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.storable import unstorable
from attune.kernel.tenancy import current_tenant
from campaigns.catalog import selectors as catalog
from campaigns.content import injection
from chat.knowledge import extracting, passages
from chat.knowledge.jobs import EMBED_DOCUMENT, EmbedDocument
from chat.knowledge.models import Document, Passage

MOST_LETTERS = 400_000
TERMS_SQL = """
UPDATE passage SET terms =
  setweight(to_tsvector('english', %(title)s), 'A')
  || setweight(to_tsvector('english', heading), 'B')
  || to_tsvector('english', text) || to_tsvector('simple', %(pairs)s)
WHERE tenant_id = %(tenant)s AND id = %(id)s"""
BREAKS = re.compile(r"<(?:/p|/div|/li|/h[1-6]|br|/tr|/section|/article)[^>]*>", re.IGNORECASE)
HEADS = re.compile(r"<h[1-6][^>]*>", re.IGNORECASE)


def save_document(
    *, kind: str, title: str, body: str, url: str = "", language: str = "en", reference: str = "",
    document: Document | None = None,
) -> Document:  # fmt: skip
    """Keep a document and cut it into passages; its vectors follow from the model queue. Text that
    commands a model is kept, counted and shown: it is data, and no answer obeys it."""
    title, body = title.strip(), body.strip()
    wrong = []
    if kind not in Document.Kind.values:
        wrong.append(FieldError("kind", say("Choose one of the kinds.")))
    if not title or len(title) > 300:
        wrong.append(FieldError("title", say("Give it a title of at most 300 characters.")))
    if not body:
        wrong.append(FieldError("body", say("Write or paste what the assistant may answer from.")))
    if len(body) > MOST_LETTERS:
        wrong.append(FieldError("body", say("At most %(most)s characters; cut it into parts.",
                                            most=f"{MOST_LETTERS:,}")))  # fmt: skip
    if url and not re.match(r"https?://", url):
        wrong.append(FieldError("url", say("Give an https:// address.")))
    for name, text in (("title", title), ("body", body)):
        if problem := unstorable(text):
            wrong.append(FieldError(name, problem))
    if wrong:
        raise Invalid(wrong)
    row = document or Document()
    row.kind, row.title, row.body, row.url, row.language = kind, title, body, url[:500], language
    row.reference = reference
    row.commands = sum(bool(injection.command_in(s)) for s in passages.sentences(body))
    try:
        with transaction.atomic():
            row.save()
            _cut(row)
    except IntegrityError as twin:
        taken = say("Another document of this kind has this reference already.")
        raise Conflict(taken) from twin
    audit.record("knowledge.save_document", row, kind=kind)
    live.push(current_tenant(), "knowledge")
    return row


def _cut(row: Document) -> None:
    Passage.objects.filter(document=row).delete()
    if row.kind == Document.Kind.FAQ:
        pieces = [passages.Piece(row.title, row.body)]
    else:
        pieces = passages.cut(row.body)
    made = Passage.objects.bulk_create(
        Passage(document=row, position=n, heading=p.heading, text=p.text)
        for n, p in enumerate(pieces, start=1)
    )
    with connection.cursor() as cursor:
        for piece in made:
            pairs = passages.bigrams(f"{row.title} {piece.heading} {piece.text}")
            cursor.execute(TERMS_SQL, {"tenant": current_tenant(), "id": piece.pk,
                                       "title": row.title, "pairs": pairs})  # fmt: skip
    EMBED_DOCUMENT.enqueue(EmbedDocument(row.pk), dedupe_key=str(row.pk))


def blind_passages(document_id: uuid.UUID, encoder: str) -> list[tuple[uuid.UUID, str]]:
    """Passages without a vector of this encoder, and the text that the vector is of."""
    rows = Passage.objects.filter(document_id=document_id).exclude(encoder=encoder)
    return [
        (row.pk, "\n".join(filter(None, [row.document.title, row.heading, row.text])))
        for row in rows.select_related("document").order_by("position")
    ]


def keep_vectors(ids: Sequence[uuid.UUID], vectors: np.ndarray, encoder: str) -> None:
    """Write the vectors (n, width) of passages; those that were cut anew meanwhile are gone."""
    for pk, vector in zip(ids, vectors, strict=True):
        Passage.objects.filter(pk=pk).update(embedding=vector, encoder=encoder)
    live.push(current_tenant(), "knowledge")


def embed_again() -> int:
    """Ask for every document's vectors anew, after the encoder was changed; how many."""
    ids = list(Document.objects.filter(state="active").values_list("pk", flat=True))
    for pk in ids:
        EMBED_DOCUMENT.enqueue(EmbedDocument(pk), dedupe_key=str(pk))
    return len(ids)


def put_document(*, kind: str, reference: str, **values: str) -> Document:
    """Keep a document that is written elsewhere, under its id there; the same id replaces it."""
    known = Document.objects.filter(kind=kind, reference=reference) if reference else None
    row = known.select_for_update().first() if known is not None else None
    return save_document(kind=kind, reference=reference, document=row, **values)


def archive(*, document: Document) -> None:
    """Out of every answer from now on; it can be brought back."""
    if not Document.objects.filter(pk=document.pk, state="active").update(state="archived"):
        raise Conflict(say("This document is archived already."))
    audit.record("knowledge.archive", document)
    live.push(current_tenant(), "knowledge")


def restore(*, document: Document) -> None:
    if not Document.objects.filter(pk=document.pk, state="archived").update(state="active"):
        raise Conflict(say("This document is active already."))
    audit.record("knowledge.restore", document)
    live.push(current_tenant(), "knowledge")


def from_file(*, name: str, content: bytes, language: str = "en") -> Document:
    """A PDF, Word, text, Markdown or HTML file as a document. Raises Invalid."""
    kind = name.rpartition(".")[2].lower()
    text = _text(name, kind, content)
    title = re.sub(r"[-_]+", " ", name.rpartition(".")[0])[:300] or name
    return save_document(kind="file", title=title, body=text, language=language)


def _text(name: str, kind: str, content: bytes) -> str:
    """What a file says. Raises Invalid with what to do."""
    if kind in {"pdf", "docx"}:
        try:
            text = extracting.text_of(kind, content)
        except extracting.Unreadable as unreadable:
            raise Invalid.one("file", _why(name, unreadable.code)) from unreadable
        if not text.strip():
            empty = say("%(name)s holds no text, only pictures perhaps; send its text.", name=name)
            raise Invalid.one("file", empty)
        return text
    if kind not in {"txt", "md", "html", "htm"}:
        raise Invalid.one("file", say("Send a .pdf, .docx, .txt, .md or .html file."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as binary:
        raise Invalid.one("file", say("%(name)s is no UTF-8 text.", name=name)) from binary
    return plain(text) if kind in {"html", "htm"} else text


def _why(name: str, code: int) -> Phrase:
    if code == extracting.LOCKED:
        return say("%(name)s is locked with a password; save it without one.", name=name)
    if code == extracting.TOO_LONG:
        return say("%(name)s is too long or too intricate to be read; cut it into parts.",
                   name=name)  # fmt: skip
    return say("%(name)s cannot be read; save it anew, or send its text.", name=name)


def plain(html: str) -> str:
    """HTML as text with its paragraphs and headings."""
    marked = BREAKS.sub("\n\n", HEADS.sub("\n\n# ", html))
    text = nh3.clean(marked, tags=set(), clean_content_tags={"script", "style", "head", "nav"})
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")):
        text = text.replace(entity, letter)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+", " ", text)).strip()


def take_catalogue() -> int:
    """The catalogue's products with their facts as documents, one each; how many changed."""
    changed = 0
    for product in catalog.offered():
        lines = [product.description, *(fact.text for fact in product.facts.all())]
        price = f"{product.price_cents / 100:.2f} {product.currency}"
        body = "\n".join([f"{product.name} costs {price}.", *filter(None, lines)])
        known = Document.objects.filter(kind="product", reference=product.sku[:80]).first()
        if known is not None and (known.body, known.title) == (body, product.name):
            continue
        values: dict[str, Any] = {"kind": "product", "title": product.name, "body": body}
        save_document(**values, url=product.url, reference=product.sku[:80], document=known)
        changed += 1
    return changed
