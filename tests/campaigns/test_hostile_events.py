"""Events that mean harm: none sinks its batch, stops the fold, or passes for one of ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError

from campaigns.contacts import intake, services
from campaigns.contacts.models import Contact, Event, Profile, RejectedEvent
from tests import make
from workers.tasks import ingest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_null_in_a_batch_is_kept_as_rejected_and_the_others_are_taken(tenant):
    receipt = services.record_events([None, make.track("u", "Viewed")], source="api")
    assert (receipt.accepted, [r.field for r in receipt.rejected]) == (1, ["body"])
    assert RejectedEvent.objects.get().raw == "null"


@pytest.mark.parametrize("offset", ["+23:00", "-16:30", "+00:00:59.5"])
def test_an_offset_that_only_python_knows_is_stored_as_utc(tenant, offset):
    item = {**make.track("u", "Viewed"), "timestamp": f"2026-03-01T12:00:00{offset}"}
    receipt = services.record_events([item], source="api", now=NOW, history=True)
    assert receipt.accepted == 1
    told = datetime.fromisoformat(item["timestamp"]).astimezone(UTC)
    assert Event.objects.get().client_at == told


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"a": "\x00"}, "NUL"),
        ({"a": "x" * 5000}, "at most 4,096"),
        ({"a": [[[[[[[[[1]]]]]]]]]}, "deeper than 8"),
        ("text", "must be a JSON object"),
    ],
)
def test_a_bad_context_of_the_batch_refuses_only_what_relies_on_it(tenant, context, reason):
    own = {**make.track("u", "Viewed"), "context": {"page": "/"}}
    receipt = services.record_events([make.track("u", "a"), own], source="api", context=context)
    assert receipt.accepted == 1
    (refused,) = receipt.rejected
    assert (refused.field, refused.index) == ("context", 0)
    assert reason in refused.reason
    assert Event.objects.get().context == {"page": "/"}


@pytest.mark.parametrize("own", ["Message Clicked-018f", "import-1-2", "server-1", "body-1"])
def test_a_client_cannot_use_up_an_id_of_ours(own):
    item = {**make.track("u", "Viewed"), "messageId": own}
    accepted, rejected = intake.parse([item], now=NOW)
    assert (accepted, rejected[0].field) == ([], "messageId")
    assert intake.parse([item], now=NOW, trusted=True)[0][0].message_id == own


def test_an_event_of_a_single_endpoint_can_be_replayed(tenant):
    bare = {"userId": "u", "event": "", "messageId": "m1"}
    services.record_events([bare], source="api", kind="track")
    row = RejectedEvent.objects.get()
    assert row.raw["type"] == "track"
    services.replay_rejected([row], edited={**row.raw, "event": "Viewed"})
    assert Event.objects.get().name == "Viewed"


def test_money_has_bounds_and_a_flood_of_it_does_not_stop_the_fold(tenant):
    accepted, rejected = intake.parse([make.track("u", "x", revenue=-1e10)], now=NOW)
    assert (accepted, rejected[0].field) == ([], "properties.revenue")
    make.record(make.track("poison", "Order Completed", revenue=1))
    for n in range(2):  # as events of an older release could sum up
        Event.objects.create(
            contact=Contact.objects.get(), message_id=f"m{n}", type="track",
            name="Order Completed", value_cents=-(2**63), at=NOW, source="api",
        )  # fmt: skip
    make.record(make.track("poison", "Viewed"), make.identify("good", plan="gold"))
    assert Profile.objects.get(contact__external_id="poison").revenue_cents == -9 * 10**18
    assert Contact.objects.get(external_id="good").traits == {"plan": "gold"}


def test_a_contact_that_cannot_be_folded_is_set_aside_and_can_be_retried(tenant, monkeypatch):
    make.record(make.track("poison", "Viewed"))
    poison = Contact.objects.get(external_id="poison").pk
    honest = ingest.reward_contacts

    def reward(contacts):
        if poison in contacts:
            raise DataError("bigint out of range\nCONTEXT: …")
        honest(contacts)

    monkeypatch.setattr(ingest, "reward_contacts", reward)
    make.record(make.track("poison", "Added"), *(make.identify(f"u{n}", n=n) for n in range(5)))
    assert Contact.objects.filter(traits__has_key="n").count() == 5
    row = RejectedEvent.objects.get()
    assert (row.field, row.reason) == (
        "profile", "The profile could not be rebuilt: bigint out of range",
    )  # fmt: skip
    assert Profile.objects.get(contact=poison).events == 1
    monkeypatch.setattr(ingest, "reward_contacts", honest)
    services.replay_rejected([row])
    make.run_jobs()
    assert Profile.objects.get(contact=poison).events == 3
