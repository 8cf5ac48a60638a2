"""Import of customer files: upload, dry run, run in batches, resume."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import islice
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from attune.kernel import audit, cells
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import allowance, imports, services
from campaigns.contacts.jobs import RUN_IMPORT, RunImport
from campaigns.contacts.models import ContactImport, ImportProblem
from tenants import notices
from tenants.models import Tenant

BATCH = 1_000
IMPORT = Machine(
    "import",
    {
        ("uploaded", "check"): "checked",
        ("checked", "check"): "checked",
        ("checked", "start"): "running",
        ("uploaded", "start"): "running",
        ("running", "finish"): "finished",
    },
)


def upload(*, file: UploadedFile) -> ContactImport:
    """Keep a file and read its head. Refuses what cannot be a customer list, with the reason."""
    head = imports.look(file)
    row = ContactImport.objects.create(
        filename=(file.name or "file")[:200],
        format=head.format,
        file=file,
        columns=head.columns,
        sample=head.sample,
        mapping=imports.guess_mapping(head.columns),
    )
    audit.record("contacts.upload", row)
    return row


def start(*, of: ContactImport, mapping: dict[str, str], dry_run: bool) -> None:
    """Set the mapping and put the run (or a dry run, which writes nothing) on the queue."""
    targets = set(mapping.values())
    unknown = [
        t for t in targets
        if t and t not in (*imports.TARGETS, "userId+email") and not t.startswith("trait:")
    ]  # fmt: skip
    if unknown:
        raise Invalid.one("mapping", say("Unknown target %(target)s.", target=unknown[0]))
    if not targets & {"userId", "anonymousId", "userId+email"}:
        raise Invalid.one(
            "mapping", say("No column identifies the customer."), say("Map one to userId.")
        )
    if not dry_run:
        advance(IMPORT, of, "start")
        of.accepted = of.rejected = 0  # what a dry run counted
    elif of.state not in {"uploaded", "checked"}:
        raise Conflict(say("A dry run comes before the run."))
    of.mapping = mapping
    ImportProblem.objects.filter(of=of, dry=True).delete()
    of.job = RUN_IMPORT.enqueue(RunImport(of.pk, dry_run, audit.user_id()))
    of.save(update_fields=["mapping", "job", "accepted", "rejected"])


def interrupted(of: ContactImport) -> bool:
    ended = {JobRow.State.CANCELLED, JobRow.State.QUARANTINED}
    return of.state == ContactImport.State.RUNNING and (of.job is None or of.job.state in ended)


def resume(*, of: ContactImport) -> None:
    """Take up an import whose job was cancelled or gave up: the cursor knows where it stopped."""
    of = ContactImport.objects.select_for_update(of=("self",)).select_related("job").get(pk=of.pk)
    if not interrupted(of):
        raise Conflict(say("This import is not interrupted; there is nothing to resume."))
    of.job = RUN_IMPORT.enqueue(RunImport(of.pk, dry_run=False, by_id=audit.user_id()))
    of.save(update_fields=["job"])
    audit.record("contacts.resume_import", of, at_row=of.next_row)


def count_rows(of: ContactImport) -> int:
    with of.file.open("rb") as file:
        return sum(1 for _ in imports.rows(file, format=of.format))


def batches(of: ContactImport, *, skip: int) -> Any:
    """Lists of rows after the first `skip`."""
    with of.file.open("rb") as file:
        source = islice(imports.rows(file, format=of.format), skip, None)
        while batch := list(islice(source, BATCH)):
            yield batch


def take_batch(of: ContactImport, batch: list[imports.Row], *, dry_run: bool) -> tuple[int, int]:
    """Write one batch and move the cursor in the same transaction. (accepted, rejected).

    Raises Conflict when another run of the same import moved the cursor meanwhile.
    """
    now = ContactImport.objects.select_for_update(of=("self",)).get(pk=of.pk)
    if not dry_run and now.next_row != of.next_row:
        raise Conflict(say("Another run of this import went on from here."))
    wrong = {row.line: imports.problem_of(row, of.mapping) for row in batch}
    problems = [
        ImportProblem(of=of, line=r.line, field=field, reason=reason, raw=r.raw, dry=dry_run)
        for r in batch
        for field, reason in [wrong[r.line]]
        if reason
    ]
    good = [row for row in batch if not wrong[row.line][1]]
    items = [imports.to_identify(row, of.mapping, import_id=str(of.pk)) for row in good]
    judge: Callable[..., Any] = services.judge_events if dry_run else services.record_events
    receipt = judge(items, source="import", history=True)
    for refusal in receipt.rejected:
        row = good[refusal.index]
        problems.append(
            ImportProblem(
                of=of,
                line=row.line,
                field=refusal.field,
                reason=refusal.reason,
                raw=row.raw,
                dry=dry_run,
            )
        )
    ImportProblem.objects.bulk_create(problems)
    if not dry_run:
        allowance.demand_room(Tenant.objects.get(pk=current_tenant()))
    accepted = len(batch) - len(problems)
    if not dry_run:
        of.next_row += len(batch)
        of.accepted += accepted
        of.rejected += len(problems)
        of.save(update_fields=["next_row", "accepted", "rejected"])
    return accepted, len(problems)


def finish(*, of: ContactImport, dry_run: bool, by_id: int | None) -> None:
    """Close a run: its state, and a notice for who started it."""
    if dry_run:
        advance(IMPORT, of, "check")
        return
    advance(IMPORT, of, "finish", accepted=of.accepted, rejected=of.rejected)
    told = say(
        "%(file)s is imported: %(accepted)s rows taken, %(rejected)s not",
        file=of.filename, accepted=of.accepted, rejected=of.rejected,
    )  # fmt: skip
    notices.tell([by_id], told, "contacts:file", of.pk)


def problems_csv(of: ContactImport) -> str:
    """The rows that were not taken, as a file that can be mended and imported again."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["line", "field", "reason", "row"])
    for p in of.problems.order_by("line"):
        writer.writerow([p.line, p.field, p.reason, cells.guard_formula(p.raw)])
    return out.getvalue()
