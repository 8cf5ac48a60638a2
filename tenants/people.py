"""Who is in a workspace, as what: invited, let in, changed, removed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant, tenant_context
from tenants import custom_roles, registry, teams, undo
from tenants.models import Invitation, Membership, User
from tenants.roles import Role

INVITATION_HOURS = 72


def invite(
    *, email: str, role: str, by: User | None, rights: frozenset[str]
) -> str:  # fmt: skip
    """Invite an address; answers the token, and mails the link after commit. Nobody gives a role
    that lets one do more than their own `rights`."""
    given = custom_roles.chosen(role)
    custom_roles.within(rights, given.verbs)
    email = email.strip().lower()
    if Membership.objects.filter(user__email=email).exists():
        raise Conflict(say("%(email)s is already a member of this workspace.", email=email))
    for older in (
        custom_roles.open_invitations().filter(email=email).select_for_update(of=("self",))
    ):
        custom_roles.within(rights, older.verbs)  # the new one takes its place
        custom_roles.withdraw(older)
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        email=email, role=given.role, custom_role=given.custom_role, invited_by=by,
        token_hash=registry.digest(token),
        expires_at=timezone.now() + timedelta(hours=INVITATION_HOURS),
    )  # fmt: skip
    try:
        with transaction.atomic():
            invitation.save()
    except IntegrityError as twin:
        raise Conflict(say("%(email)s is being invited in this moment; look at the list.",
                           email=email)) from twin  # fmt: skip
    audit.record("members.invite", invitation, role=given.name)
    link = settings.PUBLIC_URL + reverse("tenants:accept", args=[token])
    told = say("You are invited to a workspace on Attune as %(role)s.", role=given.name)
    body = f"{told}\n\n{link}\n\n{say('Valid for 72 hours.')}"
    title = str(say("Your invitation to Attune"))
    transaction.on_commit(lambda: send_mail(title, body, None, [email], fail_silently=True))
    return token


def accept_invitation(*, token: str, user: User) -> Membership:
    """Turn an invitation into a membership. The address must be the signed-in person's."""
    place = registry.invitation_of(token)
    if place is None or place.email != user.email.lower():
        raise NotFound(say("This invitation is not valid for you, was used, or has expired."))
    with tenant_context(place.tenant_id):
        won = Invitation.objects.filter(pk=place.id, accepted_at=None).update(
            accepted_at=timezone.now()
        )
        if not won:
            raise NotFound(say("This invitation was used."))
        invitation = Invitation.objects.get(pk=place.id)
        membership, _ = Membership.objects.get_or_create(
            user=user,
            defaults={"role": invitation.role, "custom_role_id": invitation.custom_role_id},
        )
        audit.record("members.accept", membership)
    return membership


def change_role(*, membership: Membership, role: str, rights: frozenset[str]) -> None:
    """Change a role. The last owner stays owner; nobody gives or takes what is beyond their own
    `rights`. Who may no longer manage keys loses the secret keys they made."""
    given = custom_roles.chosen(role)
    custom_roles.within(rights, given.verbs, custom_roles.verbs_of_member(membership))
    _keep_an_owner(membership, given.role)
    before = membership.role_name
    membership.role, membership.custom_role = given.role, given.custom_role
    membership.save(update_fields=["role", "custom_role"])
    audit.record("members.change_role", membership, before=before, after=given.name)
    custom_roles.settle([membership.user_id])


def remove_member(*, membership: Membership, rights: frozenset[str]) -> None:
    """Take a person out, and with them the secret keys they made: they know those. Write-only keys
    stand in pages anyway and go on."""
    custom_roles.within(rights, custom_roles.verbs_of_member(membership))
    _keep_an_owner(membership, "")
    custom_roles.revoke_secrets_of(membership.user_id)
    for invitation in custom_roles.open_invitations().filter(invited_by=membership.user_id):
        custom_roles.withdraw(invitation)
    teams.leave_all(membership.user_id)
    live.recheck(current_tenant())
    audit.record("members.remove", membership, role=membership.role_name)
    membership.delete()


@undo.deed("members.put_back", verb="members.manage", by_rights=True)
def put_back_member(
    *, user_id: int, role: str, after: str, rights: frozenset[str], of_teams: Sequence[str] = (),
    for_agency: bool = False,
) -> None:  # fmt: skip
    """Give a person the role they had before, unless it is no longer `after`, what the deed left.
    Keys that were revoked stay revoked."""
    membership = Membership.objects.filter(user_id=user_id).first()
    if (membership.choice if membership else "") != after:
        raise Conflict(say("This was changed again since; change it by hand."))
    if membership is not None:
        change_role(membership=membership, role=role, rights=rights)
        return
    given = custom_roles.chosen(role)
    custom_roles.within(rights, given.verbs)
    try:
        with transaction.atomic():
            row = Membership.objects.create(
                user_id=user_id, role=given.role, custom_role=given.custom_role,
                for_agency=for_agency,
            )  # fmt: skip
    except IntegrityError as twice:
        raise Conflict(say("This was changed again since; change it by hand.")) from twice
    teams.join_again(user_id, of_teams, rights)
    audit.record("members.put_back", row, role=given.name)


def _keep_an_owner(membership: Membership, next_role: str) -> None:
    owners = Membership.objects.select_for_update().filter(role=Role.OWNER)
    others = [m for m in owners if m.pk != membership.pk]
    if membership.role == Role.OWNER and next_role != Role.OWNER and not others:
        raise Conflict(say("A workspace keeps at least one owner; make someone else owner first."))
