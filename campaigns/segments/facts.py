"""What is true of one person, beside a condition of a rule: the numbers that decided it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from attune.kernel.phrases import Phrase, say, say_many, word
from campaigns.contacts.models import Consent, Event, Profile, Trait
from campaigns.segments.rules import PROFILE_AGES


def of(node: dict[str, Any], contact_id: uuid.UUID) -> Phrase | None:
    """The person's own value for a condition; None where the condition says it all."""
    if "trait" in node:
        row = Trait.objects.filter(contact_id=contact_id, key=node["trait"]).first()
        return say("theirs: %(value)s", value=row.text) if row else say("theirs is not known")
    if "profile" in node:
        return _of_profile(node["profile"], contact_id)
    if "did" in node or "did_not" in node:
        return _of_events(node, contact_id)
    if "consent" in node:
        rows = Consent.objects.filter(contact_id=contact_id, channel=node["consent"])
        rows = rows.filter(purpose=node.get("topic", "marketing"))
        row = rows.order_by("-created_at", "-id").first()
        return say("theirs: %(value)s", value=word(row.state)) if row else say("never asked")
    return None


def _of_profile(field: str, contact_id: uuid.UUID) -> Phrase:
    profile = Profile.objects.filter(contact_id=contact_id).first()
    if profile is None:
        return say("theirs is not known")
    if field in PROFILE_AGES:
        at = getattr(profile, field.removesuffix("_days") + "_at")
        if at is None:
            return say("theirs is not known")
        return say_many("theirs: %(n)s day", "theirs: %(n)s days", n=(timezone.now() - at).days)
    if field == "revenue":
        return say("theirs: %(value)s", value=f"{profile.revenue_cents / 100:,.2f}")
    value = getattr(profile, field)
    return say("theirs: %(value)s", value=word(value) if field == "lifecycle" else _known(value))


def _known(value: Any) -> Any:
    return "–" if value in (None, "") else value


def _of_events(node: dict[str, Any], contact_id: uuid.UUID) -> Phrase:
    """How often within the condition's bounds, and when last."""
    name = node.get("did", node.get("did_not"))
    rows = Event.objects.filter(contact_id=contact_id, name=name, is_machine=False)
    if "within_days" in node:
        rows = rows.filter(at__gt=timezone.now() - timedelta(days=node["within_days"]))
    if "value_above" in node:
        rows = rows.filter(value_cents__gt=round(node["value_above"] * 100))
    if "category" in node:
        rows = rows.filter(category=node["category"])
    times, last = rows.count(), rows.order_by("-at").first()
    if last is None:
        return say("they did it 0 times")
    return say_many(
        "they did it %(n)s time, last on %(day)s", "they did it %(n)s times, last on %(day)s",
        n=times, day=timezone.localtime(last.at).strftime("%Y-%m-%d"),
    )  # fmt: skip
