"""Journeys lead each person through their steps once, by what they do and by the clock."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from campaigns.approval import services as approval
from campaigns.automations import entering, selectors, services
from campaigns.automations.forms import DelayForm, EntryForm, MessageForm
from campaigns.automations.models import JourneyRun, TurnedAway
from campaigns.contacts.models import Contact
from campaigns.decisions.models import Decision
from campaigns.delivery.models import Send
from campaigns.experiments.models import Experiment
from tenants.models import Tenant
from tests import make
from tests.campaigns.journeys import (
    BOUGHT,
    abandoned,
    bought,
    by_event,
    cart,
    later,
    running,
    step,
    text,
    tree,
    way,
)
from workers import runner


def test_an_abandoned_cart_is_reminded_once_and_a_bought_one_never(tenant):
    for name in ("ada", "bob"):
        make.contact(name)
    journey = running(abandoned())
    cart("ada", "c1")
    cart("bob", "c2")
    bought("bob", "c2")
    later(journey, hours=2)
    assert list(Send.objects.values_list("contact__external_id", "state")) == [("ada", "sent")]
    ended = journey.runs.get(state="ended")
    assert (ended.contact.external_id, ended.outcome) == ("bob", "converted")
    bought("ada", "other")  # another cart is not this one
    later(journey, days=1)
    assert Send.objects.filter(contact__external_id="ada", state="sent").count() == 2
    run = journey.runs.get(contact__external_id="ada")
    assert (run.state, run.outcome) == ("ended", "finished")
    assert way(run) == ["s1 arrived", "s2 arrived", "s2 sent", "s3 arrived", "s3 timeout",
                        "s4 arrived", "s4 sent", "s4 finished"]  # fmt: skip


def test_two_carts_of_one_person_are_two_ways_and_each_ends_by_its_own_order(tenant):
    make.contact("ada")
    journey = running(abandoned())
    cart("ada", "c1")
    cart("ada", "c2")
    bought("ada", "c1")
    assert dict(journey.runs.values_list("key", "state")) == {"c1": "ended", "c2": "active"}


def test_a_cart_that_changes_begins_anew_and_its_message_waits_from_then(tenant):
    make.contact("ada")
    journey = running(abandoned())
    cart("ada", "c1")
    first = journey.runs.get()
    cart("ada", "c1")
    first.refresh_from_db()
    assert (first.state, first.outcome) == ("ended", "restarted")
    later(journey, hours=2)
    assert Send.objects.count() == 1
    assert journey.runs.filter(state="active").get().key == "c1"


def test_who_was_in_once_comes_again_only_where_the_journey_says_so(tenant):
    make.contact("ada")
    once = running(tree(by_event("Signed Up"), text(1)), name="Once")
    again = running(tree(by_event("Signed Up", again="after"), text(1)), name="Again")
    Tenant.objects.update(frequency_cap=99)
    for _ in range(2):
        make.record(make.track("ada", "Signed Up"))
        later(once)
        later(again)
    assert (once.runs.count(), again.runs.count()) == (1, 2)


def test_an_event_within_a_way_does_not_begin_another_when_it_has_ended(tenant):
    make.contact("ada")
    journey = running(abandoned(again="after"))
    cart("ada", "c1")
    cart("ada", "c1")
    bought("ada", "c1")
    make.record(make.track("ada", "Viewed"))  # a fold looks at all of it again
    assert list(journey.runs.values_list("outcome", flat=True)) == ["converted"]


def test_only_events_that_fit_and_carry_their_key_let_people_in(tenant):
    make.contact("ada")
    worth = {"property": "total", "op": "above", "value": 50}
    journey = running(tree(by_event(key="cart_id", where=[worth]), text(1)))
    cart("ada", "c1", total=50)
    cart("ada", "c2", total="51")
    make.record(make.track("ada", "Cart Updated", total=99))
    assert list(journey.runs.values_list("key", flat=True)) == ["c2"]


def test_events_that_came_late_or_before_the_launch_begin_nothing(tenant):
    make.contact("ada")
    cart("ada", "early")
    journey = running(abandoned())
    old = {**make.track("ada", "Cart Updated", cart_id="late"),
           "timestamp": (timezone.now() - timedelta(days=2)).isoformat()}  # fmt: skip
    make.record(old)
    make.record(make.track("ada", "Viewed"))
    assert journey.runs.count() == 0


def test_an_event_that_found_its_person_outside_lets_them_in_no_more(tenant):
    """Who joins the audience later comes in by what they do then, not by what they did before."""
    make.contact("ada", plan="free")
    paid = make.segment({"trait": "plan", "is": "paid"})
    journey = running(tree(by_event(segment=str(paid.pk), key="cart_id"), text(1)))
    cart("ada", "before")
    make.record(make.identify("ada", plan="paid"))
    assert journey.runs.count() == 0
    cart("ada", "after")
    assert list(journey.runs.values_list("key", flat=True)) == ["after"]
    assert TurnedAway.objects.count() == 1
    entering.forget_turned_away(timezone.now() + timedelta(hours=24))
    assert TurnedAway.objects.count() == 1
    entering.forget_turned_away(timezone.now() + timedelta(hours=26))
    assert TurnedAway.objects.count() == 0


def test_members_of_a_segment_come_in_and_leave_with_it(tenant):
    make.contact("ada", plan="free")
    free = make.segment({"trait": "plan", "is": "free"})
    flow = tree({"on": "segment", "segment": str(free.pk), "existing": False, "again": "never"},
                step(1, "delay", n=1, unit="days"), text(2), leave=True)  # fmt: skip
    journey = running(flow)
    assert journey.runs.count() == 0  # ada was in before
    make.contact("bob", plan="free")
    make.contact("eve", plan="free")
    make.record(make.identify("eve", plan="paid"))
    assert dict(journey.runs.values_list("contact__external_id", "outcome")) == {
        "bob": "", "eve": "left",
    }  # fmt: skip
    later(journey, days=1)
    assert Send.objects.get().contact.external_id == "bob"


def test_who_is_in_the_segment_already_comes_in_where_that_is_wanted(tenant):
    for n in range(3):
        make.contact(f"p{n}")
    everybody = make.segment()
    flow = tree({"on": "segment", "segment": str(everybody.pk), "existing": True,
                 "again": "never"}, text(1))  # fmt: skip
    journey = running(flow)
    assert journey.runs.count() == 3
    later(journey)
    assert Send.objects.filter(state="sent").count() == 3
    assert set(journey.runs.values_list("outcome", flat=True)) == {"finished"}


def test_a_wait_hears_what_came_between_the_entry_and_its_fold(tenant):
    make.contact("ada")
    journey = running(
        tree(
            by_event("Asked"),
            step(1, "wait", event="Answered", where=[], n=1, unit="days",
                 branches=[{"key": "came", "steps": []},
                           {"key": "timeout", "steps": [text(2)]}]),
        )
    )  # fmt: skip
    make.record(make.track("ada", "Asked"), make.track("ada", "Answered"))
    assert way(journey.runs.get()) == ["s1 arrived", "s1 came", "s1 finished"]


def test_delays_until_a_time_of_the_persons_day(tenant):
    make.contact("ada", timezone="Asia/Tokyo")
    tokyo = ZoneInfo("Asia/Tokyo")
    journey = running(tree(by_event("Hi"), step(1, "delay", n=0, unit="days", at="09:00",
                                                weekday="0"), text(2)))  # fmt: skip
    make.record(make.track("ada", "Hi"))
    due: datetime = journey.runs.get().due_at.astimezone(tokyo)
    assert (due.weekday(), due.hour, due.minute) == (0, 9, 0)
    assert timedelta(0) < due - timezone.now() <= timedelta(days=7)


def test_a_split_follows_the_segments_in_their_order(tenant):
    gold = make.segment({"trait": "tier", "is": "gold"})
    rich = make.segment({"trait": "rich", "is": "yes"})
    ways = [{"key": "1", "segment": str(gold.pk), "steps": [text(2)]},
            {"key": "2", "segment": str(rich.pk), "steps": []},
            {"key": "otherwise", "steps": [step(3, "exit")]}]  # fmt: skip
    journey = running(tree(by_event("Hi"), step(1, "split", branches=ways), text(4)))
    for name, traits in {"a": {"tier": "gold", "rich": "yes"}, "b": {"rich": "yes"},
                         "c": {}}.items():  # fmt: skip
        make.contact(name, **traits)
        make.record(make.track(name, "Hi"))
    later(journey)
    later(journey)
    found = {run.contact.external_id: way(run)[1:3] for run in journey.runs.all()}
    assert found == {
        "a": ["s1 1", "s2 arrived"], "b": ["s1 2", "s4 arrived"],
        "c": ["s1 otherwise", "s3 arrived"],
    }  # fmt: skip
    assert journey.runs.get(contact__external_id="c").outcome == "exited"


def test_random_groups_are_logged_with_their_chance_and_compared_by_the_goal(tenant):
    ways = [{"key": "a", "share": 50, "steps": [text(2)]}, {"key": "b", "share": 50, "steps": []}]
    journey = running(tree(by_event("Hi", again="after"), step(1, "cohort", branches=ways),
                           event="Order Completed"))  # fmt: skip
    names = [f"p{n}" for n in range(12)]
    make.record(*[make.identify(n, email=f"{n}@example.com") for n in names])
    make.record(*[make.track(n, "Hi") for n in names])
    later(journey)
    decided = dict(Decision.objects.values_list("contact__external_id", "action"))
    assert set(decided) == set(names)
    assert set(Decision.objects.values_list("propensity", "source", "slot")) == {
        (0.5, "journey", "s1")
    }
    got = set(Send.objects.values_list("contact__external_id", flat=True))
    assert got == {name for name, group in decided.items() if group == "a"}
    for name, group in decided.items():
        if group == "b":
            bought(name, "x")  # after their way had ended: it counts all the same
    groups = {g.key: (g.people, g.reached) for g in selectors.groups(journey, "s1", ["a", "b"])}
    n = sum(1 for g in decided.values() if g == "b")
    assert groups == {"a": (12 - n, 0), "b": (n, n)}


def test_texts_follow_the_persons_language(tenant):
    english, chinese = make.approved(), make.approved()
    chinese.asset.locale = "zh-hans"
    chinese.asset.save()
    journey = running(tree(by_event("Hi"), text(1, english, chinese)))
    for name, locale in {"a": "zh-Hans", "b": "zh_CN", "c": "de-DE", "d": ""}.items():
        make.contact(name, locale=locale)
        make.record(make.track(name, "Hi"))
    later(journey)
    got = dict(Send.objects.values_list("contact__external_id", "revision_id"))
    assert got == {"a": chinese.pk, "b": chinese.pk, "c": english.pk, "d": english.pk}


def test_an_experiment_in_a_step_decides_and_its_control_group_goes_on_without(tenant):
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    journey = running(tree(by_event("Hi"), step(1, "message", experiment=str(trial.pk))))
    assert Experiment.objects.get().state == "running"
    for n in range(8):
        make.contact(f"p{n}")
        make.record(make.track(f"p{n}", "Hi"))
    later(journey)
    arms = dict(Decision.objects.values_list("contact__external_id", "action"))
    got = set(Send.objects.values_list("contact__external_id", flat=True))
    assert got == {name for name, arm in arms.items() if arm != "holdout"}
    assert set(journey.runs.values_list("outcome", flat=True)) == {"finished"}


def test_a_text_that_lost_its_approval_is_not_sent_and_nobody_is_held_up(tenant):
    revision = make.approved()
    make.contact("ada")
    journey = running(tree(by_event("Hi"), text(1, revision), text(2)))
    approval.edit(
        revision=revision, components={**revision.components, "subject": "New"}, author_id=1
    )
    make.record(make.track("ada", "Hi"))
    later(journey)
    later(journey)
    assert way(journey.runs.get()) == ["s1 arrived", "s1 aborted", "s2 arrived", "s2 sent",
                                       "s2 finished"]  # fmt: skip


def test_pause_holds_everything_and_resume_hears_what_happened_meanwhile(tenant):
    make.contact("ada")
    make.contact("bob")
    journey = running(abandoned())
    cart("ada", "c1")
    services.move(journey=journey, verb="pause")
    cart("bob", "c2")
    bought("ada", "c1")
    later(journey, hours=3)
    assert journey.runs.get().state == "active"
    journey.campaign.refresh_from_db()
    services.move(journey=journey, verb="resume")
    make.run_jobs()
    assert journey.runs.get(contact__external_id="ada").outcome == "converted"
    assert Send.objects.count() == 0


def test_the_end_stops_everybody_and_aborts_what_waits(tenant):
    make.contact("ada")
    journey = running(tree(by_event("Hi"), text(1)))
    Tenant.objects.update(quiet_from=timezone.now().hour, quiet_to=(timezone.now().hour + 2) % 24)
    make.record(make.track("ada", "Hi"))
    assert Send.objects.get().reason == "Waits for the end of the quiet hours."
    services.move(journey=journey, verb="finish")
    assert (Send.objects.get().state, journey.runs.get().outcome) == ("aborted", "stopped")


def test_who_leaves_while_their_message_waits_does_not_get_it(tenant):
    make.contact("ada")
    journey = running(tree(by_event(key="cart_id"), text(1), **BOUGHT))
    Tenant.objects.update(quiet_from=timezone.now().hour, quiet_to=(timezone.now().hour + 2) % 24)
    cart("ada", "c1")
    bought("ada", "c1")
    send = Send.objects.get()
    assert (send.state, send.reason) == ("aborted", "The person had left the journey.")
    assert journey.runs.get().outcome == "converted"


def test_a_visitor_who_says_who_they_are_goes_on_as_that_person(tenant):
    journey = running(abandoned())
    make.record({"type": "track", "anonymousId": "a1", "event": "Cart Updated",
                 "properties": {"cart_id": "c1"}, "messageId": uuid.uuid4().hex})  # fmt: skip
    make.record({**make.identify("ada", email="ada@example.com"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="ada")
    assert journey.runs.get().contact == known
    later(journey, hours=2)
    assert Send.objects.get().address == "ada@example.com"


def test_a_worker_that_is_killed_or_runs_twice_sends_nothing_twice(tenant):
    make.contact("ada")
    journey = running(abandoned())
    cart("ada", "c1")
    JourneyRun.objects.update(due_at=timezone.now())
    for _ in range(2):
        services.advance_some(journey.pk)
    entering.hear([journey.runs.get().contact_id], timezone.now())
    assert Send.objects.count() == 1
    jobs = list(runner.JobRow.objects.filter(kind="delivery.send_due", state="pending"))
    assert len(jobs) == 1
    make.run_jobs()
    assert Send.objects.get().state == "sent"
    assert way(journey.runs.get())[:4] == ["s1 arrived", "s2 arrived", "s2 sent", "s3 arrived"]


def test_a_click_before_the_sending_was_noticed_is_heard_by_the_wait_after_it(tenant):
    make.contact("ada")
    waits = step(
        2,
        "wait",
        event="Message Clicked",
        where=[],
        n=1,
        unit="days",
        branches=[{"key": "came", "steps": []}, {"key": "timeout", "steps": [text(3)]}],
    )
    journey = running(tree(by_event("Hi"), text(1), waits))
    make.record(make.track("ada", "Hi"))
    run = journey.runs.get()
    JourneyRun.objects.filter(pk=run.pk).update(node="s1", state="active", send=Send.objects.get())
    Send.objects.update(sent_at=timezone.now() - timedelta(minutes=20))  # a long batch was sending
    make.record({**make.track("ada", "Message Clicked"),
                 "timestamp": (timezone.now() - timedelta(minutes=10)).isoformat()})  # fmt: skip
    services.ask()
    make.run_jobs()
    assert journey.runs.get().outcome == "finished"
    assert Send.objects.count() == 1  # no second reminder


def test_a_condition_that_compares_with_no_number_is_refused_where_it_is_written(tenant):
    entry = {"on": "event", "event": "Order Completed", "again": "never"}
    form = EntryForm({**entry, "where": "coupon ?\nrevenue > lots"})
    assert form.errors == {"where": ["Line 2: “revenue” is compared with a number, such as 50."]}
    assert EntryForm({**entry, "where": "revenue > 12.5"}).is_valid()


def test_a_day_of_the_week_needs_a_time_of_that_day(tenant):
    form = DelayForm({"n": "1", "unit": "days", "weekday": "0"})
    assert form.errors == {"at": ["Say at which time of that day."]}
    assert DelayForm({"n": "1", "unit": "days", "weekday": "0", "at": "09:00"}).is_valid()


def test_a_step_offers_texts_of_its_channel_alone(tenant):
    letter, banner = make.approved(), make.approved(channel="banner")
    found = {}
    for via in ("email", "webhook"):
        groups = MessageForm(via=via).fields["others"].choices
        found[via] = {pk for _, rows in groups for pk, _ in rows}
    assert found == {"email": {str(letter.pk)}, "webhook": {str(letter.pk), str(banner.pk)}}


@pytest.mark.parametrize(
    ("entry", "field"), [({"on": "event"}, "event"), ({"on": "segment"}, "segment")]
)
def test_an_entry_that_lets_nobody_in_is_refused_where_it_is_written(tenant, entry, field):
    form = EntryForm({**entry, "again": "never"})
    assert not form.is_valid()
    assert set(form.errors) == {field}
    assert EntryForm({"on": "event", "event": "Order Completed", "again": "never"}).is_valid()
