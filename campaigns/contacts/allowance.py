"""The month's caps on events and contacts, where they are set (tenants/caps.py)."""

from __future__ import annotations

from campaigns.contacts.models import Contact, Event
from tenants import caps
from tenants.models import Meter, Tenant

EVENTS = Meter.Kind.EVENTS
FROM_OUTSIDE = "api"  # our own (a message was sent, a chat began) are in no cap


def take_events(tenant: Tenant, cap: int, fresh: int) -> None:
    """Count new events that came by the API, in their transaction. Raises CapReached when they do
    not fit into the month: none of them is kept then, and the sender can send them again."""
    if not fresh:
        return
    month = caps.month_of(tenant)
    caps.begun(EVENTS, month, lambda: _taken(tenant) - fresh)
    if not caps.take(EVENTS, month, cap, fresh):
        raise caps.CapReached(caps.told(EVENTS, cap))


def _taken(tenant: Tenant) -> int:
    since = caps.begin_of(caps.month_of(tenant), tenant)
    return Event.objects.filter(source=FROM_OUTSIDE, received_at__gte=since).count()


def demand_room(tenant: Tenant) -> None:
    """Raise CapReached when there are more contacts than the cap allows: an import stops there, and
    goes on from there once there is room."""
    cap = caps.cap_of(tenant, Meter.Kind.CONTACTS)
    if cap is not None and Contact.objects.filter(status=Contact.Status.ENABLED).count() > cap:
        raise caps.CapReached(caps.told(Meter.Kind.CONTACTS, cap))
