"""Agencies and their clients: a workspace may stand over others, one level deep.

Whoever may enter clients (`clients.enter`) in the agency's workspace works in each client's as what
they are at home, less what roles.AT_HOME keeps for the client's own people. A client's owners let
an agency in, see every act of it in their own audit log, and part from it when they like.
"""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from attune.kernel import audit, live, secrets
from attune.kernel.errors import Conflict, Forbidden, NotFound
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant, tenant_context
from tenants import caps, keys, notices, people, registry, services
from tenants.models import ApiKey, Membership, Meter, Tenant, User
from tenants.registry import Member
from tenants.roles import ALL_VERBS, AT_HOME, Role

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
class SetUp:
    """A client made by the API, and its agency's two keys, told this once."""

    client: Tenant
    write_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Agency:
    """The workspace that stands over the open one."""

    slug: str
    name: str
    erase_at: datetime | None = None


def clients() -> list[Client]:
    """The open workspace's clients by name, with what each used this month."""
    with connection.cursor() as cursor:
        month = caps.month_of(Tenant.objects.get(pk=current_tenant()))
        cursor.execute("SELECT * FROM attune_client_meters(%s)", [month])
        used = {
            (tenant, kind): {"total": total, "most": most}
            for tenant, kind, total, most in cursor.fetchall()
        }
        cursor.execute(
            "SELECT tenant_id, slug, name, status, created_at, currency, agency_caps::text "
            "FROM attune_clients()"
        )
        rows = cursor.fetchall()
    return [_client(row, used) for row in rows]


def _client(row: tuple, used: Mapping[tuple[int, str], Mapping[str, int]]) -> Client:
    tenant_id, slug, name, status, created_at, currency, told = row
    granted = caps.stored(told)
    lines = [
        caps.Line(
            kind, str(label), caps.used_of(kind, used.get((tenant_id, kind))),
            agency=granted.get(kind),
        )
        for kind, label in Meter.Kind.choices
    ]  # fmt: skip
    return Client(tenant_id, slug, name, status, created_at, currency, lines)


def agency() -> Agency | None:
    """The agency of the open workspace."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, name, erase_at FROM attune_agency()")
        row = cursor.fetchone()
    return Agency(*row) if row else None


def create(*, of: Member, name: str, owner: User) -> Tenant:
    """A new client of an agency, by one of its people. Raises what make() does, and Forbidden."""
    if not of.can("clients.manage") or of.visiting:
        raise Forbidden(say("Your role in %(agency)s makes no clients.", agency=of.name))
    return make(agency_id=of.tenant_id, name=name, owner=owner)


def make(*, agency_id: int, name: str, owner: User) -> Tenant:
    """A new client, set up as its agency is; call outside any tenant's context. Its first owner is
    there for the agency, and goes with it once the client has an owner of its own. Raises Conflict
    for a client's client, Invalid when the address is taken."""
    like = _alike(agency_id)
    tenant_id = registry.next_tenant_id()
    with tenant_context(tenant_id):
        client = _made(tenant_id, agency_id, name, owner, like)
    with tenant_context(agency_id):
        audit.record("clients.create", client)
    return client


def set_up(
    *, agency_id: int, name: str, founder: User, owner_email: str, granted: Mapping[str, int],
    scopes: Sequence[str], key_name: str,
) -> SetUp:  # fmt: skip
    """A new client by the API, whole or not at all: caps, keys for the agency, an invitation to who
    shall own it. The keys end with the agency. Raises as make() does."""
    like = _alike(agency_id)
    tenant_id = registry.next_tenant_id()
    with tenant_context(tenant_id):
        client = _made(tenant_id, agency_id, name, founder, like)
        caps.save_agency(granted)
        if owner_email:
            people.invite(email=owner_email, role=Role.OWNER, by=founder, rights=ALL_VERBS)
        kinds = {ApiKey.Kind.WRITE_ONLY: [], ApiKey.Kind.SECRET: sorted(set(scopes) - AT_HOME)}
        made = {
            kind: keys.create_key(name=key_name, kind=kind, scopes=verbs, by=founder)
            for kind, verbs in kinds.items()
            if verbs or kind == ApiKey.Kind.WRITE_ONLY
        }
        ApiKey.objects.filter(pk__in=[key.pk for key, _ in made.values()]).update(for_agency=True)
    with tenant_context(agency_id):
        audit.record("clients.create", client)
    told = {kind: secret for kind, (_, secret) in made.items()}
    return SetUp(client, told[ApiKey.Kind.WRITE_ONLY], told.get(ApiKey.Kind.SECRET, ""))


def _alike(agency_id: int) -> dict[str, Any]:
    """The settings that a client begins with."""
    with tenant_context(agency_id):
        own = Tenant.objects.get(pk=agency_id)
        if own.parent_id is not None:
            raise Conflict(ONE_LEVEL)
        return {field: getattr(own, field) for field in INHERITED}


