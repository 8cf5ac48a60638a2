"""Reading segments: live size, members, and why somebody is in or out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.segments import rules
from campaigns.segments.compiler import compile_rule
from campaigns.segments.models import Segment, SegmentMembership

PREVIEW_MS = 2_000


@dataclass(frozen=True, slots=True)
class Size:
    """How many contacts a rule holds now. `count` is None when counting took over 2 seconds."""

    count: int | None
    of: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One node of a rule for one contact: its sentence, whether it holds, its parts."""

    sentence: str
    holds: bool
    parts: tuple[Reason, ...] = ()


def segments() -> QuerySet[Segment]:
    return Segment.objects.exclude(state=Segment.State.ARCHIVED).order_by("name")


def segment(segment_id: uuid.UUID | str) -> Segment:
    row = Segment.objects.filter(pk=segment_id).first()
    if row is None:
        raise NotFound("There is no such segment in this workspace.")
    return row


def members(of: Segment) -> QuerySet[SegmentMembership]:
    rows = SegmentMembership.objects.filter(segment=of, left_at=None)
    return rows.select_related("contact").order_by("-id")


def preview(rule: Any) -> Size:
    """Live size of a rule that need not be saved. Raises Invalid with its mistakes."""
    compiled = compile_rule(rules.checked(rule))
    where = "c.tenant_id = %(tenant)s AND c.status = 'enabled'"
    values = {**compiled.parameters, "tenant": current_tenant()}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM contact c WHERE {where}", values)  # noqa: S608
        everyone = cursor.fetchone()[0]
        try:
            with transaction.atomic():
                cursor.execute(f"SET LOCAL statement_timeout = {PREVIEW_MS}")
                cursor.execute(
                    f"SELECT count(*) FROM contact c WHERE {where} AND {compiled.sql}",  # noqa: S608
                    values,
                )
                count = cursor.fetchone()[0]
                cursor.execute("SET LOCAL statement_timeout = 0")
        except OperationalError:
            return Size(None, everyone)
    return Size(count, everyone)


def explain(of: Segment, contact: Contact) -> Reason:
    """Why a contact is in or out: every node of the rule with its truth for this person."""
    return _explain(of.rule, contact.pk)


def _explain(node: dict[str, Any], contact_id: uuid.UUID) -> Reason:
    for kind in ("all", "any"):
        if kind in node:
            parts = tuple(_explain(n, contact_id) for n in node[kind])
            true = (all if kind == "all" else any)(p.holds for p in parts)
            return Reason("All of these" if kind == "all" else "At least one of these", true, parts)
    if "not" in node:
        inner = _explain(node["not"], contact_id)
        return Reason("Not", not inner.holds, (inner,))
    return Reason(sentence(node), holds(node, contact_id))


def holds(rule: dict[str, Any], contact_id: uuid.UUID) -> bool:
    """Whether a sound rule holds for one contact at this moment: included segments are asked by
    their rules, not by their stored members. Traits and profile are those of the last fold."""
    compiled = compile_rule(inlined(rule), only=True)
    values = {**compiled.parameters, "tenant": current_tenant(), "contacts": [contact_id]}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM contact c WHERE c.tenant_id = %(tenant)s "  # noqa: S608
            f"AND c.id = ANY(%(contacts)s) AND {compiled.sql}",
            values,
        )
        return cursor.fetchone() is not None


def inlined(node: Any) -> Any:
    """A rule with the rules of the segments it includes in their place; none includes itself."""
    if isinstance(node, list):
        return [inlined(part) for part in node]
    if not isinstance(node, dict):
        return node
    if "segment" in node:
        return inlined(segment(str(node["segment"])).rule)
    return {key: inlined(value) for key, value in node.items()}


WORDS = {
    "is": "is", "is_not": "is not", "in": "is one of", "contains": "contains",
    "starts_with": "starts with", "above": "is above", "below": "is below",
}  # fmt: skip


def sentence(node: dict[str, Any]) -> str:
    """A condition in words."""
    if "trait" in node or "profile" in node:
        name = node.get("trait") or node["profile"]
        if "exists" in node:
            return f"{name} is {'known' if node['exists'] else 'unknown'}"
        tests = [f"{WORDS[t]} {_shown(node[t])}" for t in WORDS if t in node]
        return f"{str(name).replace('_', ' ')} {' and '.join(tests)}"
    if "did" in node or "did_not" in node:
        verb = f"did “{node['did']}”" if "did" in node else f"did not do “{node['did_not']}”"
        times = f" at least {node['times']} times" if node.get("times", 1) > 1 else ""
        days = f" in the last {node['within_days']} days" if "within_days" in node else ""
        kind = f" in {node['category']}" if "category" in node else ""
        value = f" worth over {node['value_above']}" if "value_above" in node else ""
        return verb + times + kind + value + days
    if "consent" in node:
        return f"consent to {node['consent']} is {node['is']}"
    if "bucket" in node:
        return f"falls in {node.get('from', 0)}–{node['to']} % of “{node['bucket']}”"
    other = Segment.objects.filter(pk=node["segment"]).first()
    return f"is in the segment “{other or 'unknown'}”"


def describe(node: dict[str, Any]) -> str:
    """A whole rule as one line of words."""
    for kind, joint in (("all", " and "), ("any", " or ")):
        if kind in node:
            return joint.join(
                f"({describe(n)})" if set(n) & {"all", "any"} else describe(n) for n in node[kind]
            )
    return f"not ({describe(node['not'])})" if "not" in node else sentence(node)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
