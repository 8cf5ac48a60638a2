"""Of an audience, how many can be written to now, and why not the others. One statement.

The reasons follow suppression.may_send in their order; the frequency cap is not counted, since it
depends on what else is sent before. The address is judged by its shape, so the numbers are near.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from attune.kernel.phrases import Phrase, say_many
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import holds
from campaigns.delivery.models import Campaign
from campaigns.experiments.services import arms_of
from campaigns.subscriptions.models import Topic
from tenants.models import Tenant

KIND_SQL = """
CASE
    WHEN c.status <> 'enabled' THEN 'blocked'
    WHEN %(channel)s = 'email' AND c.email !~ '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$' THEN 'address'
    WHEN %(channel)s = 'email' AND EXISTS (
      SELECT 1 FROM suppression s WHERE s.tenant_id = %(tenant)s AND s.channel = 'email'
        AND s.address_hash = encode(sha256(convert_to(lower(btrim(c.email)), 'UTF8')), 'hex'))
      THEN 'listed'
    WHEN (SELECT k.state FROM consent k WHERE k.tenant_id = %(tenant)s AND k.channel = %(channel)s
          AND k.purpose = 'marketing' AND k.contact_id IN (
            SELECT c.id UNION ALL SELECT i.source_id FROM identity_merge i
            WHERE i.tenant_id = %(tenant)s AND i.target_id = c.id AND i.undone_at IS NULL)
          ORDER BY k.created_at DESC, k.id DESC LIMIT 1) = 'refused'
      THEN 'refused'
    WHEN %(topic)s <> '' AND coalesce((
          SELECT k.state FROM consent k WHERE k.tenant_id = %(tenant)s AND k.channel = %(channel)s
          AND k.purpose = %(topic)s AND k.contact_id IN (
            SELECT c.id UNION ALL SELECT i.source_id FROM identity_merge i
            WHERE i.tenant_id = %(tenant)s AND i.target_id = c.id AND i.undone_at IS NULL)
          ORDER BY k.created_at DESC, k.id DESC LIMIT 1), %(unasked)s) <> 'given'
      THEN 'unasked'
    WHEN c.id = ANY(%(held)s::uuid[]) THEN 'held'
    ELSE 'reachable' END"""
REACH_SQL = f"""
SELECT {KIND_SQL} AS kind, count(*)
FROM segment_membership m
JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s AND m.left_at IS NULL
GROUP BY 1"""  # noqa: S608 - our own words
DID_SQL = f"""
SELECT {KIND_SQL} AS kind, count(*)
FROM contact c
WHERE c.tenant_id = %(tenant)s AND c.id IN (
  SELECT e.contact_id FROM event e WHERE e.tenant_id = %(tenant)s AND e.name = %(event)s
    AND e.at > %(since)s AND NOT e.is_machine)
  AND (%(segment)s::uuid IS NULL OR EXISTS (
    SELECT 1 FROM segment_membership m WHERE m.tenant_id = %(tenant)s AND m.contact_id = c.id
      AND m.segment_id = %(segment)s AND m.left_at IS NULL))
GROUP BY 1"""  # noqa: S608 - our own words
REACHABLE_SQL = f"""
SELECT c.id FROM contact c
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(people)s) AND {KIND_SQL} = 'reachable'
  AND (SELECT count(*) FROM send s WHERE s.tenant_id = c.tenant_id AND s.contact_id = c.id
       AND (s.state IN ('sent', 'sending', 'uncertain') AND s.sent_at >= %(since)s
            OR s.state = 'pending' AND s.due_at IS NOT NULL)) < %(cap)s
"""  # noqa: S608 - our own words


PERMITTED_SQL = f"""
SELECT c.id FROM contact c
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(people)s) AND {KIND_SQL} = 'reachable'
"""  # noqa: S608 - our own words


WORDS: dict[str, Callable[[int], Phrase]] = {
    "blocked": lambda n: say_many("%(n)s is blocklisted", "%(n)s are blocklisted", n=n),
    "address": lambda n: say_many("%(n)s has no valid address", "%(n)s have no valid address", n=n),
    "listed": lambda n: say_many(
        "%(n)s is on the suppression list", "%(n)s are on the suppression list", n=n
    ),
    "refused": lambda n: say_many("%(n)s refused this channel", "%(n)s refused this channel", n=n),
    "unasked": lambda n: say_many(
        "%(n)s does not get this topic", "%(n)s do not get this topic", n=n
    ),
    "held": lambda n: say_many("%(n)s has an open complaint", "%(n)s have an open complaint", n=n),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """People of the audience who can be written to, and a sentence for each group that cannot."""

    reachable: int
    others: list[Phrase]
    shown: float  # the share of people whose arm shows something

    @property
    def expected(self) -> int:
        """About how many will get a message: who can be reached, less the holdout."""
        return round(self.reachable * self.shown)


def of(campaign: Campaign) -> Reach:
    """Of the campaign's audience."""
    assert campaign.audience_id is not None  # noqa: S101
    found = in_segment(campaign.audience_id, campaign.channel, campaign.topic)
    if campaign.experiment is None:  # how many wait, the policy decides
        return found
    arms = arms_of(campaign.experiment)
    return replace(found, shown=sum(arm.weight for arm in arms if arm.revision_id is not None))


def in_segment(segment: UUID, channel: str, topic: Topic | None) -> Reach:
    return _counted(REACH_SQL, channel, topic, {"segment": segment})


def who_did(
    event: str, since: datetime, channel: str, topic: Topic | None, segment: UUID | None = None
) -> Reach:
    """Of everybody who did this since then, and is in the segment where one is named."""
    return _counted(DID_SQL, channel, topic, {"event": event, "since": since, "segment": segment})


def _counted(sql: str, channel: str, topic: Topic | None, of: dict[str, Any]) -> Reach:
    values = {"tenant": current_tenant(), "channel": channel, "held": holds.everybody(),
              **_topic(topic), **of}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: dict[str, int] = dict(cursor.fetchall())
    others = [words(n) for kind, words in WORDS.items() if (n := found.get(kind))]
    return Reach(found.get("reachable", 0), others, 1.0)


def _topic(topic: Topic | None) -> dict[str, str]:
    """A topic as the statements want it; who said nothing gets what is for everybody."""
    if topic is None:
        return {"topic": "", "unasked": "given"}
    everybody = topic.mode == Topic.Mode.OPT_OUT
    return {"topic": topic.key, "unasked": "given" if everybody else "none"}


def permitted(people: Sequence[UUID], channel: str) -> set[UUID]:
    """Of these people, those who may be written to: by status, address, list and consent; what they
    got lately and what holds them now are left out of it."""
    values: dict[str, Any] = {"tenant": current_tenant(), "people": list(people),
                              "channel": channel, "held": [], **_topic(None)}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(PERMITTED_SQL, values)
        return {row[0] for row in cursor.fetchall()}


def reachable(
    people: Sequence[UUID], channel: str, now: datetime, topic: Topic | None = None
) -> set[UUID]:
    """Of these people, those who may be written to now: by status, address, list, consent and the
    workspace's frequency cap."""
    tenant = Tenant.objects.get(pk=current_tenant())
    values: dict[str, Any] = {
        "tenant": tenant.pk, "people": list(people), "channel": channel,
        "cap": tenant.frequency_cap, "since": now - timedelta(days=tenant.frequency_days),
        "held": holds.among(people), **_topic(topic),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(REACHABLE_SQL, values)
        return {row[0] for row in cursor.fetchall()}
