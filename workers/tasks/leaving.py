"""A copy of a workspace, and its end."""

from __future__ import annotations

from django.utils import timezone

from tenants import clients, leaving
from tenants.jobs import COPY_WORKSPACE, CopyWorkspace
from tenants.models import WorkspaceCopy
from workers.runner import Run, handles


@handles(COPY_WORKSPACE)
def copy_workspace(payload: CopyWorkspace, run: Run) -> None:
    with leaving.of_one_moment(), run.unit():
        row = WorkspaceCopy.objects.filter(pk=payload.copy_id).first()
        if row is not None and row.state == WorkspaceCopy.State.WAITING:
            leaving.make_copy(row)


def tidy() -> None:
    now = timezone.now()
    clients.part_if_over(now)
    if not leaving.erase_if_due(now):
        leaving.forget_copies(now)
