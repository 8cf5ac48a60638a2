"""The guards' own power: defects are seeded one by one, and each must be found.

A guard that never went red proves nothing. Three kinds of seeds: in the database's catalog (rolled
back), in source text, and in running code with the other layer switched off. The last kind repeats
the long enumerations and is marked `prove` (`make prove`); the count stands in docs/evidence.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, connections, models, transaction

from attune.api import viewsets
from attune.kernel import live, rls, tenancy
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.delivery import selectors as delivery
from campaigns.delivery.models import Send
from campaigns.segments import selectors as segments
from campaigns.segments.models import Segment
from tenants import channels, permissions, registry
from tenants.models import Tenant
from tenants.roles import ALL_VERBS
from tests import make
from tests.guards import sources, test_catalog, test_isolation
from tests.guards.built import two

__all__ = ["two"]  # the fixture of the enumerations

CATALOG = {
    "a policy is dropped": "DROP POLICY tenant_isolation ON contact",
    "row-level security is off": "ALTER TABLE event DISABLE ROW LEVEL SECURITY",
    "the owner is not bound": "ALTER TABLE send NO FORCE ROW LEVEL SECURITY",
    "a policy lets everything through": "ALTER POLICY tenant_isolation ON segment USING (true)",
    "a policy does not check what is written":
        "ALTER POLICY tenant_isolation ON decision WITH CHECK (true)",
    "a second policy widens the first":
        "CREATE POLICY also ON reward FOR SELECT USING (true)",
    "a policy reads the setting itself": "ALTER POLICY tenant_isolation ON brief USING "
        "(tenant_id = current_setting('attune.tenant_id', true)::bigint)",
    "a tenant may be null": "ALTER TABLE trait ALTER tenant_id DROP NOT NULL",
    "a single-column foreign key": "ALTER TABLE consent ADD CONSTRAINT single FOREIGN KEY "
        "(contact_id) REFERENCES contact (id)",
    "a key is unique over all tenants": "CREATE UNIQUE INDEX over_all ON contact (email, id)",
    "the application may truncate": "GRANT TRUNCATE ON contact TO attune_app",
    "the application may set triggers": "GRANT TRIGGER ON event TO attune_app",
    "a view reads with its owner's rights": "CREATE VIEW everyone AS SELECT email FROM contact",
    "a materialized view keeps a copy":
        "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS n",
    "a function runs with its owner's rights": "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql "
        "SECURITY DEFINER AS 'SELECT count(*) FROM contact'",
    "a new tenant table without protection": "CREATE TABLE fresh (tenant_id bigint NOT NULL)",
    "a partition without protection": "CREATE TABLE parts (tenant_id bigint NOT NULL, d int) "
        "PARTITION BY RANGE (d); CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (2)",
    "the application owns a table": "CREATE TABLE own (n int); ALTER TABLE own OWNER TO attune_app",
    "the application may create": "GRANT CREATE ON SCHEMA public TO attune_app",
    "the tenant function answers without a context": "CREATE OR REPLACE FUNCTION attune_tenant() "
        "RETURNS bigint LANGUAGE sql STABLE AS "
        "'SELECT nullif(current_setting(''attune.tenant_id'', true), '''')::bigint'",
    "the tenant function is volatile": "ALTER FUNCTION attune_tenant() VOLATILE",
    "the setting outlives the transaction": "CREATE OR REPLACE FUNCTION attune_enter(t bigint) "
        "RETURNS void LANGUAGE sql AS "
        "'SELECT set_config(''attune.tenant_id'', t::text, false)::void'",
    "the application role bypasses": "ALTER ROLE attune_app BYPASSRLS",
    "the application role may become the owner": "GRANT attune_owner TO attune_app",
}  # fmt: skip


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("seed", CATALOG)
def test_a_defect_in_the_catalog_is_found(seed):
    clean = set(rls.catalog_findings("owner"))
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        if any(word in CATALOG[seed] for word in ("ALTER ROLE", "GRANT attune_owner", "OWNER TO")):
            cursor.execute("SET LOCAL ROLE NONE")  # the login that made the roles
        cursor.execute(CATALOG[seed])
        cursor.execute("SET LOCAL ROLE attune_owner")
        found = set(rls.catalog_findings("owner")) - clean
        transaction.set_rollback(True, using="owner")
    assert found
    assert set(rls.catalog_findings("owner")) == clean


SOURCE = {
    "a setting for the session": "cursor.execute(\"SELECT set_config('attune.tenant_id', %s, false)\")",
    "a plain SET": 'cursor.execute("SET attune.tenant_id = 7")',
    "the base manager": "return Contact._base_manager.get(pk=pk)",
    "a queryset without a manager": "rows = models.QuerySet(Contact)",
    "raw SQL through a model": "Contact.objects.raw('SELECT * FROM contact')",
    "a filter of its own": "Contact.objects.filter(tenant_id=other)",
    "asynchronous ORM": "contact = await Contact.objects.aget(pk=pk)",
    "another role": 'cursor.execute("SET LOCAL ROLE attune_owner")',
    "row security off": 'cursor.execute("SET row_security = off")',
}  # fmt: skip


@pytest.mark.parametrize("seed", SOURCE)
def test_a_defect_in_the_source_is_found(seed):
    assert sources.findings(SOURCE[seed])


def everything(model: type[models.Model]) -> models.QuerySet:
    return models.QuerySet(model)


def any_row(model: type[models.Model]) -> Callable[..., Any]:
    def find(pk: object) -> Any:
        row = everything(model).filter(pk=pk).first()
        if row is None:
            raise contacts.NotFound("There is no such row.")
        return row

    return find


def unscoped_manager(patch: pytest.MonkeyPatch) -> None:
    plain = models.Manager.get_queryset
    patch.setattr(tenancy.TenantManager, "get_queryset", plain)


def unscoped_viewset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(viewsets.TenantViewSet, "get_queryset", lambda self: everything(self.model))


@contextmanager
def any_context(tenant_id: object) -> Iterator[None]:
    yield


def all_members(user_id: int) -> list[registry.Member]:
    return [
        registry.Member(
            t.pk, t.slug, t.name, t.timezone, t.currency, "owner", own_role="",
            verbs=ALL_VERBS, parent_id=None, visiting=False,
        )
        for t in Tenant.objects.all()
    ]  # fmt: skip


PAGES_RED = test_isolation.test_no_page_shows_or_touches_another_workspace
API_RED = test_isolation.test_no_api_route_shows_or_touches_another_workspace
RUNNING: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[..., None]]] = {
    "no manager scopes": (unscoped_manager, PAGES_RED),
    "no manager scopes, asked over the API": (unscoped_manager, API_RED),
    "every API view reads all rows": (unscoped_viewset, API_RED),
    "a page finds any contact":
        (lambda p: p.setattr(contacts, "contact", any_row(Contact)), PAGES_RED),
    "a page finds any message": (lambda p: p.setattr(delivery, "send", any_row(Send)), PAGES_RED),
    "a page finds any segment":
        (lambda p: p.setattr(segments, "segment", any_row(Segment)), PAGES_RED),
    "the list of people is everybody's": (
        lambda p: p.setattr(
            contacts, "contacts", lambda **k: everything(Contact).order_by("-id")
        ), PAGES_RED),
    "jobs read all rows":
        (unscoped_manager, test_isolation.test_no_job_handler_reaches_another_workspace),
    "ids in bodies are looked up everywhere":
        (unscoped_manager, test_isolation.test_ids_in_bodies_are_looked_up_in_the_own_workspace),
    "everybody is a member": (lambda p: p.setattr(registry, "memberships_of", all_members), PAGES_RED),
    "a socket asks nobody": (
        lambda p: p.setattr(channels, "_member", lambda user, slug: all_members(0)[0]),
        test_isolation.test_every_socket_refuses_a_stranger),
    "scopes are not asked": (
        lambda p: p.setattr(permissions.HasScope, "has_permission", lambda *a: True),
        test_isolation.test_a_key_without_the_scope_is_403_everywhere),
    "a revoked key goes on": (
        lambda p: p.setattr(
            registry, "key_of", lambda secret: registry.Key(1, make.uuid.uuid4(), "k", "secret",
                                                            tuple(test_isolation.PERMISSIONS),
                                                            None, None)),
        test_isolation.test_a_revoked_key_is_401_at_once),
    "groups carry no tenant": (
        lambda p: p.setattr(live, "group", lambda tenant_id: "live"),
        test_isolation.test_group_names_start_with_their_tenant),
    "a context takes anything": (
        lambda p: p.setattr(test_catalog, "tenant_context", any_context),
        lambda: test_catalog.test_a_context_needs_a_tenant_id(None)),
    "contexts nest across tenants": (
        lambda p: p.setattr(test_catalog, "tenant_context", any_context),
        lambda: test_catalog.test_a_context_of_another_tenant_cannot_be_entered_inside()),
}  # fmt: skip


RED = (AssertionError, pytest.fail.Exception, IntegrityError, ObjectDoesNotExist)


@pytest.fixture
def bypass(db: None) -> None:
    """The database's layer switched off: this transaction's role may see every row."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE attune_owner")


@pytest.mark.prove
@pytest.mark.parametrize("seed", RUNNING)
def test_a_defect_in_running_code_is_found_with_the_database_off(seed, two, bypass, monkeypatch):
    plant, enumeration = RUNNING[seed]
    plant(monkeypatch)

    def enumerate_it() -> None:
        with transaction.atomic():
            enumeration(*([two] if inspect.signature(enumeration).parameters else []))
            connection.check_constraints()  # the third layer: keys that hold the tenant

    with pytest.raises(RED):
        enumerate_it()


@pytest.mark.prove
@pytest.mark.parametrize("enumeration", {e for _, e in RUNNING.values()})
def test_without_a_seed_every_enumeration_is_green_with_the_database_off(enumeration, two, bypass):
    enumeration(*([two] if inspect.signature(enumeration).parameters else []))


@pytest.mark.prove
@pytest.mark.parametrize("enumeration", [PAGES_RED, API_RED], ids=["pages", "API"])
def test_the_database_alone_holds_when_no_manager_scopes(enumeration, two, monkeypatch):
    unscoped_manager(monkeypatch)
    enumeration(two)


def test_enough_defects_are_seeded():
    assert len(CATALOG) + len(SOURCE) + len(RUNNING) >= 45
