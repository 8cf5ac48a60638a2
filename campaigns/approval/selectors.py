"""Reading reviews."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from campaigns.approval.models import Review, Verdict
from tenants import notices
from tenants.models import User


def open_reviews() -> QuerySet[Review]:
    """Oldest first: who waited longest is next."""
    return (
        Review.objects.filter(state=Review.State.OPEN)
        .select_related("revision", "revision__asset", "revision__asset__brief", "revision__parent")
        .order_by("id")
    )


def review(review_id: uuid.UUID | str) -> Review:
    row = (
        Review.objects.select_related("revision", "revision__asset", "revision__parent")
        .filter(pk=as_uuid(str(review_id)))
        .first()
    )
    if row is None:
        raise NotFound(say("There is no such review in this workspace."))
    return row


def reviewers() -> list[User]:
    """Members who may decide."""
    people = notices.those_who_can("approval.decide")
    return list(User.objects.filter(pk__in=people).order_by("name", "email"))


def verdicts_of(revision_id: uuid.UUID) -> list[Verdict]:
    return list(Verdict.objects.filter(review__revision_id=revision_id).order_by("id"))
