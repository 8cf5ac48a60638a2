"""Workspaces, people, roles and keys."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.models import AuditEntry
from attune.kernel.tenancy import tenant_context
from tenants import keys, people, registry, services
from tenants.models import ApiKey, Membership, Tenant
from tenants.roles import ALL_VERBS, PERMISSIONS, Role, verbs_of
from tests import make

PAGES = {
    "insights:home": "workspace.view",
    "contacts:people": "contacts.view",
    "contacts:files": "contacts.import",
    "contacts:events": "events.view",
    "segments:segments": "segments.view",
    "segments:new": "segments.edit",
    "catalog:products": "catalog.view",
    "catalog:new": "catalog.edit",
    "catalog:voice": "catalog.edit",
    "content:briefs": "content.view",
    "content:new-brief": "content.edit",
    "content:new-message": "content.edit",
    "tuning:models": "models.view",
    "tuning:evidence": "models.view",
    "tuning:usage": "models.manage",
    "tuning:forget": "models.manage",
    "tuning:new-server": "models.manage",
    "approval:queue": "approval.view",
    "experiments:experiments": "experiments.view",
    "experiments:new": "experiments.edit",
    "experiments:metric": "experiments.edit",
    "experiments:plan": "experiments.view",
    "experiments:learnings": "experiments.view",
    "experiments:learn": "experiments.edit",
    "automations:journeys": "campaigns.view",
    "automations:new": "campaigns.edit",
    "layouts:templates": "campaigns.view",
    "layouts:new": "campaigns.edit",
    "subscriptions:topics": "campaigns.view",
    "subscriptions:new": "campaigns.edit",
    "delivery_pages:campaigns": "campaigns.view",
    "delivery_pages:new": "campaigns.edit",
    "delivery_pages:calendar": "campaigns.view",
    "delivery_pages:outbox": "sends.view",
    "hooks:endpoints": "webhooks.manage",
    "hooks:new": "webhooks.manage",
    "privacy:requests": "privacy.manage",
    "privacy:keep": "privacy.manage",
    "delivery_pages:suppressions": "campaigns.view",
    "workspace:settings": "workspace.manage",
    "workspace:sender": "workspace.manage",
    "workspace:leave": "workspace.leave",
    "workspace:members": "members.view",
    "workspace:keys": "keys.manage",
    "workspace:usage": "usage.view",
    "workspace:brand": "workspace.manage",
    "workspace:agency": "workspace.manage",
    "workspace:clients": "clients.view",
    "workspace:audit": "audit.view",
    "workspace:audit-file": "audit.view",
    "workspace:jobs": "jobs.view",
    "workspace:design": "workspace.view",
    "insights:search": "workspace.view",
    "insights:notices": "workspace.view",
    "conversations:inbox": "chat.view",
    "inboxes:inboxes": "chat.manage",
    "inboxes:new": "chat.manage",
    "workspace:new-team": "members.manage",
    "workspace:new-role": "members.manage",
    "inboxes:new-canned": "chat.manage",
    "knowledge:documents": "knowledge.view",
    "knowledge:ask": "knowledge.view",
    "knowledge:new": "knowledge.edit",
    "assistant:quality": "chat.view",
    "dialogue:overview": "knowledge.view",
    "dialogue:new-intent": "knowledge.edit",
    "dialogue:outside": "knowledge.edit",
    "dialogue:new-slot": "knowledge.edit",
    "dialogue:new-task": "knowledge.edit",
    "dialogue:new-script": "knowledge.edit",
    "dialogue:versions": "knowledge.view",
    "dialogue:past": "knowledge.view",
    "sources:sources": "insights.view",
    "sources:new": "insights.edit",
    "sources:aside": "insights.view",
    "reading:overview": "insights.view",
    "reading:documents": "insights.view",
    "topics:topics": "insights.view",
    "topics:outside": "insights.view",
    "graph:graph": "insights.view",
    "reading:ratings": "insights.view",
    "dashboards:board": "workspace.view",
    "dashboards:people": "contacts.view",
    "dashboards:export": "workspace.view",
    "dashboards:export-people": "contacts.view",
    "dashboards:sql": "workspace.manage",
    "alerts:alerts": "insights.view",
    "forecasts:forecasts": "insights.view",
    "forecasts:new": "insights.edit",
    "forecasts:occasions": "insights.view",
    "alerts:week": "insights.view",
    "risk:board": "insights.view",
    "risk:new": "insights.edit",
    "labelling:labels": "insights.view",
    "labelling:queue": "insights.edit",
    "labelling:accuracy": "insights.view",
    "labelling:export": "insights.edit",
    "findings:findings": "insights.view",
    "strategy:policies": "strategy.view",
    "strategy:new": "strategy.edit",
    "strategy:new_bank": "strategy.edit",
    "predictions:predictions": "strategy.view",
    "predictions:new": "strategy.edit",
    "budget:budgets": "strategy.view",
    "budget:new": "strategy.edit",
    "findings:reports": "insights.view",
    "journeys:journeys": "insights.view",
    "journeys:new": "insights.edit",
    "graph:new-competitor": "insights.edit",
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_its_pages_and_no_other(tenant, role):
    client = Client()
    client.force_login(make.member(tenant, role.value))
    for name, verb in PAGES.items():
        answer = client.get(reverse(name, args=[tenant.slug]))
        assert answer.status_code == (200 if verb in verbs_of(role) else 403), (name, role)
        if answer.status_code == 403:
            assert b"one of these roles" in answer.content


def test_an_analyst_sees_no_personal_data(tenant):
    contact = make.contact("secret-id", name="Ada Lovelace", email="ada@example.com")
    client = Client()
    client.force_login(make.member(tenant, "analyst"))
    for name, args in (("contacts:people", []), ("contacts:person", [contact.pk])):
        text = client.get(reverse(name, args=[tenant.slug, *args])).content.decode()
        assert "Ada" not in text
        assert "ada@example.com" not in text
        assert "secret-id" not in text


def test_a_stranger_is_sent_to_sign_in(tenant):
    answer = Client().get(reverse("insights:home", args=[tenant.slug]))
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")


def test_the_marketer_edits_the_reviewer_approves_the_sender_launches():
    assert "content.edit" in verbs_of("marketer")
    assert "approval.decide" not in verbs_of("marketer")
    assert "campaigns.launch" not in verbs_of("marketer")
    assert "approval.decide" in verbs_of("reviewer")
    assert "content.edit" not in verbs_of("reviewer")
    assert "campaigns.launch" in verbs_of("sender")
    assert "contacts.view_personal" not in verbs_of("analyst")
    assert set(PERMISSIONS) >= {"content.edit", "approval.decide", "campaigns.launch"}


def test_the_last_owner_stays(tenant):
    owner = Membership.objects.get(role="owner")
    with pytest.raises(Conflict, match="at least one owner"):
        people.change_role(membership=owner, role="admin", rights=verbs_of("owner"))
    with pytest.raises(Conflict):
        people.remove_member(membership=owner, rights=verbs_of("owner"))
    assert Membership.objects.get().role == "owner"


def test_an_invitation_works_once_for_its_address_alone(tenant):
    token = people.invite(
        email="Guest@Example.com", role="analyst", by=tenant.owner, rights=ALL_VERBS
    )
    with pytest.raises(NotFound):
        people.accept_invitation(token=token, user=make.user("other@example.com"))
    guest = make.user("guest@example.com")
    assert people.accept_invitation(token=token, user=guest).role == "analyst"
    with pytest.raises(NotFound):
        people.accept_invitation(token=token, user=guest)
    assert [m.slug for m in registry.memberships_of(guest.pk)] == [tenant.slug]


def test_two_workspaces_cannot_share_an_address(db):
    place = make.workspace()
    with pytest.raises(Invalid, match="is taken"):
        services.create_workspace(name="Other", slug=place.slug, owner=place.owner)


def test_a_key_is_kept_as_a_hash_and_found_by_its_secret(tenant):
    key, secret = keys.create_key(name="k", kind="secret", scopes=["jobs.view"], by=None)
    assert secret not in str(ApiKey.objects.values().get(pk=key.pk))
    assert registry.key_of(secret).id == key.pk
    assert registry.key_of(secret + "x") is None
    fresh, second = keys.rotate_key(key=key, by=None)
    assert registry.key_of(secret).id == key.pk
    assert registry.key_of(second).id == fresh.pk
    keys.revoke_key(key=key)
    assert registry.key_of(secret) is None


def test_a_write_only_key_can_only_write_events(tenant):
    key, _ = keys.create_key(name="k", kind="write_only", scopes=["jobs.view"], by=None)
    assert key.scopes == ["events.write"]
    with pytest.raises(Invalid, match="Unknown scopes"):
        keys.create_key(name="k", kind="secret", scopes=["everything"], by=None)


def test_the_audit_log_cannot_be_changed(tenant):
    keys.create_key(name="k", kind="write_only", scopes=[], by=None)
    entry = AuditEntry.objects.get(action="keys.create")
    for attempt in (lambda: entry.delete(), lambda: AuditEntry.objects.update(action="x")):
        with pytest.raises(Exception, match="permission denied"), make.atomic():
            attempt()
    assert AuditEntry.objects.get(pk=entry.pk).action == "keys.create"


def test_a_paused_workspace_is_closed(db):
    place = make.workspace()
    secret = make.key(place, "jobs.view")
    with tenant_context(place.id):
        Tenant.objects.update(status="paused")
    assert registry.key_of(secret) is None
    assert registry.memberships_of(place.owner.pk) == []


def test_sign_up_sign_in_and_a_first_workspace(db):
    client = Client()
    form = {
        "email": "new@example.com",
        "password1": "a long secret 1",
        "password2": "a long secret 1",
    }
    assert client.post("/accounts/signup/", form).status_code == 302
    assert client.get("/").url == "/new"
    made = client.post("/new", {"name": "My Shop"})
    assert made.url == "/w/my-shop/"
    assert client.get(made.url).status_code == 200
    client.post("/accounts/logout/")
    assert client.get(made.url).status_code == 302
    login = {"login": "new@example.com", "password": "a long secret 1"}
    assert client.post("/accounts/login/", login).status_code == 302
    assert client.get(made.url).status_code == 200
