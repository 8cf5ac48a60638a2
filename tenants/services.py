"""Workspaces and how they are set up."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError
from django.utils.text import slugify

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from tenants import registry
from tenants.jobs import CHECK_SENDER, CheckSender
from tenants.models import Membership, Tenant, User
from tenants.roles import Role


def create_workspace(
    *, name: str, owner: User, slug: str = "", tenant_id: int | None = None, **values: Any
) -> Tenant:
    """Make a workspace whose owner is `owner`; `values` are fields of it. Raises Invalid when the
    address is taken."""
    address = slugify(slug or name)[:50]
    if not address:
        raise Invalid.one("name", say("The name needs at least one letter or digit."))
    tenant_id = registry.next_tenant_id() if tenant_id is None else tenant_id
    try:
        with tenant_context(tenant_id):
            tenant = Tenant.objects.create(id=tenant_id, slug=address, name=name.strip(), **values)
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
