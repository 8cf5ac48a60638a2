"""Review: submit, decide. What is decided on is a revision, never an asset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import AttuneError, Conflict, Forbidden, Invalid
from attune.kernel.phrases import say, word
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.approval import selectors
from campaigns.approval.models import Review, Verdict
from campaigns.content import selectors as content
from campaigns.content.models import Asset, Revision
from campaigns.content.services import REVISION
from campaigns.content.services import edit as content_edit
from tenants import notices, teams
from tenants.models import Team

REVIEW = Machine(
    "review",
    {
        ("open", "approve"): "approved",
        ("open", "reject"): "rejected",
        ("open", "request_changes"): "changes_requested",
        ("open", "cancel"): "cancelled",
    },
)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. The role is checked at the door (tenants/roles.py); here only authorship."""

    id: int
    label: str


def submit(*, revision: Revision, by_id: int | None) -> Review:
    """Put a revision before the reviewers. A blocked one is refused with its findings."""
    if revision.blocked:
        found = revision.checks.filter(verdict="block").values_list("message", "span")
        reasons = [
            say("%(finding)s “%(words)s”", finding=message, words=span) if span else message
            for message, span in found
        ]
        raise Invalid.one(
            "revision",
            say("A check blocks it: %(reasons)s", reasons=reasons),
            say("Edit the text."),
        )
    _lock(revision)
    advance(REVISION, revision, "submit")
    review = Review.objects.create(revision=revision, submitted_by=by_id)
    audit.record("approval.submit", review)
    reviewers = set(notices.those_who_can("approval.decide")) - _authors(revision) - {by_id}
    notices.tell(
        reviewers,
        say("“%(revision)s” waits for a review", revision=revision),
        "approval:review",
        review.pk,
    )
    live.push(current_tenant(), "reviews", str(review.pk))
    return review


def edit_and_submit(
    *, revision: Revision, components: dict[str, str], author_id: int | None
) -> Review:
    """A person's edit of a text that waits: the new revision waits in its place, if the checks let
    it, for the same reviewer until the same day. Call in a transaction: a refusal leaves the old
    one waiting."""
    _lock(revision)
    old = Review.objects.filter(revision=revision, state=Review.State.OPEN).first()
    if old is None:
        state = Revision.objects.get(pk=revision.pk).state
        raise Conflict(
            say("It is %(state)s meanwhile, and waits no more. Nothing was saved; your words stand "
                "below. Open the text to make a new revision of it.", state=word(state))
        )  # fmt: skip
    fresh = edit(revision=revision, components=components, author_id=author_id)
    review = submit(revision=fresh, by_id=author_id)
    review.assigned_to, review.team, review.due_on = old.assigned_to, old.team, old.due_on
    review.save(update_fields=["assigned_to", "team", "due_on"])
    return review


def decide(
    *, review: Review, by: Reviewer, kind: str, reason: str = "", comment: str = ""
) -> Verdict:
    """Approve, reject (with a reason) or ask for changes. The author cannot approve."""
    revision = review.revision
    _lock(revision)
    if kind not in Verdict.Kind.values:
        raise Invalid.one(
            "kind", say("Choose one of %(names)s.", names=", ".join(Verdict.Kind.values))
        )
    if kind == Verdict.Kind.APPROVE and by.id in _authors(revision):
        raise Forbidden(
            say("Who wrote or requested a text cannot approve it; ask another reviewer.")
        )
    if reason not in Verdict.Reason.values:
        raise Invalid.one("reason", say("This is not one of the reasons."))
    if kind == Verdict.Kind.REJECT and not reason:
        raise Invalid.one("reason", say("A rejection needs a reason: the model learns from it."))
    if kind == Verdict.Kind.REQUEST_CHANGES and not comment.strip():
        raise Invalid.one("comment", say("Say what should change: the author reads it."))
    if review.state != Review.State.OPEN:
        raise Conflict(say("This review was decided already: %(state)s.", state=word(review.state)))
    if kind == Verdict.Kind.APPROVE:
        _retire_predecessor(revision)
    advance(REVIEW, review, kind, reason=reason)
    advance(REVISION, revision, kind)
    verdict = Verdict.objects.create(
        review=review, kind=kind, reason=reason, comment=comment[:500], by_id=by.id,
        by_label=by.label, author_id=revision.author_id, hash=revision.hash,
        seconds=(timezone.now() - review.created_at).total_seconds(),
    )  # fmt: skip
    Review.objects.filter(pk=review.pk).update(closed_at=timezone.now())
    audit.record("approval.decide", verdict, revision=str(revision.pk))
    notices.settle("approval:review", review.pk)
    told = say(
        "%(who)s: %(verdict)s, “%(revision)s”",
        who=by.label, verdict=word(REVIEW.moves["open", kind]), revision=revision,
    )  # fmt: skip
    notices.tell(_authors(revision) - {by.id}, told, "content:revision", revision.pk)
    live.push(current_tenant(), "reviews", str(review.pk))
    return verdict


