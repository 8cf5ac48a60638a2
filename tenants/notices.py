"""What a member is told of: short sentences with a page behind each. Read ones stay for a while."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from attune.kernel import live
from attune.kernel.tenancy import current_tenant
from tenants import custom_roles
from tenants.models import Membership, Notice, Tenant


def tell(user_ids: Iterable[int | None], text: str, page: str, *arguments: object) -> None:
    """Tell these members, in the transaction of what happened; nobody twice, None left out."""
    people = {user_id for user_id in user_ids if user_id is not None}
    if not people:
        return
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant())
    url = reverse(page, args=[slug, *arguments])
    members = Membership.objects.filter(user_id__in=people).values_list("user_id", flat=True)
    Notice.objects.bulk_create(Notice(user_id=m, text=text, url=url) for m in members)
    live.push(current_tenant(), "notices")


def those_who_can(verb: str) -> list[int]:
    """Members who hold a verb, by their own role or by a team's."""
    rows = custom_roles.holders(verb)
    return list(rows.values_list("user_id", flat=True))


def settle(page: str, *arguments: object) -> None:
    """What the page asked for is done: nobody has to look any more, so its notices are read."""
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant())
    waiting = Notice.objects.filter(url=reverse(page, args=[slug, *arguments]), read_at=None)
    if waiting.update(read_at=timezone.now()):
        live.push(current_tenant(), "notices")


def of(user_id: int) -> QuerySet[Notice]:
    return Notice.objects.filter(user_id=user_id).order_by("-id")


def read_all(user_id: int) -> None:
    of(user_id).filter(read_at=None).update(read_at=timezone.now())
