"""Events to profiles, segments and rewards; files to events."""

from __future__ import annotations

from uuid import UUID

from django.db import DataError
from django.utils import timezone

from attune.kernel.phrases import say
from campaigns.automations.entering import hear
from campaigns.contacts import folding, importing, selectors
from campaigns.contacts.jobs import FOLD_EVENTS, RUN_IMPORT, FoldEvents, RunImport
from campaigns.contacts.models import ContactImport
from campaigns.contacts.services import set_aside
from campaigns.decisions.services import reward_contacts
from campaigns.experiments import exposures
from campaigns.segments.services import refresh_contacts
from workers.runner import Run, handles

FOLD_BATCH = 2_000


@handles(FOLD_EVENTS)
def fold_events(payload: FoldEvents, run: Run) -> None:
    """Empty the queue of changed contacts, a batch a transaction. A contact whose events cannot be
    summed up is found one by one and set aside, so that it never holds up the others."""
    done = alone = 0
    while True:
        most = 1 if alone else FOLD_BATCH
        try:
            contacts = _fold(run, most)
        except (DataError, ValueError) as wrong:
            if not alone:
                alone = FOLD_BATCH
                continue
            with run.unit():
                contacts = folding.take_changed(1)
                set_aside(contacts, reason=str(wrong).partition("\n")[0])
        if not contacts:
            return
        alone = max(alone - 1, 0)
        done += len(contacts)
        run.progress(done=done, note=say("%(done)s contacts folded", done=done))


def _fold(run: Run, most: int) -> list[UUID]:
    with run.unit():
        contacts = folding.take_changed(most)
        folding.fold(contacts)
        refresh_contacts(contacts)
        exposures.take(contacts)
        reward_contacts(contacts)
        hear(contacts, timezone.now())
    return contacts


@handles(RUN_IMPORT)
def run_import(payload: RunImport, run: Run) -> None:
    """Take the file in batches; the cursor moves with each, so a crash resumes where it was."""
    with run.unit():
        of = selectors.get_import(payload.import_id)
        total = importing.count_rows(of)
        ContactImport.objects.filter(pk=of.pk).update(rows=total)
    of.rows = total
    skip = 0 if payload.dry_run else of.next_row
    accepted = rejected = 0
    run.progress(done=skip, total=total)
    done = skip
    for batch in importing.batches(of, skip=skip):
        with run.unit():
            good, bad = importing.take_batch(of, batch, dry_run=payload.dry_run)
        accepted, rejected, done = accepted + good, rejected + bad, done + len(batch)
        run.progress(
            done=done,
            total=total,
            note=say("%(accepted)s taken, %(rejected)s not", accepted=accepted, rejected=rejected),
        )
    with run.unit():
        of.refresh_from_db()
        if payload.dry_run:
            of.accepted, of.rejected = accepted, rejected
            of.save(update_fields=["accepted", "rejected"])
        importing.finish(of=of, dry_run=payload.dry_run, by_id=payload.by_id)
