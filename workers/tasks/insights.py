"""Texts in: files, copies weighed, our own conversations as they close."""

from __future__ import annotations

from django.utils import timezone

from attune.kernel.phrases import say
from insights.reading import services as reading
from insights.sources import importing, selectors, talks, weighing
from insights.sources.jobs import TAKE_FILE, WEIGH, TakeFile, Weigh
from insights.sources.models import DocumentImport
from insights.topics import services as topics
from workers.runner import Run, handles


@handles(TAKE_FILE)
def take_file(payload: TakeFile, run: Run) -> None:
    """Take the file in portions; the cursor moves with each, so a crash resumes where it was."""
    with run.unit():
        of = selectors.get_import(payload.import_id)
        total = of.rows or importing.count_rows(of)
        DocumentImport.objects.filter(pk=of.pk).update(rows=total)
    of.rows = total
    run.progress(done=of.next_row, total=total)
    for portion in importing.portions(of, skip=of.next_row):
        with run.unit():
            importing.take_portion(of, portion, now=timezone.now())
        told = say("%(accepted)s texts taken, %(rejected)s rows not",
                   accepted=of.accepted, rejected=of.rejected)  # fmt: skip
        run.progress(done=of.next_row, total=total, note=told)
    with run.unit():
        importing.finish(of=of, by_id=payload.by_id)


@handles(WEIGH)
def weigh(payload: Weigh, run: Run) -> None:
    """What copies count, a portion a transaction."""
    done = 0
    while True:
        with run.unit():
            leaders = weighing.weigh()
            reading.reweigh(leaders)
        if not leaders:
            return
        done += len(leaders)
        run.progress(done=done)


def keep_up() -> None:
    """Conversations of the open workspace that closed, and fits that were given up."""
    talks.gather(now=timezone.now())
    topics.close_interrupted()
