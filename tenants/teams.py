"""Teams: members who share work, and what a team's role adds to what each of them may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Count, QuerySet

from attune.kernel import audit
from attune.kernel.errors import Invalid, NotFound
from attune.kernel.phrases import say
from tenants import custom_roles
from tenants.models import Membership, Team, TeamMember
from tenants.roles import ALL_VERBS, Role


def teams() -> QuerySet[Team]:
    """Teams by name, each with how many are in it (`size`)."""
    rows = Team.objects.select_related("custom_role")
    return rows.annotate(size=Count("members")).order_by("name")


def team(pk: uuid.UUID | str) -> Team:
    row = Team.objects.filter(pk=pk).select_related("custom_role").first()
    if row is None:
        raise NotFound(say("There is no such team in this workspace."))
    return row


def people(pk: uuid.UUID) -> set[int]:
    """The ids of who is in a team."""
    return set(TeamMember.objects.filter(team_id=pk).values_list("user_id", flat=True))


def save(
    *, name: str, members: Iterable[int], role: str = "", team: Team | None = None,
    rights: frozenset[str] = ALL_VERBS,
) -> Team:  # fmt: skip
    """A team, who is in it, and the role (or none) that all of them hold besides their own. Raises
    Invalid, and Forbidden for a role beyond the rights of who does it."""
    name, wanted = name.strip()[:60], set(members)
    if not name:
        raise Invalid.one("name", say("Give the team a name."))
    known = Membership.objects.filter(user_id__in=wanted).values_list("user_id", flat=True)
    if wanted - set(known):
        raise Invalid.one("members", say("Somebody of these is no member of this workspace."))
    if Team.objects.filter(name=name).exclude(pk=team.pk if team else None).exists():
        raise Invalid.one("name", say("A team of this name exists."))
    if role == Role.OWNER:
        raise Invalid.one("role", say("A team makes nobody an owner; change the member's role."))
    row, before = team or Team(), people(team.pk) if team else set()
    had = row.verbs
    given = custom_roles.chosen(role) if role else None
    verbs = given.verbs if given else frozenset[str]()
    if had != verbs or before != wanted:
        custom_roles.within(rights, had, verbs)
    row.name = name
    row.role, row.custom_role = (given.role, given.custom_role) if given else ("", None)
    row.save()
    TeamMember.objects.filter(team=row).exclude(user_id__in=wanted).delete()
    TeamMember.objects.bulk_create(TeamMember(team=row, user_id=u) for u in wanted - before)
    audit.record("teams.save", row, members=sorted(wanted), role=row.role_name)
    _settle_keys(before | wanted if had - verbs else before - wanted, had)
    return row


def drop(*, team: Team, rights: frozenset[str]) -> None:
    """Forget a team. What was given to it stays with whom it was assigned to, or with nobody."""
    custom_roles.within(rights, team.verbs)
    before, had = people(team.pk), team.verbs
    audit.record("teams.drop", team, members=sorted(before), role=team.role_name)
    team.delete()
    _settle_keys(before, had)


def leave_all(user_id: int) -> None:
    """Who is no member any more is in no team."""
    TeamMember.objects.filter(user_id=user_id).delete()


def _settle_keys(people: set[int], had: frozenset[str]) -> None:
    """Who could manage keys by the team alone loses the secret keys they made."""
    if "keys.manage" not in had:
        return
    for row in Membership.objects.filter(user_id__in=people).select_related("custom_role"):
        if "keys.manage" not in custom_roles.verbs_of_member(row):
            custom_roles.revoke_secrets_of(row.user_id)
