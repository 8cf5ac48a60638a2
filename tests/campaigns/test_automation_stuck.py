"""What cannot go on in a journey: stuck with its reason, tried again the same way, taken out."""

from __future__ import annotations

import pytest

from attune.kernel.errors import Invalid
from campaigns.automations import services, walking
from campaigns.automations.models import JourneyRun
from campaigns.delivery.models import Send
from tests import make
from tests.campaigns.journeys import by_event, later, running, step, text, tree, way


def test_what_cannot_go_on_is_stuck_says_why_and_is_tried_again(tenant):
    make.contact("ada")
    journey = running(tree(by_event("Hi"), step(1, "delay", n=1, unit="hours"), text(2)))
    make.record(make.track("ada", "Hi"))
    live = journey.live
    type(live).objects.filter(pk=live.pk).update(
        flow={**live.flow, "steps": [live.flow["steps"][0], step(2, "message", texts=[])]}
    )
    walking._FLOWS.clear()  # versions never change, except here
    later(journey, hours=1)
    run = journey.runs.get()
    assert (run.state, run.problem) == (
        "stuck", "The text of this step is gone; choose another and publish.",
    )  # fmt: skip
    services.edit(journey=journey, draft={**journey.draft, "next": 91}, seen=1)
    services.publish(journey=journey, seen=2)
    assert services.retry_stuck(journey=journey) == 1
    make.run_jobs()
    assert Send.objects.get().state == "sent"


def test_a_branch_without_a_segment_is_not_published_and_breaks_nothing_where_it_was(tenant):
    make.contact("ada")
    gold = make.segment({"trait": "tier", "is": "gold"})
    ways = [
        {"key": "1", "segment": "", "steps": []},
        {"key": "2", "segment": str(gold.pk), "steps": []},
        {"key": "otherwise", "steps": []},
    ]
    journey = services.create(
        name="Split", draft=tree(by_event("Hi"), step(1, "split", branches=ways), text(2))
    )
    with pytest.raises(Invalid) as caught:
        services.launch(journey=journey, seen=1)
    assert [(e.field, str(e.sentence())) for e in caught.value.errors] == [
        ("s1", "Choose a segment that goes its own way."),
    ]
    ways[0]["segment"] = str(gold.pk)
    sound = running(tree(by_event("Hi"), step(1, "split", branches=ways), text(2)), name="Sound")
    bad = {**sound.live.flow}
    bad["steps"][0]["branches"][0]["segment"] = "no id"
    type(sound.live).objects.filter(pk=sound.live.pk).update(flow=bad)
    walking._FLOWS.clear()
    make.record(make.track("ada", "Hi"))  # folds all the same
    assert sound.runs.get().state == "stuck"


def test_an_answered_wait_goes_the_same_way_when_it_is_tried_again(tenant):
    make.contact("ada")
    journey = running(
        tree(
            by_event("Hi"),
            step(
                1,
                "wait",
                event="Yes",
                where=[],
                n=1,
                unit="days",
                branches=[{"key": "came", "steps": [text(2)]}, {"key": "timeout", "steps": []}],
            ),
        )
    )
    make.record(make.track("ada", "Hi"))
    good = journey.live.flow
    bad = tree(
        by_event("Hi"),
        {
            **good["steps"][0],
            "branches": [
                {"key": "came", "steps": [step(2, "message", texts=[])]},
                {"key": "timeout", "steps": []},
            ],
        },
    )
    type(journey.live).objects.filter(pk=journey.live.pk).update(flow=bad)
    walking._FLOWS.clear()
    make.record(make.track("ada", "Yes"))
    assert journey.runs.get().state == "stuck"
    type(journey.live).objects.filter(pk=journey.live.pk).update(flow=good)
    walking._FLOWS.clear()
    assert services.retry_stuck(journey=journey) == 1
    make.run_jobs()
    assert Send.objects.get().state == "sent"
    assert "s1 came" in way(journey.runs.get())


def test_who_is_stuck_is_taken_out_by_hand(tenant):
    make.contact("ada")
    journey = running(tree(by_event("Hi"), step(1, "delay", n=1, unit="days"), text(2)))
    make.record(make.track("ada", "Hi"))
    JourneyRun.objects.update(state="stuck", problem="Broken", due_at=None)
    services.take_out(run=journey.runs.get())
    assert (journey.runs.get().state, journey.runs.get().outcome) == ("ended", "stopped")