def decide_many(
    *, review_ids: list[str], by: Reviewer, kind: str, reason: str = ""
) -> tuple[int, list[str]]:
    """The same verdict on several reviews: how many took it, and why the others did not."""
    done, refused = 0, []
    for review_id in review_ids[:100]:
        try:
            with transaction.atomic():
                review = selectors.review(review_id)
                decide(review=review, by=by, kind=kind, reason=reason)
            done += 1
        except AttuneError as refusal:
            refused.append(refusal.detail)
    return done, sorted(set(refused))


def assign(
    *, review: Review, to: int | None, due_on: date | None, by_id: int | None,
    team: Team | None = None,
) -> None:  # fmt: skip
    """Who looks at it (a member, a team, or whoever comes), and until which day. The chosen ones
    are told."""
    if review.state != Review.State.OPEN:
        raise Conflict(say("This review was decided already: %(state)s.", state=word(review.state)))
    able = set(notices.those_who_can("approval.decide"))
    people = {to} if to is not None else (teams.people(team.pk) & able if team else set())
    if to is not None and to not in able:
        raise Invalid.one("to", say("This member may not decide on reviews."))
    if team is not None and not people:
        raise Invalid.one("to", say("Nobody of this team may decide on reviews."))
    if due_on is not None and due_on < timezone.localdate():
        raise Invalid.one("due", say("This day is over already."))
    Review.objects.filter(pk=review.pk).update(assigned_to=to, team=team, due_on=due_on)
    audit.record("approval.assign", review, to=to, due_on=str(due_on or ""),
                 team=team.name if team else "")  # fmt: skip
    told = (
        say("“%(revision)s” is your team's to review", revision=review.revision)
        if team
        else say("“%(revision)s” is yours to review", revision=review.revision)
    )
    notices.tell(people - {by_id}, told, "approval:review", review.pk)
    live.push(current_tenant(), "reviews", str(review.pk))


def submit_many(*, revision_ids: list[str], by_id: int | None) -> tuple[int, list[str]]:
    """Put several revisions before the reviewers: how many went, and why the others did not."""
    done, refused = 0, []
    for revision_id in revision_ids[:100]:
        try:
            with transaction.atomic():
                submit(revision=content.revision(revision_id), by_id=by_id)
            done += 1
        except AttuneError as refusal:
            refused.append(refusal.detail)
    return done, sorted(set(refused))


def _authors(revision: Revision) -> set[int | None]:
    """Everybody who wrote or requested this text or one it grew from."""
    authors: set[int | None] = set()
    step: Revision | None = revision
    while step is not None:
        authors |= {step.author_id, step.run.author_id if step.run else None}
        step = step.parent
    return authors - {None}


def _lock(revision: Revision) -> None:
    """Whoever changes a text takes its asset first: one order, so that two never wait for each
    other; the second then sees what the first did."""
    Asset.objects.select_for_update().get(pk=revision.asset_id)


def _retire_predecessor(revision: Revision) -> None:
    for older in Revision.objects.filter(asset=revision.asset, state=Revision.State.APPROVED):
        advance(REVISION, older, "supersede")


def cancel_open(*, revision: Revision) -> None:
    """Close the open review of a revision that an edit replaced."""
    for review in Review.objects.filter(revision=revision, state=Review.State.OPEN):
        advance(REVIEW, review, "cancel")


def edit(*, revision: Revision, components: dict[str, str], author_id: int | None) -> Revision:
    """A person's edit: a new revision; an approval of the old one is void, its review closed."""
    _lock(revision)
    fresh = content_edit(revision=revision, components=components, author_id=author_id)
    cancel_open(revision=revision)
    return fresh
