"""The database's own rules, read from its catalog."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from attune.kernel.errors import TenantError
from attune.kernel.models import TenantModel
from attune.kernel.rls import catalog_findings
from attune.kernel.tenancy import tenant_context
from tests import make

TENANT_MODELS = [m for m in apps.get_models() if issubclass(m, TenantModel)]


@pytest.mark.django_db
def test_the_suite_runs_as_the_application_role():
    assert make.current_role() == "attune_app"


@pytest.mark.django_db
def test_catalog_lint_finds_nothing():
    assert catalog_findings() == []


def test_there_are_tenant_models():
    assert len(TENANT_MODELS) >= 35


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m.__name__)
def test_manager_raises_without_a_context(model):
    with pytest.raises(TenantError):
        model.objects.count()
    with pytest.raises(TenantError):
        model._base_manager.count()


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m.__name__)
def test_the_database_raises_without_a_context(model):
    """By the index, whose key is worked out before the first row: a scan of an empty table would
    not ask the policy anything, and answer 0."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        with pytest.raises(ProgrammingError, match="tenant context not set"):
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')  # noqa: S608
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_a_context_of_another_tenant_cannot_be_entered_inside():
    with tenant_context(1), pytest.raises(TenantError), tenant_context(2):
        pass


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [None, "1", True, 1.0])
def test_a_context_needs_a_tenant_id(wrong):
    with pytest.raises(TenantError), tenant_context(wrong):
        pass
