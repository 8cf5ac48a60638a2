"""Raw events: what is taken, what is refused and why, and that nothing counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.kernel import cells, jobs
from attune.kernel.errors import Conflict
from campaigns.contacts import imports, intake, services
from campaigns.contacts.models import (
    Contact,
    Event,
    EventCount,
    IdentityMerge,
    Profile,
    RejectedEvent,
    Trait,
)
from tests import make

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def refused(item: object) -> tuple[str, str]:
    accepted, rejected = intake.parse([item], now=NOW)
    assert accepted == []
    return rejected[0].field, rejected[0].reason


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("text", "body"),
        ({"type": "jump", "userId": "u"}, "type"),
        ({"type": "track", "event": "x"}, "userId"),
        ({"type": "track", "userId": "u"}, "event"),
        ({"type": "track", "userId": "u", "event": ["x"]}, "event"),
        ({"type": "track", "userId": {"a": 1}, "event": "x"}, "userId"),
        ({"type": "track", "userId": "u" * 121, "event": "x"}, "userId"),
        ({"type": "track", "userId": "u", "event": "x", "properties": []}, "properties"),
        ({"type": "identify", "userId": "u", "traits": "t"}, "traits"),
        ({"type": "alias", "userId": "u"}, "previousId"),
        ({"type": "track", "userId": "u", "event": "x", "timestamp": "yesterday"}, "timestamp"),
        ({"type": "track", "userId": "u", "event": "x", "timestamp": "1999-01-01T00:00:00Z"}, "timestamp"),
        ({"type": "track", "userId": "u", "event": "x", "timestamp": "2027-01-01T00:00:00Z"}, "timestamp"),
        ({"type": "track", "userId": "u", "event": "x", "messageId": 7}, "messageId"),
        ({"type": "track", "userId": "u", "event": "x", "properties": {"a": "\x00"}}, "body"),
        ({"type": "track", "userId": "u", "event": "x", "properties": {"a": "x" * 40_000}}, "body"),
        ({"type": "track", "userId": "u", "event": "x",
          "properties": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}}, "body"),
    ],
)  # fmt: skip
def test_a_bad_event_names_its_field(item, field):
    assert refused(item)[0] == field


def test_a_wrong_client_clock_is_corrected():
    item = {**make.track("u", "x"), "timestamp": "2026-11-01T02:00:00Z"}
    (event,), _ = intake.parse([item], now=NOW, sent_at="2026-11-01T02:05:00Z")
    assert event.at == NOW - timedelta(minutes=5)
    assert event.client_at == datetime(2026, 11, 1, 2, tzinfo=UTC)


def test_money_is_read_in_cents():
    assert intake.value_in_cents({"revenue": 19.99}) == 1999
    assert intake.value_in_cents({"total": "5"}) == 500
    assert intake.value_in_cents({"revenue": "x", "value": 1}) == 100
    assert intake.value_in_cents({"revenue": True}) is None
    assert intake.value_in_cents({"revenue": float("nan")}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON | st.fixed_dictionaries({"type": st.sampled_from(sorted(intake.TYPES))}, optional={
    "userId": JSON, "anonymousId": JSON, "event": JSON, "properties": JSON, "traits": JSON,
    "timestamp": JSON, "messageId": JSON, "context": JSON}), max_size=5))  # fmt: skip
def test_no_json_breaks_the_parser_and_every_item_has_an_end(items):
    accepted, rejected = intake.parse(items, now=NOW)
    assert len(accepted) + len(rejected) == len(items)


def test_a_retry_is_a_duplicate_and_counts_once(tenant):
    item = make.track("u1", "Order Completed", revenue=10)
    assert services.record_events([item, item], source="t").accepted == 1
    again = services.record_events([{**item, "timestamp": None}], source="t")
    assert (again.accepted, again.duplicates) == (0, 1)
    assert Event.objects.count() == 1
    assert EventCount.objects.get(name="Order Completed").n == 1


def test_without_a_message_id_only_a_body_with_its_own_time_is_the_same_event(tenant):
    item = {"type": "track", "userId": "u", "event": "Order Completed"}
    services.record_events([item, item], source="t")
    assert Event.objects.count() == 2  # two orders a second apart are two orders
    timed = {**item, "timestamp": datetime.now(UTC).isoformat()}
    services.record_events([timed], source="t")
    assert services.record_events([timed], source="t").duplicates == 1


@pytest.mark.parametrize("revenue", ["a lot", "", True, [1], "1e999"])
def test_revenue_that_is_no_number_is_refused(revenue):
    item = {"type": "track", "userId": "u", "event": "x", "properties": {"revenue": revenue}}
    assert refused(item)[0] == "properties.revenue"


@pytest.mark.parametrize("levels", [9, 150, 900, 3000])
def test_json_nested_too_deeply_is_refused_and_kept_as_far_as_it_can_be_shown(tenant, levels):
    deep: dict = {}
    for _ in range(levels):
        deep = {"a": deep}
    item = {"type": "track", "userId": "u", "event": "x", "properties": deep}
    receipt = services.record_events([item], source="t")
    assert [r.field for r in receipt.rejected] == ["body"]
    assert "Nested deeper than 8 levels" in RejectedEvent.objects.get().reason


def test_a_bad_item_does_not_sink_the_batch_and_stays_visible(tenant):
    receipt = services.record_events([make.track("u", "x"), {"type": "track"}], source="t")
    assert (receipt.accepted, len(receipt.rejected)) == (1, 1)
    row = RejectedEvent.objects.get()
    assert (row.field, row.raw) == ("userId", {"type": "track"})
    fixed = services.replay_rejected([row], edited=make.track("u2", "y"))
    assert fixed.accepted == 1
    row.refresh_from_db()
    assert row.replayed_at is not None


def test_profile_follows_from_events_and_folding_twice_changes_nothing(tenant):
    make.record(
        make.identify("u", email="Ada@Example.com", age=40, plan="pro"),
        make.track("u", "Product Viewed", category="tea"),
        make.track("u", "Order Completed", revenue=12.5, category="coffee"),
        make.track("u", "Order Completed", revenue=7.5, category="coffee"),
    )
    contact = Contact.objects.get(external_id="u")
    profile = Profile.objects.get(contact=contact)
    assert contact.email == "ada@example.com"
    assert (profile.orders, profile.revenue_cents, profile.events) == (2, 2000, 4)
    assert profile.categories == {"coffee": 0.889, "tea": 0.111}
    assert (profile.top_category, profile.lifecycle) == ("coffee", "active")
    assert Trait.objects.get(key="age").number == 40.0
    make.record(make.identify("u", plan="free", age=None))
    assert Trait.objects.get(key="plan").text == "free"
    assert not Trait.objects.filter(key="age").exists()
    assert Profile.objects.count() == 1


def test_an_anonymous_visitor_who_identifies_is_one_contact_and_the_merge_can_be_undone(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    make.record(make.track("u1", "Order Completed", revenue=5))
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="u1")
    merged = IdentityMerge.objects.get()
    assert Event.objects.filter(contact=known).count() == 3
    assert merged.source.status == "merged"

    services.undo_merge(merged=merged)
    make.run_jobs()
    assert Event.objects.filter(contact_id=merged.source_id).get().message_id == "m1"
    assert Event.objects.filter(contact=known).count() == 2
    merged.refresh_from_db()
    with pytest.raises(Conflict):
        services.undo_merge(merged=merged)


def test_a_shared_device_does_not_join_two_known_people(tenant):
    make.record({**make.identify("u1"), "anonymousId": "tablet"})
    make.record({**make.identify("u2"), "anonymousId": "tablet"})
    assert Contact.objects.filter(external_id__in=["u1", "u2"], status="enabled").count() == 2
    assert not IdentityMerge.objects.exists()


def test_a_machine_is_kept_and_left_out_of_the_profile(tenant):
    item = {**make.track("u", "Order Completed", revenue=5), "context": {"userAgent": "GoogleBot"}}
    make.record(make.identify("u"), item)
    assert Event.objects.get(name="Order Completed").is_machine
    assert Profile.objects.get().orders == 0


def test_formula_cells_lose_their_power_and_numbers_keep_their_sign():
    assert imports.clean("=HYPERLINK(1)") == "HYPERLINK(1)"
    assert imports.clean("'=1+1") == "1+1"
    assert imports.clean("-12.5") == "-12.5"
    assert cells.guard_formula("=1+1") == "'=1+1"
    assert cells.guard_formula("-12.5") == "-12.5"


def test_cells_are_typed_carefully():
    assert [imports.typed(c) for c in ("3", "3.5", "007", "true", "1e3", "x", "nan")] == [
        3, 3.5, "007", True, "1e3", "x", "nan",
    ]  # fmt: skip


def test_columns_are_guessed():
    assert imports.guess_mapping(["Customer ID", "E-Mail", "plan"]) == {
        "Customer ID": "userId", "E-Mail": "email", "plan": "trait:plan",
    }  # fmt: skip
    assert imports.guess_mapping(["email"]) == {"email": "userId+email"}


def test_an_event_that_was_on_its_way_during_a_merge_reaches_the_known_contact(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    merged = IdentityMerge.objects.get()
    make.record(make.track("u1", "Late", revenue=2))
    Event.objects.filter(name="Late").update(contact_id=merged.source_id)  # as the race leaves it
    services._changed(merged.source_id)
    make.run_jobs()
    assert Event.objects.get(name="Late").contact_id == merged.target_id
    assert Profile.objects.get(contact_id=merged.target_id).events == 3


def test_contacts_that_still_wait_are_folded_after_their_job_gave_up(tenant):
    make.record(make.identify("u"))
    services.record_events([make.track("u", "Order Completed", revenue=3)], source="test")
    jobs.JobRow.objects.filter(state="pending").update(state="quarantined")
    services.fold_what_waits()
    make.run_jobs()
    assert Profile.objects.get().orders == 1
    services.fold_what_waits()
    assert not jobs.JobRow.objects.filter(state="pending").exists()


def test_a_merge_that_a_rival_made_is_not_made_again(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    merged = IdentityMerge.objects.get()
    assert services.merge(merged.source_id, merged.target_id, reason="again") is None
    assert IdentityMerge.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentityMerge.objects.create(source=merged.source, target=merged.target, reason="again")


def test_an_event_that_was_on_its_way_while_a_merge_was_undone_returns(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    merged = IdentityMerge.objects.get()
    services.undo_merge(merged=merged)
    make.record({"type": "page", "anonymousId": "a1", "name": "Late", "messageId": "m2"})
    Event.objects.filter(name="Late").update(contact_id=merged.target_id)  # as the race leaves it
    services._changed(merged.target_id)
    make.run_jobs()
    assert Event.objects.get(name="Late").contact_id == merged.source_id
    assert Profile.objects.get(contact_id=merged.source_id).events == 2
    assert Profile.objects.get(contact_id=merged.target_id).events == 1


def test_a_contact_that_was_merged_away_keeps_no_profile(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    assert Profile.objects.get().contact.external_id == "u1"


def test_a_refused_event_is_replayed_once(tenant):
    services.record_events([{"type": "track", "event": "Order Completed"}], source="t")
    row = RejectedEvent.objects.get()
    fixed = {"type": "track", "event": "Order Completed", "userId": "u"}
    assert services.replay_rejected([row], edited=fixed).accepted == 1
    with pytest.raises(Conflict, match="replayed before"):
        services.replay_rejected([row], edited=fixed)
    assert Event.objects.count() == 1


def test_of_equal_ids_in_a_batch_the_first_is_kept(tenant):
    one, two = make.track("u", "Order Completed", revenue=10), make.track("u", "x", revenue=99)
    services.record_events([one, {**two, "messageId": one["messageId"]}], source="t")
    assert Event.objects.get().value_cents == 1000


def test_several_refused_events_are_replayed_at_once_and_those_still_wrong_are_counted(tenant):
    services.record_events(
        [
            {"type": "track", "userId": "u1", "event": "A", "timestamp": "2020-01-01T00:00:00Z"},
            {"type": "track", "userId": "u2", "event": "A", "timestamp": "2020-01-01T00:00:00Z"},
            {"type": "track", "event": "A"},
        ],
        source="test",
    )
    ids = [str(row.pk) for row in RejectedEvent.objects.all()]
    client = Client()
    client.force_login(tenant.owner)
    url = reverse("contacts:replay-many", args=[tenant.slug])
    answer = client.post(url, {"chosen": [*ids, "nonsense"]}, follow=True)
    page = answer.content.decode()
    assert "2 events are accepted." in page
    assert "1 is refused as before; correct it one by one." in page
    assert Event.objects.count() == 2
    assert RejectedEvent.objects.filter(replayed_at=None).count() == 1
    again = client.post(url, {"chosen": ids}, follow=True).content.decode()
    assert "accepted" not in again.partition("Refused events")[0]
    assert Event.objects.count() == 2
