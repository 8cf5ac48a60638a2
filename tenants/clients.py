"""Agencies and their clients: a workspace may stand over others, one level deep.

Whoever may enter clients (`clients.enter`) in the agency's workspace works in each client's as what
they are at home, less what roles.AT_HOME keeps for the client's own people. A client's owners let
an agency in, see every act of it in their own audit log, and part from it when they like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from attune.kernel import audit, secrets
from attune.kernel.errors import Conflict, Forbidden, NotFound
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant, tenant_context
from tenants import caps, notices, services
from tenants.models import Meter, Tenant, User
from tenants.registry import Member

LINK_SECONDS = 72 * 3600
INHERITED = (
    "timezone", "currency", "postal_address", "frequency_cap", "frequency_days", "patience_hours",
    "quiet_from", "quiet_to", "soft_bounces", "approve_experiments", "track_opens",
    "spare_complaints",
)  # fmt: skip
ONE_LEVEL: Phrase = say("A client of an agency has no clients of its own.")


@dataclass(frozen=True, slots=True)
class Client:
    """A client's workspace as its agency sees it; `used` is this month's, by kind."""

    tenant_id: int
    slug: str
    name: str
    status: str
    created_at: datetime
    currency: str
    lines: list[caps.Line]

    @property
    def nearest(self) -> float:
        """Of the cap that is nearest, what is used."""
        return max((line.share or 0.0 for line in self.lines), default=0.0)


@dataclass(frozen=True, slots=True)
class Agency:
    """The workspace that stands over the open one."""

    slug: str
    name: str


def clients() -> list[Client]:
    """The open workspace's clients by name, with what each used this month."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM attune_client_meters(%s)", [caps.this_month()])
        used = {
            (tenant, kind): {"total": total, "most": most}
            for tenant, kind, total, most in cursor.fetchall()
        }
        cursor.execute(
            "SELECT tenant_id, slug, name, status, created_at, currency, granted_caps::text "
            "FROM attune_clients()"
        )
        rows = cursor.fetchall()
    return [_client(row, used) for row in rows]


def _client(row: tuple, used: Mapping[tuple[int, str], Mapping[str, int]]) -> Client:
    tenant_id, slug, name, status, created_at, currency, granted = row
    granted_caps = caps.stored(granted)
    lines = [
        caps.Line(
            kind, str(label), caps.used_of(kind, used.get((tenant_id, kind))), None,
            granted_caps.get(kind),
        )
        for kind, label in Meter.Kind.choices
    ]  # fmt: skip
    return Client(tenant_id, slug, name, status, created_at, currency, lines)


def agency() -> Agency | None:
    """The agency of the open workspace."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, name FROM attune_agency()")
        row = cursor.fetchone()
    return Agency(*row) if row else None


def create(*, of: Member, name: str, owner: User) -> Tenant:
    """A new client of an agency, by one of its people. Raises what make() does, and Forbidden."""
    if not of.can("clients.manage") or of.visiting:
        raise Forbidden(say("Your role in %(agency)s makes no clients.", agency=of.name))
    return make(agency_id=of.tenant_id, name=name, owner=owner)


def make(*, agency_id: int, name: str, owner: User) -> Tenant:
    """A new client, set up as its agency is; call outside any tenant's context. Raises Conflict for
    a client's client, Invalid when the address is taken."""
    with tenant_context(agency_id):
        own = Tenant.objects.get(pk=agency_id)
        if own.parent_id is not None:
            raise Conflict(ONE_LEVEL)
        like = {field: getattr(own, field) for field in INHERITED}
    client = services.create_workspace(name=name, owner=owner, parent_id=agency_id, **like)
    with tenant_context(agency_id):
        audit.record("clients.create", client)
    return client


def invitation() -> str:
    """A token by which an owner makes their workspace a client of the open one; for three days."""
    tenant = Tenant.objects.get(pk=current_tenant())
    if tenant.parent_id is not None:
        raise Conflict(ONE_LEVEL)
    audit.record("clients.invite", tenant)
    return secrets.sign("client", {"t": tenant.pk, "n": tenant.name})


def invited(token: str) -> tuple[int, str]:
    """The agency behind a token: its tenant id and name. Raises NotFound."""
    place = secrets.unsign("client", token.strip(), max_age=LINK_SECONDS)
    return int(place["t"]), str(place["n"])


def join(*, token: str) -> str:
    """Make the open workspace a client of the agency that gave the token; the agency's name."""
    agency_id, name = invited(token)
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if tenant.parent_id is not None:
        raise Conflict(say("This workspace has an agency already; part from it first."))
    try:
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(parent_id=agency_id)
    except IntegrityError as wrong:  # by the trigger and the keys of the table
        raise Conflict(
            say("This cannot be: %(why)s Nor is a workspace its own agency.", why=ONE_LEVEL)
        ) from wrong
    audit.record("workspace.join_agency", tenant, agency=name)
    told = say("%(agency)s works in this workspace from now on", agency=name)
    notices.tell(notices.those_who_can("workspace.manage"), told, "workspace:agency")
    return name


def part() -> None:
    """End it, at once: nobody of the agency opens the open workspace any more, its caps go."""
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if tenant.parent_id is None:
        raise Conflict(say("This workspace has no agency."))
    found = agency()
    caps.grant({})
    Tenant.objects.filter(pk=tenant.pk).update(parent_id=None)
    audit.record("workspace.part_from_agency", tenant, agency=found.name if found else "")
    told = say("The agency's people work in this workspace no more")
    notices.tell(notices.those_who_can("workspace.manage"), told, "workspace:agency")


def of_agency(agency_of: Member, client_id: int) -> None:
    """Check, inside a client's context, that it is a client of this member's workspace, which they
    may manage. Raises NotFound and Forbidden."""
    tenant = Tenant.objects.filter(pk=client_id, parent_id=agency_of.tenant_id).first()
    if tenant is None or agency_of.visiting:
        raise NotFound(say("There is no such client of this workspace."))
    if not agency_of.can("clients.manage"):
        raise Forbidden(say("Your role in %(agency)s manages no clients.", agency=agency_of.name))
