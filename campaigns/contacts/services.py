"""Every change to customers: events in, identities merged, consent, imports."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from attune.kernel import audit, live, storable
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.locking import locked
from attune.kernel.models import JobRow
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import folding, intake, recording, selectors
from campaigns.contacts.jobs import FOLD_EVENTS, FoldEvents
from campaigns.contacts.models import (
    Consent,
    Contact,
    ContactChange,
    Event,
    Identity,
    IdentityMerge,
    RejectedEvent,
)
from tenants import undo

OWN_SOURCES = frozenset({"delivery", "import", "replay"})
HISTORY = timedelta(days=20 * 365)
HISTORIC = frozenset({"import", "demo"})  # what these bring happened long ago: nobody is told


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: every item is accepted, a duplicate, or rejected with a reason."""

    accepted: int
    duplicates: int
    rejected: list[intake.Rejected]


def record_events(
    items: list[Any],
    *,
    source: str,
    now: datetime | None = None,
    sent_at: Any = None,
    kind: str = "",
    context: Any = None,
    history: bool = False,
) -> Receipt:
    """Take a batch of raw events. Nothing is acknowledged before this transaction commits."""
    now = now or timezone.now()
    past = HISTORY if history else intake.PAST
    events, rejected = intake.parse(
        items, now=now, sent_at=sent_at, kind=kind, context=context, past=past,
        trusted=source in OWN_SOURCES,
    )  # fmt: skip
    fresh = _write(events, source=source, now=now)
    RejectedEvent.objects.bulk_create(
        RejectedEvent(raw=r.raw, field=r.field, reason=r.reason, source=source)
        for r in rejected
        if source != "import"  # an import keeps its own list of problems
    )
    return Receipt(fresh, len(events) - fresh, rejected)


_listeners: list[Callable[[Sequence[intake.Parsed]], None]] = []


def listen(hear: Callable[[Sequence[intake.Parsed]], None]) -> None:
    """Hear of events that were taken in, in their transaction; one may have come before. What an
    import brings is history and not told."""
    if hear not in _listeners:
        _listeners.append(hear)


def _write(events: list[intake.Parsed], *, source: str, now: datetime) -> int:
    """Store parsed events, merge identities they join, ask for the fold. New events."""
    written = recording.write(events, source=source, now=now)
    for pair in sorted(written.pairs, key=lambda p: str(p.source)):  # one order, no deadlock
        merge(
            pair.source,
            pair.target,
            reason=say("%(anonymous_id)s identified itself", anonymous_id=pair.anonymous_id),
        )
    if written.fresh and source not in HISTORIC:
        for hear in _listeners:
            hear(events)
    if written.fresh:
        FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")
    return written.fresh


def judge_events(items: list[Any], *, source: str, history: bool = False) -> Receipt:
    """What record_events would answer, without writing anything: the dry run."""
    past = HISTORY if history else intake.PAST
    events, rejected = intake.parse(
        items, now=timezone.now(), past=past, trusted=source in OWN_SOURCES
    )
    return Receipt(len(events), 0, rejected)


def set_aside(contact_ids: list[uuid.UUID], *, reason: str) -> None:
    """Keep contacts whose profile cannot be rebuilt where people look for what was not accepted. A
    replay identifies the contact again, which asks for the profile once more."""
    for identity in Identity.objects.filter(contact_id__in=contact_ids).order_by("contact_id"):
        field = "userId" if identity.kind == Identity.Kind.USER else "anonymousId"
        RejectedEvent.objects.create(
            raw={"type": "identify", field: identity.value}, field="profile", source="fold",
            reason=say("The profile could not be rebuilt: %(why)s", why=reason[:260]),
        )  # fmt: skip


def replay_rejected(rows: list[RejectedEvent], *, edited: Any = None) -> Receipt:
    """Offer rejected events again, as they were or, for one, as a person corrected it."""
    if edited is not None and len(rows) != 1:
        raise Invalid.one("raw", say("Only one event at a time can be corrected."))
    locked = RejectedEvent.objects.select_for_update().filter(
        pk__in=[row.pk for row in rows], replayed_at=None
    )
    if locked.count() != len(rows):
        raise Conflict(say("This event was replayed before."))
    raw = [edited] if edited is not None else [row.raw for row in rows]
    events, refused = intake.parse(raw, now=timezone.now(), past=HISTORY)
    if refused and edited is not None:
        raise Invalid.one(refused[0].field, refused[0].reason)
    still = {r.index for r in refused}
    for index, row in enumerate(rows):
        if index not in still:
            row.replayed_at = timezone.now()
            row.save(update_fields=["replayed_at"])
    fresh = _write(events, source="replay", now=timezone.now())
    audit.record("events.replay", offered=len(rows), accepted=fresh, refused=len(refused))
    return Receipt(fresh, len(events) - fresh, refused)


def replay_chosen(*, event_ids: list[str]) -> Receipt:
    """Offer several refused events again, at most 100; those that were replayed meanwhile are
    passed over."""
    ids = [found for text in event_ids[:100] if (found := storable.as_uuid(text))]
    rows = RejectedEvent.objects.select_for_update().filter(pk__in=ids, replayed_at=None)
    return replay_rejected(list(rows.order_by("id")))


