"""Reviewers without a login: a signed link to one revision, and what they say of it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from attune.kernel import audit, live, secrets
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say, word
from attune.kernel.tenancy import current_tenant
from campaigns.approval.models import Opinion, Review, ReviewLink
from tenants import notices

MOST_DAYS = 30
MOST_OPINIONS = 20


def make_link(
    *, review: Review, guest: str, days: int, by_id: int | None
) -> tuple[ReviewLink, str]:
    """A link for one guest, and its address: shown now, made again from the row at any time."""
    if not guest.strip():
        raise Invalid.one("guest", say("Say whom the link is for."))
    if not 1 <= days <= MOST_DAYS:
        raise Invalid.one("days", say("A link holds 1 to %(most)s days.", most=MOST_DAYS))
    if review.state != Review.State.OPEN:
        raise Conflict(say("This review was decided already: %(state)s.", state=word(review.state)))
    link = ReviewLink.objects.create(
        review=review, guest=guest.strip()[:120], made_by=by_id,
        expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    audit.record("approval.make_link", link, review=str(review.pk))
    return link, address(link)


def address(link: ReviewLink) -> str:
    """Where the guest reads: the token carries workspace and link, signed."""
    token = secrets.sign("review", {"t": link.tenant_id, "l": str(link.pk)})
    return settings.PUBLIC_URL.rstrip("/") + reverse("guests:review", args=[token])


def links_of(review: Review) -> list[ReviewLink]:
    rows = ReviewLink.objects.filter(review=review).prefetch_related("opinions")
    return list(rows.order_by("-id"))


def link(link_id: str) -> ReviewLink:
    """A link that may be used now: not taken back, not over."""
    row = (
        ReviewLink.objects.select_related(
            "review", "review__revision", "review__revision__asset", "review__revision__parent"
        )
        .filter(pk=link_id, revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if row is None:
        raise NotFound(say("This link is not valid, or it has expired."))
    return row


def revoke(*, row: ReviewLink) -> None:
    ReviewLink.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=timezone.now())
    audit.record("approval.revoke_link", row)


def give_opinion(*, row: ReviewLink, kind: str, comment: str) -> Opinion:
    """Keep what the guest said of the revision as it is now; who made the link is told."""
    if kind not in Opinion.Kind.values:
        raise Invalid.one("kind", say("Choose one of the two."))
    if kind == Opinion.Kind.CHANGE and not comment.strip():
        raise Invalid.one("comment", say("Say what should change: the author reads it."))
    if Opinion.objects.filter(link=row).count() >= MOST_OPINIONS:
        raise Conflict(say("You said much already; please write to who sent you the link."))
    if row.review.state == Review.State.CANCELLED:
        raise Conflict(say("A newer version has replaced this text; ask for a link to that one."))
    if row.review.state != Review.State.OPEN:
        raise Conflict(say("This review was decided already: %(state)s.",
                           state=word(row.review.state)))  # fmt: skip
    said = Opinion.objects.create(
        link=row, kind=kind, comment=comment.strip()[:1000], hash=row.review.revision.hash
    )
    who = audit.Actor(kind="guest", id=str(row.pk), label=row.guest)
    with audit.acting(who):
        audit.record("approval.opinion", said, kind=kind)
    told = say("%(guest)s (guest): %(kind)s, “%(revision)s”", guest=row.guest,
               kind=said.get_kind_display(), revision=row.review.revision)  # fmt: skip
    decides = row.review.assigned_to
    reviewers = {decides} if decides else set(notices.those_who_can("approval.decide"))
    told_to = {row.made_by, row.review.submitted_by} | reviewers
    notices.tell(told_to, told, "approval:review", row.review_id)
    live.push(current_tenant(), "reviews", str(row.review_id))
    return said
