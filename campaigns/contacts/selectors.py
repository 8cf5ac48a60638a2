"""Reading customers."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import scores as scored
from campaigns.contacts.models import (
    Consent,
    Contact,
    ContactImport,
    Event,
    EventCount,
    IdentityMerge,
    Profile,
    RejectedEvent,
    Score,
)


def contacts(*, search: str = "", lifecycle: str = "") -> QuerySet[Contact]:
    """Contacts that are not merged away, newest first."""
    gone = [Contact.Status.MERGED, Contact.Status.ERASED]
    rows = Contact.objects.exclude(status__in=gone).order_by("-id")
    if search:
        needle = search.strip()
        rows = rows.filter(
            Q(email__startswith=needle.lower()) | Q(external_id=needle) | Q(name__startswith=needle)
        )
    if lifecycle:
        rows = rows.filter(profiles__lifecycle=lifecycle)
    return rows


def contact(contact_id: uuid.UUID | str) -> Contact:
    row = Contact.objects.filter(pk=contact_id).first()
    if row is None:
        raise NotFound(say("There is no such contact in this workspace."))
    return row


def contact_by_user(user_id: str) -> Contact | None:
    return Contact.objects.filter(external_id=user_id).first()


def contact_by_email(email: str) -> Contact | None:
    """The one person with this address, in whatever case it is written."""
    rows = Contact.objects.filter(email=email.strip().lower()).exclude(status="merged")
    found = list(rows[:2]) if email else []
    return found[0] if len(found) == 1 else None


def profile(contact_id: uuid.UUID) -> Profile | None:
    return Profile.objects.filter(contact_id=contact_id).first()


def timeline(contact_id: uuid.UUID, most: int = 100) -> list[Event]:
    return list(Event.objects.filter(contact_id=contact_id).order_by("-at")[:most])


def same_person(contact_id: uuid.UUID) -> list[uuid.UUID]:
    """A contact and the anonymous ones merged into it."""
    merged = IdentityMerge.objects.filter(target_id=contact_id, undone_at=None)
    return [contact_id, *merged.values_list("source_id", flat=True)]


def merged_into(contact_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """{anonymous contact: the known one it turned out to be} of these known ones."""
    rows = IdentityMerge.objects.filter(target_id__in=list(contact_ids), undone_at=None)
    return dict(rows.values_list("source_id", "target_id"))


def known_as(contact_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """The known contacts that these anonymous ones turned out to be."""
    rows = IdentityMerge.objects.filter(source_id__in=list(contact_ids), undone_at=None)
    return set(rows.values_list("target_id", flat=True))


def latest_consent(
    contact_id: uuid.UUID, channel: str, purpose: str = "marketing"
) -> Consent | None:
    """The newest word of a person; the purpose “marketing” speaks of the whole channel."""
    rows = Consent.objects.filter(contact_id__in=same_person(contact_id), channel=channel)
    return rows.filter(purpose=purpose).order_by("-created_at", "-id").first()


def latest_consents(contact_id: uuid.UUID, channel: str) -> dict[str, str]:
    """{purpose: state} of a person's newest word to each, also from before they were known."""
    rows = Consent.objects.filter(contact_id__in=same_person(contact_id), channel=channel)
    return dict(rows.order_by("created_at", "id").values_list("purpose", "state"))


def trait_now(contact: Contact, key: str) -> Any:
    """The value of a trait by the newest event that set it; the profile may not have followed."""
    said = Event.objects.filter(contact=contact, type="identify", properties__has_key=key)
    newest = said.order_by("-at", "-received_at", "-id").first()
    return newest.properties[key] if newest is not None else contact.traits.get(key)


def events_by_day(days: int = 30) -> list[dict[str, Any]]:
    since = timezone.now().date() - timedelta(days=days - 1)
    return list(
        EventCount.objects.filter(day__gte=since).values("day").annotate(n=Sum("n")).order_by("day")
    )


def event_names(days: int = 90) -> list[str]:
    """Names seen lately, most frequent first: what a segment rule can speak of."""
    since = timezone.now().date() - timedelta(days=days)
    rows = EventCount.objects.filter(day__gte=since).values("name").annotate(total=Sum("n"))
    return [row["name"] for row in rows.order_by("-total")[:100]]


TRAIT_NAMES_SQL = """
WITH RECURSIVE names AS (
  (SELECT key FROM trait WHERE tenant_id = %(tenant)s ORDER BY key LIMIT 1)
  UNION ALL
  SELECT (SELECT key FROM trait WHERE tenant_id = %(tenant)s AND key > names.key
          ORDER BY key LIMIT 1) FROM names WHERE names.key IS NOT NULL)
SELECT key FROM names WHERE key IS NOT NULL LIMIT 200"""  # from key to key along the index


NAMING = frozenset(
    [
        "email",
        "e-mail",
        "name",
        "first_name",
        "firstname",
        "last_name",
        "lastname",
        "full_name",
        "fullname",
        "phone",
        "mobile",
        "address",
        "street",
        "username",
        "user_name",
        "login",
    ]
)


def telling_traits() -> list[str]:
    """Traits that say something of a person and do not name them: what a model may know."""
    return [name for name in trait_names() if name.lower() not in NAMING]


def trait_names() -> list[str]:
    """Every trait somebody has, by name: what a segment rule can test."""
    with connection.cursor() as cursor:
        cursor.execute(TRAIT_NAMES_SQL, {"tenant": current_tenant()})
        return [row[0] for row in cursor.fetchall()]


def scores(contact_id: uuid.UUID) -> list[Score]:
    """What models foretell of a contact; what they are worth is no chance, and left out."""
    rows = Score.objects.filter(contact_id=contact_id).exclude(key__startswith=scored.WORTH)
    return list(rows.order_by("key"))


def score_keys() -> list[str]:
    """The predictions that some contact has a score of."""
    return list(Score.objects.order_by("key").values_list("key", flat=True).distinct())


def rejected(*, open_only: bool = True) -> QuerySet[RejectedEvent]:
    rows = RejectedEvent.objects.order_by("-id")
    return rows.filter(replayed_at=None) if open_only else rows


def imports() -> QuerySet[ContactImport]:
    return ContactImport.objects.order_by("-id")


def get_import(import_id: uuid.UUID | str) -> ContactImport:
    row = ContactImport.objects.filter(pk=import_id).first()
    if row is None:
        raise NotFound(say("There is no such import in this workspace."))
    return row


SNAPSHOT = ("lifecycle", "orders", "revenue_cents", "top_category", "clicks", "messages")


def snapshots(contact_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """The profiles as they are now, to be kept beside decisions; who has none is left out."""
    rows = Profile.objects.filter(contact_id__in=contact_ids).values("contact_id", *SNAPSHOT)
    return {row.pop("contact_id"): row for row in rows}


def snapshot(contact_id: uuid.UUID) -> dict[str, Any]:
    """The profile of one contact as it is now; empty when there is none."""
    return snapshots([contact_id]).get(contact_id, {})
