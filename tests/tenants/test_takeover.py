"""Nobody rises by themselves, and who left has left."""

from __future__ import annotations

import pytest
from django.test import Client

from attune.kernel import audit
from attune.kernel.errors import Forbidden
from campaigns.contacts.services import set_traits
from tenants import keys, people
from tenants.models import ApiKey, Membership
from tenants.roles import verbs_of
from tests import make


def test_an_admin_makes_changes_and_removes_no_owner(tenant):
    make.member(tenant, "admin")
    own = Membership.objects.get(role="admin")
    owner = Membership.objects.get(role="owner")
    for attempt in (
        lambda: people.change_role(membership=own, role="owner", rights=verbs_of("admin")),
        lambda: people.change_role(membership=owner, role="analyst", rights=verbs_of("admin")),
        lambda: people.remove_member(membership=owner, rights=verbs_of("admin")),
        lambda: people.invite(
            email="x@example.com", role="owner", by=None, rights=verbs_of("admin")
        ),
    ):
        with pytest.raises(Forbidden, match="Only an owner"):
            attempt()
    people.change_role(membership=own, role="owner", rights=verbs_of("owner"))
    assert Membership.objects.filter(role="owner").count() == 2


def test_the_page_hands_the_actors_role_on(tenant):
    who = make.member(tenant, "admin")
    own = Membership.objects.get(role="admin").pk
    client = Client()
    client.force_login(who)
    url = f"/w/{tenant.slug}/settings/members/{own}"
    assert client.post(url, {"role": "owner"}).status_code == 403
    assert Membership.objects.get(pk=own).role == "admin"


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_who_goes_takes_their_secret_keys_along(tenant, how):
    who = make.member(tenant, "admin")
    own = Membership.objects.get(role="admin")
    scopes = ["contacts.view"]
    _, secret = keys.create_key(name="a", kind="secret", scopes=scopes, by=who)
    keys.create_key(name="b", kind="write_only", scopes=[], by=who)
    keys.create_key(name="c", kind="secret", scopes=scopes, by=tenant.owner)
    if how == "removed":
        people.remove_member(membership=own, rights=verbs_of("owner"))
    else:
        people.change_role(membership=own, role="analyst", rights=verbs_of("owner"))
    assert list(ApiKey.objects.filter(revoked_at=None).values_list("name", flat=True)) == ["b", "c"]
    answer = Client(headers={"Authorization": f"Bearer {secret}"}).get("/v1/contacts")
    assert answer.status_code == 401


def test_an_analyst_sees_no_name_in_the_audit_log_and_asks_no_oracle(tenant):
    person = make.contact("u1", email="ivan@example.com", name="Ivan Jansen")
    set_traits(contact=person, traits={"plan": "gold"})
    client = Client()
    client.force_login(make.member(tenant, "analyst"))
    page = client.get(f"/w/{tenant.slug}/settings/audit").content.decode()
    assert "Ivan" not in page
    assert f"contact {str(person.pk)[-6:]}" in page
    rule = '{"trait": "email", "is": "ivan@example.com"}'
    assert client.post(f"/w/{tenant.slug}/segments/preview", {"rule": rule}).status_code == 403
    client.force_login(tenant.owner)
    assert "Ivan" in client.get(f"/w/{tenant.slug}/settings/audit").content.decode()


@pytest.mark.parametrize(
    "query",
    ["audience/?q=%00", "audience/?lifecycle=%00", "settings/audit?actor=%00", "catalog/?q=a%00"],
)
def test_a_nul_in_a_filter_is_refused_by_name(tenant, query):
    client = Client()
    client.force_login(tenant.owner)
    answer = client.get(f"/w/{tenant.slug}/{query}")
    assert answer.status_code == 422
    assert "NUL" in answer.content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        "9" * 5_000,
        '"\\ud800"',
        "NaN",
        '{"segment": "urn:uuid:018f0000-0000-7000-8000-000000000000"}',
    ],
)
def test_a_rule_that_is_rubbish_is_answered_with_a_sentence(tenant, text):
    client = Client()
    client.force_login(tenant.owner)
    preview = client.post(f"/w/{tenant.slug}/segments/preview", {"rule": text})
    assert preview.status_code == 200
    assert '<ul class="errors">' in preview.content.decode()
    made = client.post(f"/w/{tenant.slug}/segments/new", {"name": "x", "rule": text})
    assert made.status_code == 422


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/workspace"])
def test_options_and_head_are_answered(tenant, path):
    secret = make.key(tenant, "contacts.view", "contacts.view_personal", "workspace.view")
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.options(path).status_code == 200
    assert client.head(path).status_code == client.get(path).status_code == 200


def test_the_audit_log_is_narrowed_shows_what_changed_and_leaves_as_a_file(tenant):
    person = make.contact("u1", name="Ivan Jansen")
    audit.record(
        "contacts.change", person, before={"plan": "a", "x": 1}, after={"plan": "b", "x": 1}
    )
    segment = make.segment(name="=cmd()")
    client = Client()
    client.force_login(tenant.owner)
    place = f"/w/{tenant.slug}/settings/audit"
    page = client.get(f"{place}?action=contacts.change").content.decode()
    assert "<del>a</del> <ins>b</ins>" in page
    assert "=cmd()" not in page
    assert "=cmd()" in client.get(f"{place}?object={segment.pk}").content.decode()
    assert "=cmd()" not in client.get(f"{place}?until=2020-01-01").content.decode()
    file = make.body(client.get(f"{place}/file?kind=segments.segment")).decode()
    assert "'=cmd()" in file
    assert len(file.splitlines()) == 2
    client.force_login(make.member(tenant, "analyst"))
    whole = make.body(client.get(f"{place}/file")).decode()
    assert "Ivan" not in whole
    assert "plan" not in whole
    assert "contact" in client.get(f"{place}?action=contacts.change").content.decode()
    asked = client.get(f"{place}?object=Ivan").content.decode()
    assert "contacts.change" not in asked  # who may not see a name cannot guess it
