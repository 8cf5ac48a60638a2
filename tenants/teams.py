"""Teams: members who share work, and what a team's role adds to what each of them may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from attune.kernel import audit
from attune.kernel.errors import Invalid, NotFound
from attune.kernel.locking import locked
from attune.kernel.phrases import say
from tenants import custom_roles
from tenants.models import Membership, Team, TeamMember
from tenants.roles import Role


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
    rights: frozenset[str],
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
    row = locked(team) if team else Team()
    before = people(team.pk) if team else set()
    had = row.verbs
    given = custom_roles.chosen(role) if role else None
    verbs = given.verbs if given else frozenset[str]()
    if had != verbs or before != wanted:
        custom_roles.within(rights, had, verbs)
    row.name = name
    row.role, row.custom_role = (given.role, given.custom_role) if given else ("", None)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as twin:
        raise Invalid.one("name", say("A team of this name exists.")) from twin
    TeamMember.objects.filter(team=row).exclude(user_id__in=wanted).delete()
    fresh = [TeamMember(team=row, user_id=u) for u in wanted - before]
    TeamMember.objects.bulk_create(fresh, ignore_conflicts=True)
    audit.record("teams.save", row, members=sorted(wanted), role=row.role_name)
    custom_roles.settle(before | wanted if had - verbs else before - wanted)
    return row


def drop(*, team: Team, rights: frozenset[str]) -> None:
    """Forget a team. What was given to it stays with whom it was assigned to, or with nobody."""
    custom_roles.within(rights, team.verbs)
    before = people(team.pk)
    audit.record("teams.drop", team, members=sorted(before), role=team.role_name)
    team.delete()
    custom_roles.settle(before)


def of_member(user_id: int) -> list[uuid.UUID]:
    """The ids of a member's teams."""
    return list(TeamMember.objects.filter(user_id=user_id).values_list("team_id", flat=True))


def leave_all(user_id: int) -> None:
    """Who is no member any more is in no team."""
    TeamMember.objects.filter(user_id=user_id).delete()


def join_again(user_id: int, team_ids: Iterable[str], rights: frozenset[str]) -> None:
    """Put a member back into those of these teams that are still there."""
    for team in Team.objects.filter(pk__in=list(team_ids)).select_related("custom_role"):
        custom_roles.within(rights, team.verbs)
        TeamMember.objects.get_or_create(team=team, user_id=user_id)
