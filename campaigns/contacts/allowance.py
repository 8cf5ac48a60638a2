"""The month's cap on events and contacts, where one is set (tenants/caps.py)."""

from __future__ import annotations

from django.db.models import Sum

from campaigns.contacts.models import Contact, EventCount
from tenants import caps
from tenants.models import Meter, Tenant


def demand_events(cap: int | None, n: int) -> None:
    """Raise CapReached when n more events do not fit into the month; the caller keeps them and can
    send them again. Requests that come at the same moment do not wait for each other, so what is
    taken in may pass the cap by what was on its way."""
    if cap is None:
        return
    month = EventCount.objects.filter(day__gte=caps.this_month())
    if month.aggregate(n=Sum("n", default=0))["n"] + n > cap:
        raise caps.CapReached(caps.told(Meter.Kind.EVENTS, cap))


def demand_contacts(tenant: Tenant, n: int) -> None:
    """Raise CapReached when n more contacts are too many."""
    cap = caps.cap_of(tenant, Meter.Kind.CONTACTS)
    if cap is not None and Contact.objects.count() + n > cap:
        raise caps.CapReached(caps.told(Meter.Kind.CONTACTS, cap))