@undo.deed("contacts.set_trait", verb="contacts.edit")
def put_back_trait(*, contact_id: str, key: str, value: Any, after: Any) -> None:
    """Give a trait the value it had, None takes it away; unless it is no longer `after`, what the
    deed left."""
    contact = locked(selectors.contact(uuid.UUID(contact_id)))
    if selectors.trait_now(contact, key) != after:
        raise Conflict(say("This was changed again since; change it by hand."))
    set_traits(contact=contact, traits={key: value})


def set_traits(*, contact: Contact, traits: dict[str, Any]) -> None:
    """Change traits by hand: an identify event like any other, so that the log stays the truth."""
    if not traits:
        raise Invalid.one("traits", say("Give at least one trait."))
    identity = contact.identities.order_by("-kind").first()
    if identity is None:
        raise Conflict(say("This contact has no identity left; it was merged into another."))
    field = "userId" if identity.kind == Identity.Kind.USER else "anonymousId"
    item = {"type": "identify", field: identity.value, "traits": traits}
    item["messageId"] = f"by-hand-{uuid.uuid4()}"
    receipt = record_events([item], source="admin")
    if receipt.rejected:
        refusal = receipt.rejected[0]
        raise Invalid.one(refusal.field, refusal.reason)
    audit.record("contacts.change", contact, traits=sorted(traits))


def merge(source_id: uuid.UUID, target_id: uuid.UUID, *, reason: str) -> IdentityMerge | None:
    """Join an anonymous contact to the known one it turned out to be.

    A source with a user id of its own stays apart (a shared device is not one person): answers
    None, and the conflict is in the audit log.
    """
    known = Identity.objects.filter(contact_id=source_id, kind=Identity.Kind.USER).exists()
    if known or source_id == target_id:
        audit.record("contacts.merge_declined", source=str(source_id), target=str(target_id))
        return None
    identities = list(Identity.objects.select_for_update().filter(contact_id=source_id))
    if not identities:  # a rival request merged it while we waited
        return None
    merged = IdentityMerge.objects.create(
        source_id=source_id,
        target_id=target_id,
        identities=[i.value for i in identities],
        reason=reason,
    )
    Identity.objects.filter(contact_id=source_id).update(contact_id=target_id)
    Event.objects.filter(contact_id=source_id).update(contact_id=target_id)
    blocked = Contact.Status.BLOCKLISTED
    if Contact.objects.filter(pk=source_id, status=blocked).exists():
        Contact.objects.filter(pk=target_id).update(status=blocked)
    Contact.objects.filter(pk=source_id).update(status=Contact.Status.MERGED)
    _changed(source_id, target_id)
    audit.record("contacts.merge", merged, source=str(source_id), target=str(target_id))
    return merged


def undo_merge(*, merged: IdentityMerge) -> None:
    """Take a merge back: the anonymous identities and what they did alone return."""
    won = IdentityMerge.objects.filter(pk=merged.pk, undone_at=None).update(
        undone_at=timezone.now()
    )
    if not won:
        raise Conflict(say("This merge was undone before."))
    values = merged.identities
    Identity.objects.filter(kind=Identity.Kind.ANONYMOUS, value__in=values).update(
        contact_id=merged.source_id
    )
    Event.objects.filter(
        Q(user_id=""), contact_id=merged.target_id, anonymous_id__in=values
    ).update(contact_id=merged.source_id)
    blocked = Contact.objects.filter(
        pk=merged.target_id, status=Contact.Status.BLOCKLISTED
    ).exists()  # a refusal that came in between holds for both
    status = Contact.Status.BLOCKLISTED if blocked else Contact.Status.ENABLED
    Contact.objects.filter(pk=merged.source_id).update(status=status)
    _changed(merged.source_id, merged.target_id)
    audit.record("contacts.undo_merge", merged)


def _changed(*contacts: uuid.UUID) -> None:
    ContactChange.objects.bulk_create(ContactChange(contact_id=c) for c in contacts)
    FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")


def record_consent(
    *,
    contact: Contact,
    state: str,
    source: str,
    channel: str = "email",
    purpose: str = "marketing",
    wording: str = "",
) -> Consent:
    """Append what a contact agreed to or refused. The newest entry counts."""
    if state not in Consent.State.values:
        raise Invalid.one("state", say("Consent is given or refused."))
    consent = Consent.objects.create(
        contact=contact, state=state, source=source, channel=channel, purpose=purpose,
        wording=wording,
    )  # fmt: skip
    audit.record("contacts.consent", consent, contact=str(contact.pk), state=state)
    _changed(contact.pk)
    live.push(current_tenant(), "contacts", str(contact.pk))
    return consent


def fold_what_waits() -> None:
    """Ask for the fold again where changed contacts wait and its job gave up; not sooner than ten
    minutes after that, so that one contact that cannot be folded does not fill the job table."""
    folds = JobRow.objects.filter(kind=FOLD_EVENTS.name)
    lately = timezone.now() - timedelta(minutes=10)
    busy = folds.filter(
        Q(state__in=[JobRow.State.PENDING, JobRow.State.RUNNING])
        | Q(state=JobRow.State.QUARANTINED, finished_at__gt=lately)
    )
    if ContactChange.objects.exists() and not busy.exists():
        FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")


def age() -> int:
    """Let stages change as time passes: who fell silent is folded again."""
    aged = folding.queue_aged()
    if aged:
        FOLD_EVENTS.enqueue(FoldEvents(), dedupe_key="fold")
    return aged
