"""An owner takes the workspace away: a copy of all of it, and erasing it after a time to think."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.files import File
from django.db import connection, transaction
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from tenants import clients, notices, portable
from tenants.jobs import COPY_WORKSPACE, CopyWorkspace
from tenants.models import Tenant, WorkspaceCopy

TIME_TO_THINK = timedelta(days=7)
KEPT = timedelta(days=7)
OF_ONE_MOMENT = "SET default_transaction_isolation = 'repeatable read'"
AS_USUAL = "RESET default_transaction_isolation"


def ask_copy(*, by_id: int | None) -> WorkspaceCopy:
    """Ask for a copy of everything; one at a time."""
    if WorkspaceCopy.objects.filter(state=WorkspaceCopy.State.WAITING).exists():
        raise Conflict(say("A copy is being made already."))
    row = WorkspaceCopy.objects.create(asked_by=by_id)
    row.job = COPY_WORKSPACE.enqueue(CopyWorkspace(row.pk), dedupe_key="copy")
    row.save(update_fields=["job"])
    audit.record("workspace.ask_copy", row)
    return row


@contextmanager
def of_one_moment() -> Iterator[None]:
    """Transactions begun inside see one moment of the database, however long they read."""
    with connection.cursor() as cursor:
        cursor.execute(OF_ONE_MOMENT)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(AS_USUAL)


def make_copy(row: WorkspaceCopy) -> None:
    """Write the copy; on disk, never in memory as a whole."""
    tenant = Tenant.objects.get(pk=current_tenant())
    with tempfile.TemporaryFile() as file, connection.cursor() as cursor:
        manifest = portable.write(cursor, tenant, file)
        size = file.tell()
        file.seek(0)
        row.file.save(f"{tenant.slug}-{timezone.now():%Y%m%d-%H%M%S}.zip", File(file), save=False)
    rows = sum(n for n, _ in manifest.tables.values())
    row.state, row.rows, row.size = WorkspaceCopy.State.READY, rows, size
    row.save(update_fields=["file", "state", "rows", "size"])
    told = say("The copy of the workspace is ready")
    notices.tell([row.asked_by], told, "workspace:leave")
    live.push(current_tenant(), "notices")


def copy_of(pk: object) -> WorkspaceCopy:
    row = WorkspaceCopy.objects.filter(pk=pk, state=WorkspaceCopy.State.READY).first()
    if row is None:
        raise NotFound(say("There is no such copy; it is kept for seven days."))
    return row


def forget_copies(now: datetime) -> None:
    for row in WorkspaceCopy.objects.filter(created_at__lt=now - KEPT):
        if row.file:
            row.file.delete(save=False)
        row.delete()


@transaction.atomic
def ask_erasing(*, typed: str) -> datetime:
    """Erase the workspace in seven days; its address, typed, says that it is meant."""
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if typed.strip() != tenant.slug:
        told = say("Type the workspace's address, “%(slug)s”, to say that you mean it.",
                   slug=tenant.slug)  # fmt: skip
        raise Invalid.one("typed", told)
    tenant.erase_at = timezone.now() + TIME_TO_THINK
    tenant.save(update_fields=["erase_at"])
    audit.record("workspace.ask_erasing", tenant, at=tenant.erase_at.isoformat())
    told = say("The workspace will be erased in seven days, unless an owner takes it back")
    notices.tell(notices.those_who_can("workspace.view"), told, "insights:home")
    return tenant.erase_at


def take_back() -> None:
    """Keep the workspace after all."""
    if not Tenant.objects.filter(pk=current_tenant()).exclude(erase_at=None).update(erase_at=None):
        raise Conflict(say("Nobody asked for the workspace to be erased."))
    audit.record("workspace.keep", Tenant.objects.get(pk=current_tenant()))


def erase_if_due(now: datetime) -> bool:
    """Erase the open workspace for good where its time has come. An agency waits until its clients
    have parted from it (clients.part_if_over), which ends keys and caps as by their own hand."""
    if not Tenant.objects.filter(pk=current_tenant(), erase_at__lte=now).exists():
        return False
    if any(client.status == Tenant.Status.ACTIVE for client in clients.clients()):
        return False
    portable.forget_files()
    with connection.cursor() as cursor:
        cursor.execute("SELECT attune_erase_workspace()")
    return True
