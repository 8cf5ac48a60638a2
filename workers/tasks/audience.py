"""Segments worked out whole."""

from __future__ import annotations

from attune.kernel.phrases import say
from campaigns.automations import services as journeys
from campaigns.segments import selectors, services
from campaigns.segments.jobs import REFRESH_SEGMENT, RefreshSegment
from workers.runner import Run, handles


@handles(REFRESH_SEGMENT)
def refresh_segment(payload: RefreshSegment, run: Run) -> None:
    run.progress(note=say("working out who is in"))
    with run.unit():
        entered, left = services.refresh(selectors.segment(payload.segment_id))
        if entered or left:
            journeys.segment_changed(payload.segment_id)
    run.progress(
        done=1, total=1, note=say("%(entered)s entered, %(left)s left", entered=entered, left=left)
    )
