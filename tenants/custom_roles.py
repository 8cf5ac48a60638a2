"""Roles that a workspace puts together itself, and who may give which role to whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from attune.kernel.locking import locked
from attune.kernel.phrases import Phrase, say, word
from attune.kernel.storable import as_uuid
from tenants import keys
from tenants.models import ApiKey, CustomRole, Invitation, Membership, Team, TeamMember
from tenants.roles import ALL_VERBS, CUSTOM, OWNERS_ALONE, Role, verbs_of, who_can

MOST = 50


@dataclass(frozen=True, slots=True)
class Chosen:
    """A role as it is written into a row, and what it lets somebody do."""

    role: str
    custom_role: CustomRole | None
    verbs: frozenset[str]

    @property
    def name(self) -> str:
        return str(self.custom_role or word(self.role))


def roles() -> QuerySet[CustomRole]:
    return CustomRole.objects.order_by("name")


def role(pk: uuid.UUID | str) -> CustomRole:
    row = CustomRole.objects.filter(pk=as_uuid(str(pk))).first()
    if row is None:
        raise NotFound(say("There is no such role in this workspace."))
    return row


def chosen(choice: str) -> Chosen:
    """The role that a form or a caller names: one of the house's by its name, one of the
    workspace's own by its id. Raises Invalid for anything else."""
    if choice in list(Role):
        return Chosen(choice, None, verbs_of(choice))
    row = CustomRole.objects.filter(pk=pk).first() if (pk := as_uuid(choice)) else None
    if row is None:
        raise Invalid.one(
            "role",
            say("“%(role)s” is not a role.", role=choice),
            say("Choose one of %(names)s.", names=[*map(word, Role), *map(str, roles())]),
        )
    return Chosen(CUSTOM, row, verbs_of(granted=row.verbs))


def within(rights: frozenset[str], *given: frozenset[str]) -> None:
    """Nobody gives, takes or changes what they may not do themselves: with less than that, whoever
    manages members would be everything soon."""
    beyond = frozenset[str]().union(*given) - rights
    if beyond & OWNERS_ALONE:
        raise Forbidden(say("Only an owner makes, changes or removes an owner."))
    if beyond:
        raise Forbidden(_too_much(beyond))


def _too_much(verbs: frozenset[str]) -> Phrase:
    return say(
        "Only somebody who may do all of it themselves gives or takes this role; you may not: "
        "%(names)s.",
        names=", ".join(sorted(verbs)),
    )


def save(
    *, name: str, about: str, verbs: Sequence[str], rights: frozenset[str],
    row: CustomRole | None = None,
) -> CustomRole:  # fmt: skip
    """Make a role, or change it for all who hold it. Raises Invalid and Forbidden."""
    name, wanted = name.strip()[:60], frozenset(verbs)
    if not name:
        raise Invalid.one("name", say("Give the role a name."))
    if name.lower() in list(Role) or name.lower() == CUSTOM:
        raise Invalid.one("name", say("The house has a role of this name; choose another."))
    if CustomRole.objects.filter(name=name).exclude(pk=row.pk if row else None).exists():
        raise Invalid.one("name", say("A role of this name exists."))
    if unknown := wanted - ALL_VERBS:
        raise Invalid.one(
            "verbs", say("Unknown rights: %(names)s.", names=", ".join(sorted(unknown)))
        )
    if wanted & OWNERS_ALONE:
        told = say("These rights stay with owners: %(names)s.",
                   names=", ".join(sorted(wanted & OWNERS_ALONE)))  # fmt: skip
        raise Invalid.one("verbs", told)
    if "workspace.view" not in wanted:
        raise Invalid.one("verbs", say("Without workspace.view nobody opens any page; tick it."))
    if row is None and CustomRole.objects.count() >= MOST:
        raise Conflict(say("A workspace has at most %(most)s roles of its own.", most=MOST))
    row = locked(row) if row else None
    before = frozenset(row.verbs) if row else frozenset[str]()
    within(rights, wanted, before)
    row = row or CustomRole()
    row.name, row.about, row.verbs = name, about.strip()[:200], sorted(wanted)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("A role of this name exists.")) from twin
    audit.record("roles.save", row, before={"verbs": sorted(before)}, verbs=row.verbs)
    if before - wanted:
        settle(_people(row))
    return row


