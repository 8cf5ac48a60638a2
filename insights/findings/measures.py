"""The share that a finding is about, counted over a stretch of time: (part, whole), weighed so that
copies of a flood share one voice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from attune.kernel.tenancy import current_tenant
from insights.graph import wishes
from insights.topics import trends
from insights.topics.trends import Count, Shift

# ruff: noqa: S608 - the parts are constants
TEXTS = """FROM insight_document d WHERE d.tenant_id = %(tenant)s AND d.state = 'read'
 AND d.at >= %(since)s AND d.at < %(until)s"""
MENTIONS = """FROM mention m WHERE m.tenant_id = %(tenant)s AND m.at >= %(since)s
 AND m.at < %(until)s AND m.feature_id = %(feature)s"""
SQL = {
    "topic_moved": f"""SELECT coalesce(sum(d.weight) FILTER (WHERE EXISTS (
        SELECT 1 FROM topic_belonging b WHERE b.tenant_id = d.tenant_id AND b.document_id = d.id
        AND b.topic_id = %(topic)s)), 0), coalesce(sum(d.weight), 0) {TEXTS}""",
    "feature_moved": f"""SELECT coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0),
        coalesce(sum(m.weight), 0) {MENTIONS}""",
    "feature_bad": f"""SELECT coalesce(sum(m.weight) FILTER (WHERE m.polarity < 0), 0),
        coalesce(sum(m.weight), 0) {MENTIONS} AND m.product_id = %(product)s""",
    "segment_says": f"""SELECT coalesce(sum(d.weight) FILTER (WHERE EXISTS (
        SELECT 1 FROM mention m WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id
        AND m.feature_id = %(feature)s)), 0), coalesce(sum(d.weight), 0) {TEXTS}
        AND EXISTS (SELECT 1 FROM segment_membership s WHERE s.tenant_id = d.tenant_id
        AND s.contact_id = d.contact_id AND s.segment_id = %(segment)s AND s.left_at IS NULL)""",
    "wish": f"""SELECT coalesce(sum(d.weight) FILTER (WHERE d.text ~* %(wish)s AND EXISTS (
        SELECT 1 FROM mention m WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id
        AND m.feature_id = %(feature)s)), 0), coalesce(sum(d.weight), 0) {TEXTS}
        AND d.product_id = %(product)s""",
}  # fmt: skip
SQL["feeling"] = f"""SELECT coalesce(sum(d.weight) FILTER (WHERE EXISTS (
    SELECT 1 FROM reading r WHERE r.tenant_id = d.tenant_id AND r.document_id = d.id
    AND r.feeling = 'negative')), 0), coalesce(sum(d.weight), 0) {TEXTS}"""
SQL["followed"] = SQL["feature_moved"]
NOTHING = {"topic": None, "feature": None, "product": None, "segment": None}
LEAST = 10.0  # weighed texts on either side, below which nothing is said of a change


@dataclass(frozen=True, slots=True)
class Share:
    part: float
    whole: float

    @property
    def rate(self) -> float:
        return self.part / self.whole if self.whole else 0.0


def share(kind: str, about: dict[str, Any], since: datetime, until: datetime) -> Share:
    """Of a kind that has one (all but `person`)."""
    values = {**NOTHING, **about, "tenant": current_tenant(), "since": since, "until": until,
              "wish": wishes.SQL_PATTERN}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(SQL[kind], values)
        part, whole = cursor.fetchone()
    return Share(float(part), float(whole))


def change(kind: str, about: dict[str, Any], since: datetime, now: datetime) -> Shift | None:
    """How the share moved from the time before `since`, as long as since then (28 days at least),
    to the time since; None where either side is too small."""
    before = max(now - since, timedelta(days=28))
    was = share(kind, about, since - before, since)
    is_now = share(kind, about, since, now)
    if was.whole < LEAST or is_now.whole < LEAST:
        return None
    (found,) = trends.shifts([Count(is_now.part, is_now.whole, was.part, was.whole)])
    return found
