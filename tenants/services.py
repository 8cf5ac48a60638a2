"""Workspaces, people and keys: every change to them."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from attune.kernel import audit
from attune.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from attune.kernel.phrases import say, word
from attune.kernel.tenancy import tenant_context
from tenants import registry, undo
from tenants.jobs import CHECK_SENDER, CheckSender
from tenants.models import ApiKey, Invitation, Membership, Tenant, User
from tenants.roles import PERMISSIONS, WRITE_ONLY_SCOPES, Role, role_can

INVITATION_HOURS = 72


def create_workspace(*, name: str, owner: User, slug: str = "") -> Tenant:
    """Make a workspace whose owner is `owner`. Raises Invalid when the address is taken."""
    address = slugify(slug or name)[:50]
    if not address:
        raise Invalid.one("name", say("The name needs at least one letter or digit."))
    tenant_id = registry.next_tenant_id()
    try:
        with tenant_context(tenant_id):
            tenant = Tenant.objects.create(id=tenant_id, slug=address, name=name.strip())
            Membership.objects.create(user=owner, role=Role.OWNER)
            audit.record("workspace.create", tenant)
    except IntegrityError as clash:
        raise Invalid.one(
            "name",
            say("The address “%(address)s” is taken.", address=address),
            say("Choose another name."),
        ) from clash
    return tenant


def check_sender(tenant: Tenant) -> None:
    """Ask, soon, what the DNS says of the sender's domain."""
    if not tenant.sender_domain:
        told = say("Set the address of the sender in the settings first.")
        raise Invalid.one("sender_email", told)
    if not tenant.dkim_selector:
        told = say("Set the DKIM selector in the settings first: your provider told it to you.")
        raise Invalid.one("dkim_selector", told)
    asked = CheckSender(tenant.sender_domain, tenant.dkim_selector)
    CHECK_SENDER.enqueue(asked, dedupe_key="sender")


def invite(*, email: str, role: str, by: User | None, by_role: str = Role.OWNER) -> str:
    """Invite an address; answers the token, and mails the link after commit. Only an owner invites
    an owner."""
    if role not in list(Role):
        raise Invalid.one(
            "role",
            say("“%(role)s” is not a role.", role=role),
            say("Choose one of %(names)s.", names=[word(role) for role in Role]),
        )
    _owners_only(by_role, role)
    email = email.strip().lower()
    if Membership.objects.filter(user__email=email).exists():
        raise Conflict(say("%(email)s is already a member of this workspace.", email=email))
    Invitation.objects.filter(email=email, accepted_at=None, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        token_hash=registry.digest(token),
        expires_at=timezone.now() + timedelta(hours=INVITATION_HOURS),
        invited_by=by,
    )
    audit.record("members.invite", invitation, role=role)
    link = settings.PUBLIC_URL + reverse("tenants:accept", args=[token])
    told = say("You are invited to a workspace on Attune as %(role)s.", role=word(role))
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
            user=user, defaults={"role": invitation.role}
        )
        audit.record("members.accept", membership)
    return membership


def change_role(*, membership: Membership, role: str, by_role: str) -> None:
    """Change a role. The last owner stays owner, and only an owner makes or changes one. Who may no
    longer manage keys loses the secret keys they made."""
    if role not in list(Role):
        raise Invalid.one(
            "role",
            say("“%(role)s” is not a role.", role=role),
            say("Choose one of %(names)s.", names=[word(role) for role in Role]),
        )
    _owners_only(by_role, role, membership.role)
    _keep_an_owner(membership, role)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    audit.record("members.change_role", membership, before=before, after=role)
    if not role_can(role, "keys.manage"):
        _revoke_secrets_of(membership)


def remove_member(*, membership: Membership, by_role: str) -> None:
    """Take a person out, and with them the secret keys they made: they know those. Write-only keys
    stand in pages anyway and go on."""
    _owners_only(by_role, membership.role)
    _keep_an_owner(membership, "")
    _revoke_secrets_of(membership)
    audit.record("members.remove", membership, role=membership.role)
    membership.delete()


