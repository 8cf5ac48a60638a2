"""Ask the DNS about a sender's domain, outside any transaction."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from attune.kernel import live
from tenants import domains
from tenants.jobs import CHECK_SENDER, CheckSender
from tenants.models import Tenant
from workers.runner import Run, handles


@handles(CHECK_SENDER)
def check_sender(payload: CheckSender, run: Run) -> None:
    """A DNS that is away makes the job try again; what was known stays."""
    asks = domains.resolver(settings.DNS_SERVERS)
    found = domains.look(payload.domain, payload.selector, settings.MAIL_SPF_INCLUDE, asks)
    with run.unit():
        Tenant.objects.filter(pk=run.row.tenant_id).update(
            sender_findings=[one.stored() for one in found], sender_checked_at=timezone.now()
        )
        live.push(run.row.tenant_id, "notices")
