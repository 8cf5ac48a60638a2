"""What is older than a workspace wants to keep, and how it goes: a bounded number at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from campaigns.contacts.models import Consent, Contact, Event
from campaigns.delivery.models import Send
from chat.conversations.models import Conversation
from insights.privacy import erasing
from insights.privacy.models import RetentionRule
from insights.privacy.tables import ERASED

MOST = 2_000  # rows of one kind in one transaction
LEAST_DAYS, MOST_DAYS = 7, 3_650
OURS = ("Message Sent", "Message Delivered", "Message Failed", "Message Bounced")  # not theirs
What = RetentionRule.What


def save(*, what: str, days: int | None) -> None:
    """Keep this so many days, or for ever (None)."""
    if what not in What.values:
        raise Invalid.one("what", say("Choose one of %(names)s.", names=", ".join(What.values)))
    if days is None:
        RetentionRule.objects.filter(what=what).delete()
        audit.record("privacy.keep", None, what=what, days=None)
        return
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise Invalid.one("days", say("From %(least)s days to ten years.", least=LEAST_DAYS))
    RetentionRule.objects.update_or_create(what=what, defaults={"days": days})
    audit.record("privacy.keep", None, what=what, days=days)


def waiting(what: str, days: int, now: datetime) -> int:
    """How many rows a rule would reach now: what the page says before it is saved."""
    return _old(what, now - timedelta(days=days)).count()


def _old(what: str, before: datetime) -> QuerySet:
    if what == What.EVENTS:
        known = ~Q(properties={}) | ~Q(context={}) | ~Q(user_id="") | ~Q(anonymous_id="")
        # who somebody is follows from their identify events: those stay as long as the person
        return Event.objects.filter(known, at__lt=before).exclude(type="identify")
    if what == What.COPIES:
        rows = Send.objects.filter(sent_at__lt=before).exclude(components={})
        return rows.exclude(components=ERASED)
    if what == What.CHATS:
        return Conversation.objects.filter(state="resolved", resolved_at__lt=before)
    did = Event.objects.filter(contact_id=OuterRef("pk"), at__gte=before, is_machine=False)
    did = did.exclude(name__in=OURS).exclude(source__in=["import", "admin"])
    talks = Conversation.objects.filter(
        Q(contact_id=OuterRef("pk")) | Q(visitor__contact_id=OuterRef("pk"))
    ).filter(Q(last_at__gte=before) | ~Q(state="resolved"))
    said = Consent.objects.filter(contact_id=OuterRef("pk"), created_at__gte=before)
    rows = Contact.objects.filter(created_at__lt=before)
    rows = rows.exclude(Exists(did)).exclude(Exists(talks)).exclude(Exists(said))
    return rows.exclude(status__in=[Contact.Status.ERASED, Contact.Status.MERGED])


def apply(rule: RetentionRule, now: datetime) -> int:
    """Let some of what is too old go; how many. Asked again until it is none."""
    rows = _old(rule.what, now - timedelta(days=rule.days)).order_by("pk")
    ids: list[UUID] = list(rows.values_list("pk", flat=True)[: MOST if rule.what != What.PEOPLE
                                                             else 50])  # fmt: skip
    if not ids:
        return 0
    if rule.what == What.EVENTS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT attune_strip_events(%s::uuid[])", [ids])
    elif rule.what == What.COPIES:
        Send.objects.filter(pk__in=ids).update(components=ERASED, address="")
    elif rule.what == What.CHATS:
        Conversation.objects.filter(pk__in=ids).delete()
    else:
        for contact in Contact.objects.filter(pk__in=ids):
            erasing.erase(contact)
    return len(ids)


def due(now: datetime) -> list[RetentionRule]:
    return [r for r in RetentionRule.objects.all()
            if r.ran_at is None or now - r.ran_at > timedelta(hours=23)]  # fmt: skip
