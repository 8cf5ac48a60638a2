"""The light queue: everything that needs no model."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from celery import shared_task
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from attune.kernel import housekeeping, jobs
from attune.kernel.tenancy import current_tenant, tenant_context
from campaigns.automations import entering
from campaigns.automations import services as journeys
from campaigns.contacts import services as contacts
from campaigns.delivery import allowance
from campaigns.experiments import retention
from campaigns.experiments import selectors as experiment_selectors
from campaigns.experiments.jobs import ANALYSE, AnalyseExperiment
from campaigns.hooks import services as outgoing
from campaigns.segments import selectors as segment_selectors
from campaigns.segments.jobs import REFRESH_SEGMENT, RefreshSegment
from campaigns.segments.rules import depends_on_time
from insights import metering
from insights.risk import services as risks
from tenants import registry
from tenants.models import Tenant
from workers import runner
from workers.tasks import (
    audience,
    automations,
    budget,
    chat,
    delivery,
    experiments,
    hooks,
    ingest,
    insights,
    leaving,
    privacy,
    refreshing,
    senders,
    strategy,
    subscriptions,
)

logger = logging.getLogger(__name__)
__all__ = [
    "audience",
    "automations",
    "budget",
    "chat",
    "delivery",
    "experiments",
    "hooks",
    "ingest",
    "insights",
    "leaving",
    "privacy",
    "refreshing",
    "senders",
    "strategy",
    "subscriptions",
]


@shared_task(name="attune.run_job", ignore_result=True)
def run_job(tenant_id: int, job_id: str) -> str:
    """Run one job of the job table. A message that comes twice finds the row taken."""
    try:
        return runner.run_job(tenant_id, uuid.UUID(job_id))
    finally:
        close_old_connections()


@shared_task(name="attune.sweep", ignore_result=True)
def sweep() -> int:
    """Publish again what is due and was not taken: the broker may forget, the table does not."""
    try:
        due = registry.due_jobs()
    finally:
        close_old_connections()
    for job in due:
        jobs.wake(job.tenant_id, job.id, job.queue)
    housekeeping.note_sweep()
    return len(due)


def for_each_tenant(work: Callable[[], None]) -> None:
    """One unit of work a workspace; the trouble of one does not stop the others."""
    for tenant_id in registry.active_tenants():
        try:
            with tenant_context(tenant_id):
                work()
        except DatabaseError as trouble:
            logger.warning("%s failed for workspace %s: %s", work.__name__, tenant_id, trouble)
    close_old_connections()


@shared_task(name="attune.look", ignore_result=True)
def look() -> None:
    """Ask for a fresh look at every running experiment, and for the fold of what still waits."""
    for_each_tenant(_look)


def _look() -> None:
    contacts.fold_what_waits()
    for experiment in experiment_selectors.running():
        ANALYSE.enqueue(AnalyseExperiment(experiment.pk), dedupe_key=str(experiment.pk))


@shared_task(name="attune.steer", ignore_result=True)
def steer() -> None:
    """A fresh look at every policy that decides; those that refresh themselves learn once a day,
    and so do predictions, forecasts and risks."""
    for_each_tenant(strategy.steer)
    for_each_tenant(refreshing.predictions_due)
    for_each_tenant(budget.close_due)
    for_each_tenant(refreshing.forecasts_due)
    for_each_tenant(refreshing.risks_due)
    for_each_tenant(privacy.due)


@shared_task(name="attune.visit", ignore_result=True)
def visit() -> None:
    """Campaigns by a policy: decide for whoever is due, send what is due. Journeys: lead on."""
    for_each_tenant(delivery.keep_up)
    for_each_tenant(journeys.ask)
    for_each_tenant(outgoing.ask)


@shared_task(name="attune.age_segments", ignore_result=True)
def age_segments() -> None:
    """Refresh stages and segments that change as time passes."""
    for_each_tenant(_age)


def _age() -> None:
    contacts.age()
    for segment in segment_selectors.segments():
        if depends_on_time(segment.rule):
            REFRESH_SEGMENT.enqueue(RefreshSegment(segment.pk), dedupe_key=str(segment.pk))


@shared_task(name="attune.tidy", ignore_result=True)
def tidy() -> None:
    """Delete what nobody reads any more: old answers, finished jobs, looks between looks; and the
    workspaces whose owners asked for it. And count what each used."""
    for_each_tenant(_tidy)
    for_each_tenant(_meter)
    for_each_tenant(leaving.tidy)


def _meter() -> None:
    """Count what was used; let go on what a cap held that was raised since."""
    metering.count()
    allowance.release(Tenant.objects.get(pk=current_tenant()))


def _tidy() -> None:
    housekeeping.tidy()
    retention.thin_snapshots(timezone.now())
    risks.forget_expired(timezone.now())
    outgoing.tidy(timezone.now())
    entering.forget_turned_away(timezone.now())


@shared_task(name="attune.gather", ignore_result=True)
def gather() -> None:
    """Take in the conversations that closed, and close what gave up."""
    for_each_tenant(insights.keep_up)
