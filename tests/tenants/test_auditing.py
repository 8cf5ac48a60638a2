"""The audit log as people read it: who, what changed, and words for what they cannot have meant."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel import audit
from attune.kernel.models import AuditEntry
from campaigns.automations import services as automations
from campaigns.subscriptions import services as subscriptions
from tenants import auditing, services
from tenants.models import Tenant
from tests import make
from tests.campaigns.journeys import by_event, step, text, tree


@pytest.fixture
def reader(tenant):
    client = Client()
    client.force_login(tenant.owner)
    return lambda page="audit", **asked: client.get(
        reverse(f"workspace:{page}", args=[tenant.slug]), asked
    )


def told(action: str) -> dict[str, tuple[str, str]]:
    entry = AuditEntry.objects.filter(action=action).latest("id")
    return {c.field: (c.before, c.after) for c in auditing.changes(entry)}


def test_an_edited_journey_tells_what_was_and_what_is(tenant):
    first = tree(by_event("Hi"), step(1, "delay", n=1, unit="days"), text(2))
    journey = automations.create(name="Hello", draft=first)
    late = {**first["steps"][0], "n": 3}
    draft = {**first, "entry": by_event("Ho"), "steps": [late, first["steps"][1]]}
    automations.edit(journey=journey, draft=draft, seen=1)
    found = told("automations.edit")
    assert set(found) == {"entry", "s1"}
    assert ('"n": 1' in found["s1"][0], '"n": 3' in found["s1"][1]) == (True, True)
    assert ('"Hi"' in found["entry"][0], '"Ho"' in found["entry"][1]) == (True, True)
    automations.edit(journey=journey, draft={**draft, "steps": draft["steps"][1:]}, seen=2)
    assert set(told("automations.edit")) == {"s1", "order"}
    automations.change(journey=journey, name="Hello again", via="email")
    assert told("automations.change") == {"name": ("Hello", "Hello again")}


def test_what_a_row_was_and_is_stands_beside_each_other(tenant):
    workspace = Tenant.objects.get(pk=tenant.id)
    services.save_settings(tenant=workspace, name="New name", frequency_cap=9)
    found = told("workspace.change")
    assert found["name"][1] == "New name"
    assert found["frequency_cap"][1] == "9"
    topic = subscriptions.save_topic(name="News")
    assert told("subscriptions.save_topic") == {}
    subscriptions.save_topic(topic=topic, name="News", double=False)
    assert told("subscriptions.save_topic") == {"double": ("true", "false")}


def test_who_is_found_by_name_and_by_address_and_by_kind(tenant, reader):
    marketer = make.member(tenant, "marketer")
    with audit.acting(audit.Actor("user", str(marketer.pk), "Mira")):
        audit.record("test.by_person")
    audit.record("test.by_system")
    for asked, seen in (
        ({"actor": marketer.email}, {"test.by_person"}),
        ({"actor": "mira"}, {"test.by_person"}),
        ({"actor": "nobody@example.com"}, set()),
        ({"by": "people"}, {"test.by_person"}),
        ({"by": "system"}, {"test.by_system"}),
    ):
        rows = auditing.entries(auditing.Asked.of({"action": "test.", **asked}), personal=True)
        assert {row.action for row in rows} == seen, asked
    assert "test.by_person" in reader(actor=marketer.email).content.decode()


def test_a_day_that_is_none_is_said_and_gives_no_file(tenant, reader):
    page = reader(since="yesterday")
    assert page.status_code == 422
    assert "From day: write a day as 2026-11-30." in page.content.decode()
    assert reader(since="2026-11-30").status_code == 200
    assert reader("audit-file", until="2026-02-30").status_code == 422
    assert reader(by="nobody").status_code == 422


def test_kinds_of_things_have_names(tenant, reader):
    automations.create(name="Hello", draft=tree(by_event("Hi"), text(1)))
    kinds = dict(auditing.kinds())
    assert kinds["automations.journey"] == "Journey"
    AuditEntry.objects.create(
        action="test.old", object_type="gone.thing", actor_kind="system",
        request="00000000-0000-0000-0000-000000000000",
    )  # fmt: skip
    assert dict(auditing.kinds())["gone.thing"] == "gone.thing"