def drop(*, row: CustomRole, rights: frozenset[str]) -> None:
    """Forget a role that nobody holds, no team has and no open invitation brings."""
    row = locked(row)
    within(rights, frozenset(row.verbs))
    if _people(row) or Team.objects.filter(custom_role=row).exists():
        raise Conflict(say("Somebody still holds this role; give them another one first."))
    invited = Invitation.objects.filter(custom_role=row)
    waits = open_invitations().filter(custom_role=row, expires_at__gt=timezone.now()).first()
    if waits is not None:
        raise Conflict(say("%(email)s is invited with this role; it can go once they came or the "
                           "invitation is over.", email=waits.email))  # fmt: skip
    invited.delete()  # those are over; who invited whom stands in the audit log
    audit.record("roles.drop", row, verbs=row.verbs)
    row.delete()


def _people(row: CustomRole) -> set[int]:
    """Members who hold a role, by themselves or by a team."""
    own = Membership.objects.filter(custom_role=row).values_list("user_id", flat=True)
    teams = Team.objects.filter(custom_role=row).values_list("members__user_id", flat=True)
    return {user_id for user_id in (*own, *teams) if user_id is not None}


def counted() -> QuerySet[CustomRole]:
    """The workspace's own roles, with how many members hold each by themselves (`people`), and how
    many teams have it (`teams`)."""
    people, teams = Count("membership", distinct=True), Count("team", distinct=True)
    return roles().annotate(people=people, teams=teams)


def holders(verb: str) -> QuerySet[Membership]:
    """Memberships that hold a verb, by a role of the house, by one of the workspace's own, or by a
    team."""
    houses = who_can(verb)
    own = Q(role__in=houses) | Q(custom_role__verbs__contains=[verb])
    by_team = Q(team__role__in=houses) | Q(team__custom_role__verbs__contains=[verb])
    shared = TeamMember.objects.filter(by_team).values("user_id")
    return Membership.objects.filter(own | Q(user_id__in=shared))


def verbs_of_member(membership: Membership) -> frozenset[str]:
    """All that a member may do here, teams counted in."""
    teams = Team.objects.filter(members__user_id=membership.user_id).select_related("custom_role")
    return membership.verbs.union(*(team.verbs for team in teams))


def revoke_secrets_of(user_id: int) -> None:
    """Who leaves knows the secret keys they made: those end."""
    for key in _secrets_of(user_id):
        keys.revoke_key(key=key)


def settle(people: Iterable[int]) -> None:
    """After these members may do less: keys that can more than who made them end, and so do open
    invitations that bring more."""
    members = Membership.objects.filter(user_id__in=set(people)).select_related("custom_role")
    for member in members:
        verbs = verbs_of_member(member)
        for key in _secrets_of(member.user_id):
            if "keys.manage" not in verbs or set(key.scopes) - verbs:
                keys.revoke_key(key=key)
        for invitation in open_invitations().filter(invited_by=member.user_id):
            if "members.manage" not in verbs or invitation.verbs - verbs:
                withdraw(invitation)


def _secrets_of(user_id: int) -> QuerySet[ApiKey]:
    kind = ApiKey.Kind.SECRET
    return ApiKey.objects.filter(created_by_id=user_id, kind=kind, revoked_at=None)


def open_invitations() -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    return rows.select_related("custom_role").order_by("email")


def withdraw(invitation: Invitation) -> None:
    """Take an invitation back: its link works no more."""
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    audit.record("members.withdraw", invitation, role=invitation.role_name)
