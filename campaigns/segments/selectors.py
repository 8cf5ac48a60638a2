"""Reading segments: live size, members, and why somebody is in or out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import Phrase, as_is, say, word
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.segments import facts, rules
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
    """One node of a rule for one contact: its sentence, whether it holds, its parts, and what is
    true of the person."""

    sentence: Phrase
    holds: bool
    parts: tuple[Reason, ...] = ()
    actual: Phrase | None = None


def segments(*, q: str = "", state: str = "") -> QuerySet[Segment]:
    """Segments by name; the archived ones only when their state is asked for."""
    rows = Segment.objects.order_by("name")
    rows = rows.filter(state=state) if state else rows.exclude(state=Segment.State.ARCHIVED)
    return rows.filter(name__icontains=q) if q else rows


def as_choices(own: Segment | None = None) -> list[tuple[str, str]]:
    """Segments to choose an audience from; the one that stands there now is always among them."""
    rows = list(segments())
    if own is not None and own not in rows:
        rows.insert(0, own)
    return [(str(row.pk), f"{row.name} ({row.size:,})") for row in rows]


def segment(segment_id: uuid.UUID | str, *, lock: bool = False) -> Segment:
    rows = Segment.objects.select_for_update() if lock else Segment.objects.all()
    row = rows.filter(pk=segment_id).first()
    if row is None:
        raise NotFound(say("There is no such segment in this workspace."))
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
            words = say("All of these") if kind == "all" else say("At least one of these")
            return Reason(words, true, parts)
    if "not" in node:
        inner = _explain(node["not"], contact_id)
        return Reason(say("Not"), not inner.holds, (inner,))
    return Reason(sentence(node), holds(node, contact_id), actual=facts.of(node, contact_id))


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
    "is": partial(say, "%(field)s is %(value)s"),
    "is_not": partial(say, "%(field)s is not %(value)s"),
    "in": partial(say, "%(field)s is one of %(value)s"),
    "contains": partial(say, "%(field)s contains %(value)s"),
    "starts_with": partial(say, "%(field)s starts with %(value)s"),
    "above": partial(say, "%(field)s is above %(value)s"),
    "below": partial(say, "%(field)s is below %(value)s"),
}


def sentence(node: dict[str, Any]) -> Phrase:
    """A condition in words."""
    if "trait" in node or "profile" in node:
        return _of_field(node)
    if "did" in node or "did_not" in node:
        return _of_deed(node)
    if "consent" in node:
        values = {"channel": word(node["consent"]), "state": word(node["is"])}
        if "topic" in node:
            return say("consent to “%(topic)s” by %(channel)s is %(state)s",
                       topic=node["topic"], **values)  # fmt: skip
        return say("consent to %(channel)s is %(state)s", **values)
    if "score" in node:
        tests = {"above": say("above"), "below": say("below")}
        told = [say("%(test)s %(value)s", test=name, value=f"{node[test]:.0%}")
                for test, name in tests.items() if test in node]  # fmt: skip
        return say("the score “%(score)s” is %(tests)s", score=node["score"],
                   tests=_joined("and", told))  # fmt: skip
    if "bucket" in node:
        share = f"{node.get('from', 0)}–{node['to']} %"
        return say("falls in %(share)s of “%(draw)s”", share=share, draw=node["bucket"])
    other = Segment.objects.filter(pk=node["segment"]).first()
    return say("is in the segment “%(segment)s”", segment=other or "?")


def _of_field(node: dict[str, Any]) -> Phrase:
    field = as_is(node["trait"]) if "trait" in node else word(node["profile"])
    if "exists" in node:
        return (
            say("%(field)s is known", field=field)
            if node["exists"]
            else say("%(field)s is unknown", field=field)
        )
    return _joined(
        "and", [WORDS[t](field=field, value=_shown(node[t])) for t in WORDS if t in node]
    )


def _of_deed(node: dict[str, Any]) -> Phrase:
    told = (
        say("did “%(event)s”", event=node["did"])
        if "did" in node
        else say("did not do “%(event)s”", event=node["did_not"])
    )
    for more in _details(node):
        told = say("%(told)s %(more)s", told=told, more=more)
    return told


def _details(node: dict[str, Any]) -> Iterator[Phrase]:
    if node.get("times", 1) > 1:
        yield say("at least %(times)s times", times=node["times"])
    if "category" in node:
        yield say("in %(category)s", category=node["category"])
    if "value_above" in node:
        yield say("worth over %(value)s", value=str(node["value_above"]))
    if "within_days" in node:
        yield say("in the last %(days)s days", days=str(node["within_days"]))


def describe(node: dict[str, Any]) -> Phrase:
    """A whole rule as one line of words."""
    for kind, joint in (("all", "and"), ("any", "or")):
        if kind in node:
            return _joined(joint, [_nested(n) for n in node[kind]])
    return say("not (%(rule)s)", rule=describe(node["not"])) if "not" in node else sentence(node)


def _nested(node: dict[str, Any]) -> Phrase:
    words = describe(node)
    return say("(%(rule)s)", rule=words) if set(node) & {"all", "any"} else words


def _joined(joint: str, parts: list[Phrase]) -> Phrase:
    told = parts[0]
    for part in parts[1:]:
        told = (
            say("%(one)s and %(other)s", one=told, other=part)
            if joint == "and"
            else say("%(one)s or %(other)s", one=told, other=part)
        )
    return told


def _shown(value: Any) -> Any:
    if isinstance(value, bool):
        return word(str(value).lower())
    return value if isinstance(value, list) else str(value)