def _made(
    tenant_id: int, agency_id: int, name: str, owner: User, like: Mapping[str, Any]
) -> Tenant:
    client = services.create_workspace(
        name=name, owner=owner, tenant_id=tenant_id, parent_id=agency_id, **like
    )
    Membership.objects.filter(user=owner).update(for_agency=True)
    return client


def invitation() -> str:
    """A token by which an owner makes their workspace a client of the open one: once, within three
    days, until another one is made."""
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if tenant.parent_id is not None:
        raise Conflict(ONE_LEVEL)
    once = random.token_urlsafe(24)
    tenant.client_link = registry.digest(once)
    tenant.save(update_fields=["client_link"])
    audit.record("clients.invite", tenant)
    return secrets.sign("client", {"t": tenant.pk, "n": tenant.name, "o": once})


def join(*, token: str) -> str:
    """Make the open workspace a client of the agency that gave the token; the agency's name. Raises
    NotFound for a token that is none, was used or is over."""
    place = secrets.unsign("client", token.strip(), max_age=LINK_SECONDS)
    _one_at_a_time()
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if tenant.parent_id is not None:
        raise Conflict(say("This workspace has an agency already; part from it first."))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            digest = registry.digest(place["o"])
            cursor.execute("SELECT attune_take_link(%s, %s)", [place["t"], digest])
            if not cursor.fetchone()[0]:
                raise NotFound(say("This text was used, or the agency made another one since; ask "
                                   "it for a new one."))  # fmt: skip
            Tenant.objects.filter(pk=tenant.pk).update(parent_id=place["t"])
    except IntegrityError as wrong:  # by the trigger and the keys of the table
        raise Conflict(
            say("This cannot be: %(why)s Nor is a workspace its own agency.", why=ONE_LEVEL)
        ) from wrong
    audit.record("workspace.join_agency", tenant, agency=place["n"])
    told = say("%(agency)s works in this workspace from now on", agency=place["n"])
    notices.tell(notices.those_who_can("workspace.manage"), told, "workspace:agency")
    return str(place["n"])


def _one_at_a_time() -> None:
    """Who joins locks two workspaces: two that join each other must not wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('attune.clients'))")


def part_if_over(now: datetime) -> None:
    """Part from an agency whose erasing is due; the agency waits for its clients."""
    found = agency()
    if found is not None and found.erase_at is not None and found.erase_at <= now:
        part()


def adopt(*, by: User) -> None:
    """Somebody of the agency becomes an owner of the open workspace, for the agency, where nobody
    else is one: after its founder left. Raises Conflict."""
    if Membership.objects.filter(role=Role.OWNER, for_agency=False).exists():
        raise Conflict(say("This client has an owner of its own; ask them to invite you."))
    row, _made_new = Membership.objects.update_or_create(
        user=by, defaults={"role": Role.OWNER, "custom_role": None, "for_agency": True}
    )
    audit.record("members.adopt", row)


def part(*, by_agency: bool = False) -> None:
    """End it, at once: nobody of the agency opens the open workspace any more, the keys made for it
    end, its caps go. Its founder stays while the workspace has no other owner: somebody has to. The
    agency's owners and admins are told, but for what they did themselves."""
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    if tenant.parent_id is None:
        raise Conflict(say("This workspace has no agency; reload the page."))
    found = agency()
    caps.save_agency({})
    for key in ApiKey.objects.filter(for_agency=True, revoked_at=None):
        keys.revoke_key(key=key)
    _without_its_people()
    if not by_agency:
        _tell_the_agency(say("%(client)s works without you from now on", client=tenant.name))
    Tenant.objects.filter(pk=tenant.pk).update(parent_id=None)
    audit.record("workspace.part_from_agency", tenant, agency=found.name if found else "")
    live.recheck(tenant.pk)
    told = say("The agency's people work in this workspace no more")
    notices.tell(notices.those_who_can("workspace.manage"), told, "workspace:agency")


def _tell_the_agency(told: Phrase) -> None:
    """A notice for its owners and admins, whose workspace is not the open one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT attune_tell_agency(%s::jsonb)", [json.dumps(told.stored())])
        row = cursor.fetchone()
    if row and row[0]:
        live.push(row[0], "notices")


def _without_its_people() -> None:
    there = Membership.objects.filter(for_agency=True)
    if Membership.objects.filter(role=Role.OWNER, for_agency=False).exists():
        for membership in there:
            people.remove_member(membership=membership, rights=ALL_VERBS)
    else:
        there.update(for_agency=False)  # theirs from now on


def of_agency(agency_of: Member, client_id: int) -> None:
    """Check, inside a client's context, that it is a client of this member's workspace, which they
    may manage. Raises NotFound and Forbidden."""
    tenant = Tenant.objects.filter(pk=client_id, parent_id=agency_of.tenant_id).first()
    if tenant is None or agency_of.visiting:
        raise NotFound(say("There is no such client of this workspace."))
    if not agency_of.can("clients.manage"):
        raise Forbidden(say("Your role in %(agency)s manages no clients.", agency=agency_of.name))
