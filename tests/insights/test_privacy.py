"""A person's data: a whole copy, erased everywhere, kept no longer than is wanted."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import AuditEntry, TenantModel
from campaigns.contacts.models import (
    Consent,
    Contact,
    ContactImport,
    Event,
    Identity,
    ImportProblem,
)
from campaigns.contacts.services import record_consent
from campaigns.content.models import GenerationRun, Revision
from campaigns.decisions.models import Decision
from campaigns.delivery import services as delivery
from campaigns.delivery import suppression, tracking
from campaigns.delivery.models import Endpoint, Send
from campaigns.experiments import services as experiments
from campaigns.hooks.models import WebhookDelivery
from campaigns.tuning.models import Exclusion
from insights.privacy import erasing, exporting, retention, services
from insights.privacy.jobs import APPLY_RETENTION, ApplyRetention
from insights.privacy.models import PrivacyRequest, RetentionRule
from insights.privacy.tables import WAYS
from tests import make

SECRET = "Lovelace"


def known(tenant: make.Place) -> tuple[Contact, object]:
    """Ada, of whom every part of the house knows something."""
    make.record({"type": "page", "anonymousId": "v1", "name": "Home", "messageId": "m-visit",
                 "properties": {"search": SECRET}})  # fmt: skip
    make.record({**make.identify("ada", email="ada@lovelace.example", name=f"Ada {SECRET}"),
                 "anonymousId": "v1"})  # fmt: skip
    ada = Contact.objects.get(external_id="ada")
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    delivery.launch(campaign=make.campaign(make.segment(), trial))
    make.run_jobs()
    make.record(make.track("ada", "Order Completed", revenue=12, note=SECRET))
    record_consent(contact=ada, state="given", source="form", wording="Yes")
    make.record({"type": "track", "userId": "ada", "properties": {"x": SECRET}})  # refused
    make.record({"type": "track", "anonymousId": "v1", "properties": {"x": SECRET}})  # refused
    suppression.suppress(address=ada.email, reason="bounced", source="test")
    endpoint = Endpoint.objects.create(name="Partner", url="https://example.com/hook")
    for of, data in (("a", {"userId": "ada", "x": SECRET}), ("b", {"anonymousId": "v1"}),
                     ("c", {"object": {"type": "contacts.contact", "id": str(ada.pk)}})):  # fmt: skip
        WebhookDelivery.objects.create(endpoint=endpoint, of=of, type="t", payload={"data": data})
    of = ContactImport.objects.create(filename="people.csv", format="csv", state="finished")
    for raw in (f"ada@lovelace.example,{SECRET}", "bob@example.com,Bob"):
        ImportProblem.objects.create(of=of, line=1, field="email", raw=raw)
    told = GenerationRun.objects.create(
        contact=ada, brief=make.approved().asset.brief, wanted=1, budget=1
    )
    text = make.approved(subject=f"Dear {SECRET}")
    Revision.objects.filter(pk=text.pk).update(run=told)
    return ada, trial


def whole(tenant: make.Place) -> str:
    """Every row of every table of the workspace, as the database writes it."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                table = model._meta.db_table
                cursor.execute(f'SELECT t::text FROM "{table}" t WHERE tenant_id = %s',  # noqa: S608
                               [tenant.id])  # fmt: skip
                found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_every_table_that_knows_a_person_says_what_happens_to_it():
    tables = {model._meta.label for model, _ in erasing.fields_of()}
    assert tables == set(WAYS)


def test_erased_means_nowhere_and_the_numbers_stay(tenant):
    ada, trial = known(tenant)
    before = experiments.analyse(experiment=trial, now=timezone.now())
    assert SECRET in whole(tenant)
    counts = erasing.erase(ada)
    assert counts["delivery.Send"] == 1
    assert counts["contacts.Event"] >= 3
    assert counts["contacts.RejectedEvent"] == 2
    assert counts["hooks.WebhookDelivery"] == 3
    assert counts["contacts.ImportProblem"] == 1
    assert counts["delivery.Suppression"] == 1
    assert counts["content.Revision"] == 1
    assert Exclusion.objects.count() == 1  # no model learns from it
    assert ImportProblem.objects.filter(raw="bob@example.com,Bob").exists()
    text = whole(tenant)
    assert SECRET not in text
    assert "ada@lovelace" not in text
    after = experiments.analyse(experiment=trial, now=timezone.now())
    assert (after.decided, after.results["metrics"]) == (before.decided, before.results["metrics"])
    ada.refresh_from_db()
    assert (ada.status, ada.email, ada.traits) == ("erased", "", {})
    assert not Identity.objects.exists()
    assert Event.objects.get(name="Order Completed").value_cents == 1200
    assert Consent.objects.get().state == "given"
    assert Decision.objects.get().profile == {}
    with pytest.raises(Conflict, match="erased already"):
        erasing.erase(ada)


def test_who_was_erased_and_comes_again_is_a_stranger(tenant):
    ada, _ = known(tenant)
    suppression.suppress(address=ada.email, reason="complaint", source="t")
    erasing.erase(ada)
    again = make.contact("ada", email="ada@lovelace.example")
    assert again.pk != ada.pk
    asked = suppression.may_send(again, channel="email", cap=9, days=1, now=timezone.now())
    assert "on the list" in str(asked.reason)  # a hash outlives the person, so that it is honoured


def test_what_waits_for_an_erased_person_does_not_leave(tenant):
    ada, _ = known(tenant)
    Send.objects.update(state="pending")
    erasing.erase(ada)
    assert Send.objects.get().state == "aborted"


