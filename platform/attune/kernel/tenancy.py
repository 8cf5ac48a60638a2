"""Tenant scope: the one way to tenant data.

Three layers (docs/tenancy.md): the manager raises without a context, row-level security in
PostgreSQL raises or hides, composite foreign keys reject another tenant's id. This module is the
first and opens the second; `rls.py` writes the second and third.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, models, transaction

from attune.kernel.errors import TenantError

M = TypeVar("M", bound=models.Model)
_tenant: ContextVar[int | None] = ContextVar("attune_tenant", default=None)


def current_tenant() -> int:
    """The tenant id of the open context. Raises TenantError when there is none."""
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise TenantError("No tenant context is open; wrap the work in tenant_context(tenant_id).")
    return tenant_id


def open_tenant() -> int | None:
    """The tenant id of the open context; None where there is none."""
    return _tenant.get()


@contextmanager
def tenant_context(tenant_id: int) -> Iterator[None]:
    """Open one unit of work of one tenant: a transaction whose rows are that tenant's alone.

    Re-entering the same tenant joins the open unit. Another tenant, None, or an atomic block that
    was opened before is refused, since a savepoint's RELEASE would carry the setting outward.
    """
    if not isinstance(tenant_id, int) or isinstance(tenant_id, bool):
        raise TenantError(f"A tenant id is an int, got {tenant_id!r}.")
    open_tenant = _tenant.get()
    if open_tenant is not None:
        if open_tenant != tenant_id:
            raise TenantError("Another tenant's context is open; finish it first.")
        if settings.TENANT_CONTEXT_MAY_NEST:  # a test's outer unit: keep a rollback inside ours
            with transaction.atomic():
                yield
        else:
            yield
        return
    if connection.in_atomic_block and not settings.TENANT_CONTEXT_MAY_NEST:
        raise TenantError("Open the tenant context before transaction.atomic().")
    token = _tenant.set(tenant_id)
    try:
        with transaction.atomic():
            _enter(tenant_id)
            yield
    finally:
        _tenant.reset(token)


def _enter(tenant_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT attune_enter(%s)", [tenant_id])


class TenantManager(models.Manager[M]):
    """A manager that knows only the open tenant's rows and raises when none is open."""

    use_in_migrations = False

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(tenant_id=current_tenant())


class TenantForeignKey(models.ForeignKey):
    """A foreign key inside one tenant.

    The database constraint is composite, (tenant_id, x_id) -> (tenant_id, id), and is written by
    `rls.ProtectTenantTables`; a single-column key would accept another tenant's id.
    """

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        options["db_constraint"] = False
        super().__init__(to, on_delete, **options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        options.pop("db_constraint", None)
        return name, path, args, options
