"""Drafts and versions of journeys: what publishing refuses, whom it takes along, who edits at once."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from campaigns.automations import drawing, selectors, services
from campaigns.automations.flow import check_shape
from campaigns.automations.models import JourneyRun, JourneyStep
from campaigns.delivery import endpoints
from campaigns.delivery.models import Send
from tests import make
from tests.campaigns.journeys import (
    abandoned,
    by_event,
    cart,
    later,
    running,
    step,
    text,
    tree,
    way,
)


def test_a_new_version_says_whom_it_affects_and_takes_them_along(tenant):
    for name in ("ada", "bob"):
        make.contact(name)
    journey = running(abandoned())
    cart("ada", "c1")
    draft = {**journey.draft, "steps": [*journey.draft["steps"][1:]]}  # without the delay
    services.edit(journey=journey, draft=draft, seen=1)
    told = services.affected(journey)
    assert (told.people, told.homeless, told.problems) == (1, 1, [])
    version = services.publish(journey=journey, seen=2)
    assert (version.number, journey.runs.get().outcome) == (2, "removed")
    cart("bob", "c2")
    assert journey.runs.get(contact__external_id="bob").version == version


def test_who_is_on_the_way_may_finish_by_the_old_version(tenant):
    make.contact("ada")
    journey = running(abandoned())
    cart("ada", "c1")
    draft = {**journey.draft, "steps": [text(7)]}
    services.edit(journey=journey, draft=draft, seen=1)
    services.publish(journey=journey, seen=2, moves=False)
    later(journey, hours=2)
    assert way(journey.runs.get())[:2] == ["s1 arrived", "s2 arrived"]


def test_two_who_edit_at_once_do_not_overwrite_each_other(tenant):
    journey = services.create(name="Cart", draft=abandoned())
    services.edit(journey=journey, draft=abandoned(), seen=1)
    with pytest.raises(Conflict, match="Someone else"):
        services.edit(journey=journey, draft=abandoned(), seen=1)
    with pytest.raises(Conflict, match="changed since you looked"):
        services.publish(journey=journey, seen=1)


def test_publishing_names_everything_that_is_wrong(tenant):
    gone = str(uuid.uuid4())
    flow = tree({"on": "event", "event": "", "again": "often"},
                step(1, "delay", n=0, unit="days"), step(2, "wait", event="X", n=1, unit="weeks"),
                step(3, "cohort", branches=[{"key": "a", "share": 60, "steps": []},
                                            {"key": "b", "share": 60, "steps": []}]),
                step(4, "message", texts=[]), keyed=True, event="Y")  # fmt: skip
    journey = services.create(name="Bad", draft=flow)
    with pytest.raises(Invalid) as caught:
        services.launch(journey=journey, seen=1)
    assert [(e.field, str(e.sentence())) for e in caught.value.errors] == [
        ("entry", "Name the event."),
        ("entry", "Choose one of never, after, restart."),
        ("exit", "Name the key of the entry first, such as cart_id."),
        ("s1", "Choose from one minute to 366 days."),
        ("s2", "Give a number of minutes, hours or days."),
        ("s3", "The shares must add up to 100 %."),
        ("s4", "Choose a text or an experiment, one of the two."),
    ]
    unknown = tree(by_event(audience=gone), step(1, "message", texts=[gone]))
    other = services.create(name="Gone", draft=unknown)
    with pytest.raises(Invalid) as caught:
        services.launch(journey=other, seen=1)
    assert [str(e.sentence()) for e in caught.value.errors] == [
        f"There is no segment {gone} in use.", "A text of this step is gone; choose another.",
    ]  # fmt: skip
    assert JourneyRun.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n": 1e300}, "“n” is not of its kind."),
        ({"weekday": "Mon", "at": "09:00"}, "Choose a day of the week."),
        ({"kind": "cohort", "branches": [{"key": "a", "steps": []}]}, "“share” is not of its kind."),
        ({"kind": "cohort", "branches": [{"key": "a", "steps": [], "share": "50"}]},
         "“share” is not of its kind."),
    ],
)  # fmt: skip
def test_a_flow_that_could_not_be_drawn_is_refused(change, told):
    flow = tree(by_event("Hi"), {**step(1, "delay", n=1, unit="days"), **change})
    with pytest.raises(Invalid) as caught:
        check_shape(flow)
    assert str(caught.value.errors[0].sentence()) == told


def test_who_goes_by_an_older_version_is_shown_at_its_step_and_the_draft_marks_what_is_new(tenant):
    make.contact("ada")
    journey = running(abandoned())
    cart("ada", "c1")
    first, second, *rest = journey.draft["steps"]
    draft = {**journey.draft, "steps": [{**first, "n": 5}, second, *rest, text(7)]}
    services.edit(journey=journey, draft=draft, seen=1)
    assert drawing.marks(journey, draft) == {"s1": "changed", "s7": "new"}
    assert drawing.marks(journey, journey.live.flow) == {}
    services.publish(journey=journey, seen=2, moves=False)
    journey.refresh_from_db()
    run = journey.runs.get()
    assert {k: str(v) for k, v in drawing.places([run]).items()} == {run.pk: "Waits 2 hours"}
    client = Client()
    client.force_login(tenant.owner)
    people = reverse("automations:people", args=[tenant.slug, journey.pk])
    page = client.get(f"{people}?step=s1").content.decode()
    assert "Who stands at “Waits 5 hours”." in page
    assert "Waits 2 hours" in page
    assert "by version 1" in page


def test_who_may_only_look_sees_what_runs_not_a_draft(tenant):
    journey = running(abandoned())
    first, *rest = journey.draft["steps"]
    services.edit(journey=journey, draft={**journey.draft, "steps": [{**first, "n": 5}, *rest]},
                  seen=1)  # fmt: skip
    page = reverse("automations:journey", args=[tenant.slug, journey.pk])
    seen = {}
    for role in ("reviewer", "marketer"):
        client = Client()
        client.force_login(make.member(tenant, role))
        seen[role] = client.get(page).content.decode()
        assert "Waits 5 hours" in client.get(f"{page}?show=draft").content.decode()
    assert "Waits 2 hours" in seen["reviewer"]
    assert "Waits 5 hours" in seen["marketer"]
    assert "Changed in this draft" in seen["marketer"]


def test_a_step_says_why_its_messages_did_not_leave(tenant):
    make.contact("ada", email="")
    make.contact("bob")
    journey = running(tree(by_event("Hi"), text(1)))
    for name in ("ada", "bob"):
        make.record(make.track(name, "Hi"))
    later(journey)
    whys = selectors.progress(journey).steps["s1"].whys
    assert [(str(why), n) for why, n in whys] == [("The contact has no valid e-mail address.", 1)]
    told = drawing.way(journey.runs.get(contact__external_id="ada"), personal=True)
    assert [(str(h.what), str(h.why)) for h in told if h.why] == [
        ("Not written to", "The contact has no valid e-mail address.")
    ]


def test_before_launch_it_says_which_steps_nobody_comes_to(tenant):
    make.record(make.track("ada", "Hi"))
    flow = tree(by_event("Hi"), text(1), step(2, "exit"), text(3))
    journey = services.create(name="Exit", draft=flow)
    assert [str(w) for w in services.affected(journey).warnings] == [
        "Step 3: nobody comes here, since an exit stands before it."
    ]


def test_before_launch_it_says_which_events_did_not_come_in(tenant):
    make.record(make.track("ada", "Cart Updated"))
    journey = services.create(name="Cart", draft=abandoned())
    assert [str(w) for w in services.affected(journey).warnings] == [
        "“Order Completed” did not come in within 30 days: is it spelt as it is sent?"
    ]


def test_a_reason_that_names_somebody_is_said_without_the_name_where_names_may_not_be_seen(tenant):
    for name in ("ada", "bob"):
        make.contact(name)
    journey = running(tree(by_event("Hi"), text(1)))
    for name in ("ada", "bob"):
        make.record(make.track(name, "Hi"))
    later(journey)
    JourneyStep.objects.filter(what="sent").update(what="failed")
    for send in Send.objects.all():
        why = say("The mail provider refused: %(answer)s", answer=send.address)
        Send.objects.filter(pk=send.pk).update(state="failed", reason=why)
    whys = selectors.progress(journey).steps["s1"].whys
    assert [(str(why), n) for why, n in whys] == [("The mail provider refused: …", 2)]
    run = journey.runs.get(contact__external_id="ada")
    seen = {p: [str(h.why) for h in drawing.way(run, personal=p) if h.why] for p in (True, False)}
    assert seen == {True: ["The mail provider refused: ada@example.com"],
                    False: ["The mail provider refused: …"]}  # fmt: skip


def test_before_launch_it_says_how_many_can_be_written_to(tenant):
    for name, email in (("ada", ""), ("bob", "bob@example.com"), ("cy", "cy@example.com")):
        make.contact(name, email=email)
    for name in ("ada", "bob"):
        make.record(make.track(name, "Hi"))
    journey = services.create(name="Hello", draft=tree(by_event("Hi"), text(1)))

    def told(**entry: str) -> tuple[int, list[str]]:
        journey.draft = {**journey.draft, "entry": {"again": "never", **entry}}
        found = selectors.reach_of(journey)
        return found.reachable, [str(other) for other in found.others]

    assert told(on="event", event="Hi") == (1, ["1 has no valid address"])
    everybody = make.segment({"any": [{"did": "Hi"}, {"trait": "email", "exists": True}]})
    cy = make.segment({"trait": "email", "is": "cy@example.com"})
    assert told(on="segment", segment=str(everybody.pk)) == (2, ["1 has no valid address"])
    assert told(on="event", event="Hi", audience=str(cy.pk)) == (0, [])
    journey.draft = {**journey.draft, "entry": {}}
    assert selectors.reach_of(journey) is None


def test_whom_it_can_write_to_is_asked_by_the_channel_of_its_first_message(tenant, client):
    make.contact("ada", email="")
    make.record(make.track("ada", "Hi"))
    endpoint, _ = endpoints.create(name="Partner", url="http://127.0.0.1:9/x")
    empty = tree(by_event("Hi"), step(1, "message", texts=[]))
    journey = services.create(name="Banner", via="webhook", endpoint=endpoint, draft=empty)
    page = reverse("automations:reach", args=[tenant.slug, journey.pk])
    client.force_login(tenant.owner)
    assert "Choose the text of the first message" in client.get(page).content.decode()
    banner = tree(by_event("Hi"), text(1, make.approved("banner")))
    services.edit(journey=journey, draft=banner, seen=1)
    assert selectors.reach_of(journey).reachable == 1  # whom no e-mail reaches
    assert "who did this in the last 30 days" in client.get(page).content.decode()


def test_what_has_ended_gets_no_new_draft_and_no_new_version(tenant):
    journey = running(abandoned())
    services.move(journey=journey, verb="finish")
    with pytest.raises(Conflict, match="has ended"):
        services.edit(journey=journey, draft=abandoned(), seen=1)
    with pytest.raises(Conflict, match="has ended"):
        services.publish(journey=journey, seen=1)
    assert journey.versions.count() == 1
