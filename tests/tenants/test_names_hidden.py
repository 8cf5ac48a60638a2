"""What tells who somebody is stays with who may see names, over REST as on the pages."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from attune.kernel import audit
from attune.kernel.models import IdempotencyRecord
from campaigns.contacts import importing
from campaigns.contacts.models import RejectedEvent
from campaigns.hooks import types
from campaigns.hooks.models import WebhookDelivery
from tests import make
from tests.campaigns.journeys import by_event, running, step, text, tree

NAMES = "contacts.view_personal"


def caller(tenant, *scopes: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {make.key(tenant, *scopes)}"})


def post(who: Client, path: str, body: object, **headers: str):
    return who.post(path, json.dumps(body), content_type="application/json", headers=headers)


def signed_in(tenant, role: str) -> Client:
    client = Client()
    client.force_login(make.member(tenant, role))
    return client


def test_a_count_by_a_trait_is_asked_by_who_makes_segments(tenant):
    rule = {"rule": {"trait": "email", "contains": "ada@"}}
    path = "/v1/segments/preview"
    assert post(caller(tenant, "segments.view"), path, rule).status_code == 403
    assert post(caller(tenant, "segments.edit"), path, rule).status_code == 200


def test_events_are_told_without_what_names_somebody(tenant):
    contact = make.contact("ada", name="Ada Lovelace")
    RejectedEvent.objects.create(raw={"email": "ada@example.com"}, field="x", reason="y")
    for scopes, shown in ((("events.view",), False), (("events.view", NAMES), True)):
        who = caller(tenant, *scopes)
        events = who.get(f"/v1/contacts/{contact.pk}/events").content.decode()
        refused = who.get("/v1/rejected-events").content.decode()
        assert ("Ada Lovelace" in events, "ada@example.com" in refused) == (shown, shown)
        assert '"name"' in events


def test_the_log_of_deeds_is_told_without_names(tenant):
    contact = make.contact("ada", name="Ada Lovelace")
    audit.record("contacts.look", contact, address="ada@example.com")
    path = "/v1/audit"
    assert "Ada Lovelace" in caller(tenant, "audit.view", NAMES).get(path).content.decode()
    hidden = caller(tenant, "audit.view").get(path).content.decode()
    assert "contacts.look" in hidden
    assert "Ada Lovelace" not in hidden
    assert "ada@example.com" not in hidden


def test_the_key_of_a_way_through_a_journey_may_be_an_address(tenant):
    make.contact("ada")
    journey = running(
        tree(by_event("Hi", key="email"), step(1, "delay", n=1, unit="days"), text(2))
    )
    make.record(make.track("ada", "Hi", email="secret@example.com"))
    run = journey.runs.get()
    assert run.key == "secret@example.com"
    pages = (reverse("automations:people", args=[tenant.slug, journey.pk]),
             reverse("automations:run", args=[tenant.slug, run.pk]))  # fmt: skip
    for page in pages:
        assert "secret@example.com" in signed_in(tenant, "marketer").get(page).content.decode()
        assert "secret@example.com" not in signed_in(tenant, "analyst").get(page).content.decode()
    told = [caller(tenant, "campaigns.view", *more).get("/v1/journey-runs").json()["results"][0]
            for more in ((), (NAMES,))]  # fmt: skip
    assert [one["key"] for one in told] == [None, "secret@example.com"]


def test_what_customers_said_goes_only_where_somebody_sends_it_who_may_see_names(tenant):
    asked = {"name": "Mine", "url": "http://127.0.0.1:9/x", "types": [types.TRACKED]}
    refused = post(caller(tenant, "webhooks.manage"), "/v1/endpoints", asked)
    assert refused.status_code == 403
    assert "contacts.view_personal" in refused.json()["detail"]
    made = post(caller(tenant, "webhooks.manage", NAMES), "/v1/endpoints", asked)
    assert made.status_code == 201
    make.record(make.track("ada", "Form Sent", email="secret@example.com"))
    sent = WebhookDelivery.objects.get(type=types.TRACKED)
    path = f"/v1/endpoints/{made.json()['id']}/deliveries"
    assert "secret@" not in caller(tenant, "webhooks.manage").get(path).content.decode()
    assert "secret@" in caller(tenant, "webhooks.manage", NAMES).get(path).content.decode()
    developer = signed_in(tenant, "developer")
    page = reverse("hooks:attempt", args=[tenant.slug, sent.pk])
    assert "secret@" not in developer.get(page).content.decode()
    assert "secret@" in signed_in(tenant, "admin").get(page).content.decode()
    form = developer.post(reverse("hooks:new", args=[tenant.slug]), {**asked, "name": "Other"})
    assert form.status_code == 422
    assert "only somebody who may see customers" in form.content.decode()


def test_the_rows_of_a_file_are_shown_to_who_brought_it_or_may_see_names(tenant):
    def brought(role: str):
        who = make.member(tenant, role)
        with audit.acting(audit.Actor("user", str(who.pk), role)):
            content = b"name,email\nSecret Person,secret@example.com\n"
            return importing.upload(file=SimpleUploadedFile("people.csv", content))

    theirs, own = brought("marketer"), brought("developer")
    developer = signed_in(tenant, "developer")
    shown = {}
    for name, row in (("theirs", theirs), ("own", own)):
        page = developer.get(reverse("contacts:file", args=[tenant.slug, row.pk])).content.decode()
        file = developer.get(reverse("contacts:problems", args=[tenant.slug, row.pk]))
        shown[name] = ("Secret Person" in page, file.status_code)
    assert shown == {"theirs": (False, 403), "own": (True, 200)}


@pytest.mark.parametrize(
    ("entry", "steps"),
    [
        ({"where": [{}]}, []),
        ({"where": [{"property": "p", "op": "like"}]}, []),
        ({"where": [{"property": ["p"], "op": []}]}, []),
        ({"segment": "zz"}, []),
        ({}, [{"id": "s1", "kind": "wait", "event": "X", "where": [{}], "branches": []}]),
        ({}, [{"id": "s1", "kind": "delay", "n": 3, "unit": "zz"}]),
        ({}, [{"id": "s1", "kind": "delay", "n": 3, "at": "09:00"}]),
        ({}, [{"id": "s1", "kind": "cohort"}]),
        ({}, [{"id": "s1", "kind": "split", "branches": [
            {"key": "a", "segment": "x", "steps": []}, {"key": "otherwise", "steps": []}]}]),
    ],
)  # fmt: skip
def test_a_flow_that_no_page_could_draw_is_refused_over_rest(tenant, entry, steps):
    journey = running(tree(by_event("Hi"), text(1)))
    flow = {"entry": {"on": "event", "event": "Hi", **entry}, "exit": {}, "steps": steps}
    who = caller(tenant, "campaigns.edit")
    answer = post(who, f"/v1/journeys/{journey.pk}/flow", {"flow": flow, "seen": 1})
    assert answer.status_code == 422
    page = reverse("automations:journey", args=[tenant.slug, journey.pk])
    assert signed_in(tenant, "marketer").get(page).status_code == 200


def test_an_endpoint_that_is_not_there_makes_no_journey(tenant):
    asked = {"name": "A", "via": "email", "endpoint": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
             "flow": {"entry": {}, "exit": {}, "steps": []}}  # fmt: skip
    assert post(caller(tenant, "campaigns.edit"), "/v1/journeys", asked).status_code == 404


def test_an_answer_with_a_secret_is_kept_sealed_and_given_to_its_own_caller_alone(tenant):
    asked = {"name": "Mine", "url": "http://127.0.0.1:9/x"}
    who = caller(tenant, "webhooks.manage")
    first, again = (
        post(who, "/v1/endpoints", asked, **{"Idempotency-Key": "k1"}) for _ in range(2)
    )
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "whsec_" not in IdempotencyRecord.objects.get().body
    other = post(caller(tenant, "webhooks.manage"), "/v1/endpoints", asked,
                 **{"Idempotency-Key": "k1"})  # fmt: skip
    assert (other.status_code, "whsec_" in other.content.decode()) == (422, False)
