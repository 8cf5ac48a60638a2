"""Texts in: files, copies weighed, our own conversations as they close; the graph drawn, journeys
mined, findings looked for, watches checked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from insights.alerts import checking, digests, telling
from insights.alerts import selectors as alerts
from insights.alerts.jobs import CHECK_WATCHES, TELL_ALERT, CheckWatches, TellAlert
from insights.findings import acting, looking, reporting
from insights.findings import services as findings
from insights.findings.jobs import LOOK_FOR_FINDINGS, LookForFindings
from insights.graph import drawing
from insights.graph import services as graph
from insights.graph.jobs import DRAW_GRAPH, DrawGraph
from insights.journeys import loading, results, saying
from insights.journeys import services as journeys
from insights.journeys.jobs import MINE_JOURNEY, MineJourney
from insights.journeys.mining import Funnel, Mine, Step
from insights.journeys.models import Journey
from insights.reading import services as reading
from insights.sources import importing, selectors, talks, weighing
from insights.sources.jobs import TAKE_FILE, WEIGH, TakeFile, Weigh
from insights.sources.models import DocumentImport
from insights.topics import services as topics
from workers.runner import Run, handles

MOST_SAYING = 200_000  # people whose texts stand beside those of who stopped


@handles(TAKE_FILE)
def take_file(payload: TakeFile, run: Run) -> None:
    """Take the file in portions; the cursor moves with each, so a crash resumes where it was."""
    with run.unit():
        of = selectors.get_import(payload.import_id)
    if of.state == DocumentImport.State.FINISHED:  # a worker died after it was done
        return
    total = of.rows or importing.count_rows(of)
    with run.unit():
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


@handles(DRAW_GRAPH)
def draw_graph(payload: DrawGraph, run: Run) -> None:
    """One kind of edge a transaction."""
    now, kept = timezone.now(), 0
    for done, predicate in enumerate(drawing.KINDS):
        told = say("Counting what goes together")
        run.progress(done=done, total=len(drawing.KINDS), note=told)
        with run.unit():
            kept += drawing.draw(predicate, now=now)
    with run.unit():
        drawing.finish(now=now, kept=kept)
        findings.request_look()


@handles(MINE_JOURNEY)
def mine_journey(payload: MineJourney, run: Run) -> None:
    """Two passes over the events: what is usual, then who came how far through it."""
    until = timezone.now()
    with run.unit():
        journey = Journey.objects.filter(pk=payload.journey_id).first()
    if journey is None:
        return
    with run.unit():
        known = [name for name, _ in loading.names(until - timedelta(days=journey.days))]
    mine = Mine(journey.goal, journey.lookback, [*known, *loading.UNNAMED])
    everybody: list[uuid.UUID] = []
    for who, steps in _people(run, journey, until, say("Following what people did")):
        mine.add(steps)
        everybody.append(who)
    funnel = Funnel(mine.stages(), journey.goal)
    for who, steps in _people(run, journey, until, say("Counting who came how far")):
        funnel.add(who, steps)
    said: list[dict[str, Any]] = []
    for stopped in funnel.stopped[:-1]:
        with run.unit():
            said.append(saying.said(stopped, everybody[:MOST_SAYING]))
    with run.unit():
        found = results.assembled(mine, funnel, [*said, {}])
        found["known"] = loading.known(until - timedelta(days=journey.days))
        journeys.keep(asked=journey, found=found, at=until)


def _people(
    run: Run, journey: Journey, until: datetime, note: Phrase
) -> Iterator[tuple[uuid.UUID, list[Step]]]:
    after: uuid.UUID | None = None
    done = 0
    while True:
        with run.unit():
            since = until - timedelta(days=journey.days)
            some, after = loading.people(since, until, journey.segment_id, after)
        yield from some
        done += len(some)
        run.progress(done=done, note=note)
        if after is None:
            return


@handles(LOOK_FOR_FINDINGS)
def look_for_findings(payload: LookForFindings, run: Run) -> None:
    """What stands out now, and what was done about what stood out."""
    now = timezone.now()
    run.progress(note=say("Looking for what stands out"))
    with run.unit():
        found = looking.look(now)
    with run.unit():
        findings.keep(found, now=now)
    run.progress(note=say("Measuring what was done"))
    with run.unit():
        acting.measure_effects(now=now)


@handles(CHECK_WATCHES)
def check_watches(payload: CheckWatches, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        watched = checking.watched()
    for n, pk in enumerate(watched):  # each is a transaction of its own: one that fails holds none
        run.progress(n, len(watched))
        with run.unit():
            checking.check_one(pk, now)
    with run.unit():
        digests.send_due(now=now)


@handles(TELL_ALERT)
def tell_alert(payload: TellAlert, run: Run) -> None:
    """One e-mail or one call; what fails is tried again. A route or alert that is gone is over."""
    with run.unit():
        alert, route = alerts.perhaps(payload.alert_id), alerts.route(payload.route_id)
        known = alert is not None and route is not None
        told = telling.prepared(alert, route) if known else None  # type: ignore[arg-type]
    if told is not None:
        told.leave()


def keep_up() -> None:
    """Conversations of the open workspace that closed, fits that were given up, and a graph that is
    older than what was read since."""
    now = timezone.now()
    talks.gather(now=now)
    journeys.mine_old(now=now)
    if checking.due(now) or digests.waiting(now):
        CHECK_WATCHES.enqueue(CheckWatches(), dedupe_key="watches")
    if drawing.due(now):
        graph.request_drawing()
    topics.close_interrupted()
    journeys.close_interrupted()
    reporting.close_interrupted()
