"""Files of texts: looked at, mapped, taken in portions, taken up where they stopped."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TextIO

from django.core.files.uploadedfile import UploadedFile

from attune.kernel import audit, cells, privacy
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from campaigns.contacts import imports
from campaigns.contacts.imports import Row
from insights.sources import entries, intake, services
from insights.sources.entries import Item
from insights.sources.jobs import TAKE_FILE, TakeFile
from insights.sources.models import DocumentImport, DocumentProblem, Source
from tenants import notices

PORTION = 500
FILE = Machine(
    "file of texts",
    {("uploaded", "start"): "running", ("running", "finish"): "finished"},
)


def upload(*, source: Source, file: UploadedFile) -> DocumentImport:
    """Keep a file and guess what its columns are. Raises Invalid for what is no table."""
    services.demand_open(source)
    head = imports.look(file)
    digest = hashlib.blake2b(digest_size=16)
    for block in file.chunks():
        digest.update(block)
    file.seek(0)
    row = DocumentImport.objects.create(
        source=source, filename=(file.name or "file")[:200], format=head.format, file=file,
        columns=head.columns, sample=head.sample, mapping=entries.guess(head.columns),
        digest=digest.hexdigest(),
    )  # fmt: skip
    audit.record("insights.upload", row)
    return row


def start(*, of: DocumentImport, mapping: dict[str, str]) -> None:
    """Set what each column becomes and put the file on the queue."""
    targets = [t for t in mapping.values() if t and not t.startswith("attribute:")]
    unknown = [t for t in targets if t not in entries.TARGETS]
    twice = [t for t in set(targets) if targets.count(t) > 1]
    if unknown:
        raise Invalid.one("mapping", say("Unknown target %(target)s.", target=unknown[0]))
    if twice:
        raise Invalid.one("mapping", say("Two columns become %(target)s.", target=twice[0]))
    if "text" not in targets:
        raise Invalid.one("text", say("No column is the text."), say("Say which one is."))
    advance(FILE, of, "start")
    of.mapping = mapping
    of.job = TAKE_FILE.enqueue(TakeFile(of.pk, audit.user_id()))
    of.save(update_fields=["mapping", "job"])


def interrupted(of: DocumentImport) -> bool:
    return of.state == DocumentImport.State.RUNNING and (
        of.job is None or of.job.state in JobRow.GAVE_UP
    )


def resume(*, of: DocumentImport) -> None:
    """Take up a file whose job was cancelled or gave up: the cursor knows where it stopped."""
    of = DocumentImport.objects.select_for_update(of=("self",)).select_related("job").get(pk=of.pk)
    if not interrupted(of):
        raise Conflict(say("This import is not interrupted; there is nothing to resume."))
    of.job = TAKE_FILE.enqueue(TakeFile(of.pk, audit.user_id()))
    of.save(update_fields=["job"])
    audit.record("insights.resume_import", of, at_row=of.next_row)


def count_rows(of: DocumentImport) -> int:
    with of.file.open("rb") as file:
        return sum(1 for _ in imports.rows(file, format=of.format))


def portions(of: DocumentImport, *, skip: int) -> Iterator[list[Row]]:
    """Rows after the first `skip`, a portion at a time: the file is never in memory as a whole."""
    with of.file.open("rb") as file:
        rows = islice(imports.rows(file, format=of.format), skip, None)
        while portion := list(islice(rows, PORTION)):
            yield portion


def take_portion(of: DocumentImport, portion: list[Row], *, now: datetime) -> None:
    """Store one portion and move the cursor in the same transaction. A row without an id of its own
    is known by its place in the file, so that a resumed run and the same file again take nothing
    twice. Raises Conflict
    where another run of the same file moved the cursor meanwhile."""
    held = DocumentImport.objects.select_for_update(of=("self",)).get(pk=of.pk)
    if held.next_row != of.next_row:
        raise Conflict(say("Another run of this import went on from here."))
    broken = [row for row in portion if row.problem]
    DocumentProblem.objects.bulk_create(
        DocumentProblem(source=of.source, of=of, line=row.line, field="row", reason=row.problem,
                        raw=privacy.mask(row.raw).text)
        for row in broken
    )  # fmt: skip
    items = [_item(of, row) for row in portion if not row.problem]
    receipt = intake.take(source=of.source, items=items, now=now, of=of)
    of.next_row += len(portion)
    of.accepted += receipt.accepted
    of.known += receipt.known
    of.set_aside += receipt.aside
    of.rejected += len(receipt.refused) + len(broken)
    of.save(update_fields=["next_row", "accepted", "known", "set_aside", "rejected"])


def _item(of: DocumentImport, row: Row) -> Item:
    cells = entries.mapped(row.cells, of.mapping)
    cells.setdefault("external_id", f"{of.digest or of.pk.hex}:{row.line}")
    return Item(row.line, cells, row.raw)


def finish(*, of: DocumentImport, by_id: int | None) -> None:
    advance(FILE, of, "finish", accepted=of.accepted, rejected=of.rejected)
    told = say(
        "%(file)s is taken in: %(accepted)s texts, %(rejected)s rows not",
        file=of.filename, accepted=of.accepted, rejected=of.rejected,
    )  # fmt: skip
    notices.tell([by_id], told, "sources:file", of.pk)


def problems_csv(of: DocumentImport, to: TextIO) -> None:
    """Write the rows that were not taken, as a file that can be mended and sent again."""
    writer = csv.writer(to)
    writer.writerow(["line", "field", "reason", "row"])
    for p in of.problems.order_by("line").iterator(chunk_size=2_000):
        writer.writerow([p.line, p.field, p.reason, cells.guard_formula(p.raw)])
