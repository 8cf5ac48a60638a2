"""Journeys: lead people on, hear what they did."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from attune.kernel.phrases import say
from campaigns.automations import entering, selectors, services
from campaigns.automations.jobs import (
    ADVANCE_JOURNEY,
    CATCH_UP_JOURNEY,
    AdvanceJourney,
    CatchUpJourney,
)
from workers.runner import Run, handles


@handles(ADVANCE_JOURNEY)
def advance_journey(payload: AdvanceJourney, run: Run) -> None:
    """A batch a transaction, until nobody is due; a kill leaves who was led on and who was not."""
    done, more = 0, True
    while more:
        with run.unit():
            led, more = services.advance_some(payload.journey_id)
        done += led
        if led:
            run.progress(done=done, note=say("%(done)s people led on", done=done))


@handles(CATCH_UP_JOURNEY)
def catch_up_journey(payload: CatchUpJourney, run: Run) -> None:
    """After a pause: what people on the way did meanwhile is heard now."""
    after: UUID | None = None
    done = 0
    while True:
        with run.unit():
            people = entering.contacts_of(selectors.journey(payload.journey_id), after)
            entering.hear(people, timezone.now())
        if not people:
            return
        after, done = people[-1], done + len(people)
        run.progress(done=done)