def test_the_copy_holds_everything_of_the_person_and_nothing_of_others(tenant, client):
    ada, _ = known(tenant)
    make.contact("bob", name="Bob Babbage")
    talk = make.conversation("My name is Ada")
    talk.visitor.contact = ada
    talk.visitor.save()
    client.force_login(tenant.owner)
    told = client.get(f"/w/{tenant.slug}/privacy/person/{ada.pk}/copy")
    found = json.loads(told.content)
    assert "attachment" in told["Content-Disposition"]
    assert {row["email"] for row in found["contact"]} == {"ada@lovelace.example", ""}
    names = {row["name"] for row in found["contacts.Event"]}
    assert {"Home", "Order Completed", "Message Sent"} <= names
    assert found["delivery.Send"][0]["components"]["subject"] == make.GOOD["email"]["subject"]
    assert found["conversations.Message"][0]["body"] == "My name is Ada"
    assert "Babbage" not in told.content.decode()
    assert "tenant_id" not in told.content.decode()


def test_a_person_asks_by_their_own_link_and_somebody_in_charge_answers(tenant, client):
    ada, _ = known(tenant)
    link = urlsplit(tracking.preferences_url(ada.pk)).path
    page = Client().get(link).content.decode()
    ask = reverse("privacy-public:ask", args=[link.split("/p/")[1]])
    assert ask in page
    for _ in range(2):
        assert Client().post(ask, {"kind": "erase"}).status_code == 200
    wish = PrivacyRequest.objects.get()
    client.force_login(make.member(tenant, "marketer"))
    assert client.post(f"/w/{tenant.slug}/privacy/{wish.pk}/settle").status_code == 403
    client.force_login(tenant.owner)
    client.post(f"/w/{tenant.slug}/privacy/{wish.pk}/settle")
    ada.refresh_from_db()
    wish.refresh_from_db()
    assert (ada.status, wish.state) == ("erased", "done")
    with pytest.raises(Conflict):
        services.settle(row=wish)


def test_the_api_copies_and_erases_by_its_own_scope(tenant):
    ada, _ = known(tenant)
    client = Client(headers={"Authorization": f"Bearer {make.key(tenant, 'privacy.manage')}"})
    path = f"/v1/contacts/{ada.pk}/data"
    assert client.get(path).json()["contact"][0]["id"] == str(ada.pk)
    weak = Client(headers={"Authorization": f"Bearer {make.key(tenant, 'contacts.edit')}"})
    assert weak.delete(path).status_code == 403
    assert client.delete(path).json()["rows"]["delivery.Send"] == 1


def old(days: int) -> str:
    return (timezone.now() - timedelta(days=days)).isoformat()


def test_what_is_older_than_wanted_goes_and_the_rest_stays(tenant):
    make.contact("ada")
    for days in (40, 10):
        make.record(
            {**make.track("ada", "Viewed", page=f"{SECRET} {days}"), "timestamp": old(days)}
        )
    retention.save(what="events", days=30)
    rule = RetentionRule.objects.get()
    assert retention.waiting("events", 30, timezone.now()) == 1
    APPLY_RETENTION.enqueue(ApplyRetention(rule.pk))
    make.run_jobs()
    kept = dict(Event.objects.filter(name="Viewed").values_list("user_id", "properties"))
    assert kept == {"": {}, "ada": {"page": f"{SECRET} 10"}}
    rule.refresh_from_db()
    assert (rule.removed, retention.due(timezone.now())) == (1, [])
    assert Contact.objects.get(external_id="ada").email == "ada@example.com"


def test_people_who_did_nothing_for_long_are_erased(tenant):
    make.record({**make.identify("ada", email="ada@example.com"), "timestamp": old(400)},
                history=True)  # fmt: skip
    make.contact("bob")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contact SET created_at = now() - interval '400 days'")
    retention.save(what="people", days=365)
    assert retention.apply(RetentionRule.objects.get(), timezone.now()) == 1
    assert set(Contact.objects.values_list("status", "email")) == {
        ("erased", ""), ("enabled", "bob@example.com"),
    }  # fmt: skip


def test_copies_of_messages_go_and_that_they_were_sent_stays(tenant):
    known(tenant)
    Send.objects.update(sent_at=timezone.now() - timedelta(days=100))
    retention.save(what="copies", days=90)
    assert retention.apply(RetentionRule.objects.get(), timezone.now()) == 1
    assert retention.apply(RetentionRule.objects.get(), timezone.now()) == 0
    assert (Send.objects.get().state, Send.objects.get().components) == (
        "sent",
        {"body": "[erased]"},
    )


def test_a_rule_that_would_take_too_much_is_refused_and_the_page_asks_first(tenant, client):
    with pytest.raises(Invalid, match="From 7 days"):
        retention.save(what="events", days=1)
    known(tenant)
    Send.objects.update(sent_at=timezone.now() - timedelta(days=100))
    client.force_login(tenant.owner)
    place = f"/w/{tenant.slug}/privacy/keep"
    first = client.post(place, {"copies": "90"})
    assert "cannot be brought back" in first.content.decode()
    assert RetentionRule.objects.count() == 0
    client.post(place, {"copies": "90", "sure": "1"})
    assert RetentionRule.objects.get().days == 90
    client.post(place, {"copies": ""})
    assert RetentionRule.objects.count() == 0


def test_the_log_says_that_a_person_was_erased_and_not_who_it_was(tenant):
    ada, _ = known(tenant)
    exporting.everything(ada)
    erasing.erase(ada)
    actions = list(AuditEntry.objects.filter(action__startswith="privacy").values_list(
        "action", "details__contact"))  # fmt: skip
    assert actions == [("privacy.export", str(ada.pk)), ("privacy.erase", str(ada.pk))]