@undo.deed("members.put_back", verb="members.manage", by_role=True)
def put_back_member(*, user_id: int, role: str, after: str, by_role: str) -> None:
    """Give a person the role they had before, unless it is no longer `after`, what the deed left.
    Keys that were revoked stay revoked."""
    membership = Membership.objects.filter(user_id=user_id).first()
    if (membership.role if membership else "") != after:
        raise Conflict(say("This was changed again since; change it by hand."))
    if membership is not None:
        change_role(membership=membership, role=role, by_role=by_role)
        return
    _owners_only(by_role, role)
    try:
        with transaction.atomic():
            row = Membership.objects.create(user_id=user_id, role=role)
    except IntegrityError as twice:
        raise Conflict(say("This was changed again since; change it by hand.")) from twice
    audit.record("members.put_back", row, role=role)


def _owners_only(by_role: str, *roles: str) -> None:
    if Role.OWNER in roles and by_role != Role.OWNER:
        raise Forbidden(say("Only an owner makes, changes or removes an owner."))


def _revoke_secrets_of(membership: Membership) -> None:
    secrets_made = ApiKey.objects.filter(
        created_by_id=membership.user_id, kind=ApiKey.Kind.SECRET, revoked_at=None
    )
    for key in secrets_made:
        revoke_key(key=key)


def _keep_an_owner(membership: Membership, next_role: str) -> None:
    owners = Membership.objects.select_for_update().filter(role=Role.OWNER)
    others = [m for m in owners if m.pk != membership.pk]
    if membership.role == Role.OWNER and next_role != Role.OWNER and not others:
        raise Conflict(say("A workspace keeps at least one owner; make someone else owner first."))


def create_key(
    *, name: str, kind: str, scopes: list[str], by: User | None, days: int | None = None
) -> tuple[ApiKey, str]:
    """Make a key. The secret in the answer is shown once and never stored."""
    scopes = sorted(WRITE_ONLY_SCOPES) if kind == ApiKey.Kind.WRITE_ONLY else sorted(set(scopes))
    unknown = [scope for scope in scopes if scope not in PERMISSIONS]
    if unknown:
        raise Invalid.one("scopes", say("Unknown scopes: %(names)s.", names=", ".join(unknown)))
    if not scopes:
        raise Invalid.one("scopes", say("A key needs at least one scope."))
    if kind not in ApiKey.Kind.values:
        raise Invalid.one("kind", say("Choose write_only or secret."))
    prefix = ("pk_" if kind == ApiKey.Kind.WRITE_ONLY else "sk_") + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name.strip() or str(say("Unnamed key")),
        kind=kind,
        prefix=prefix,
        hash=registry.digest(secret),
        scopes=scopes,
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    audit.record("keys.create", key, scopes=scopes)
    return key, secret


def rotate_key(*, key: ApiKey, by: User | None, overlap_hours: int = 24) -> tuple[ApiKey, str]:
    """A successor with the same rights; the old key works on for `overlap_hours`."""
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        raise Conflict(say("A key that was revoked or has expired is not rotated; make a new one."))
    successor, secret = create_key(name=key.name, kind=key.kind, scopes=key.scopes, by=by)
    overlap = now + timedelta(hours=overlap_hours)
    successor.expires_at = key.expires_at
    successor.save(update_fields=["expires_at"])
    key.expires_at = min(key.expires_at or overlap, overlap)
    key.save(update_fields=["expires_at"])
    audit.record("keys.rotate", key, successor=str(successor.pk))
    return successor, secret


def revoke_key(*, key: ApiKey) -> None:
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    audit.record("keys.revoke", key)


def save_appearance(*, user_id: int, theme: str | None, language: str | None) -> None:
    """Keep how the pages look to a person; None leaves a part as it is. It is theirs in every
    workspace and concerns nobody else, so no workspace's audit log tells of it."""
    chosen = {"theme": theme, "language": language}
    known = {name: value for name, value in chosen.items() if value is not None}
    if known:
        User.objects.filter(pk=user_id).update(**known)


def save_settings(*, tenant: Tenant, **values: object) -> None:
    """Change the workspace's own settings; the audit entry keeps what they were."""
    before = {name: str(getattr(tenant, name)) for name in values}
    for name, value in values.items():
        setattr(tenant, name, value)
    tenant.save(update_fields=list(values))
    audit.record("workspace.change", tenant, before=before)
