"""Segments: define, refresh whole, refresh for the few contacts that changed."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.locking import locked
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.segments import rules
from campaigns.segments.compiler import compile_rule
from campaigns.segments.jobs import REFRESH_SEGMENT, RefreshSegment
from campaigns.segments.models import Segment, SegmentRevision
from tenants import undo

logger = logging.getLogger(__name__)

ENTER_SQL = """
INSERT INTO segment_membership (id, tenant_id, segment_id, contact_id)
SELECT gen_random_uuid(), %(tenant)s, %(segment)s, c.id FROM contact c
WHERE c.tenant_id = %(tenant)s AND c.status = 'enabled' AND {limit} AND {condition}
ON CONFLICT (tenant_id, segment_id, contact_id) WHERE left_at IS NULL DO NOTHING"""
LEAVE_SQL = """
UPDATE segment_membership m SET left_at = now()
WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s AND m.left_at IS NULL
  AND {limit} AND m.contact_id NOT IN (
    SELECT c.id FROM contact c WHERE c.tenant_id = %(tenant)s AND c.status = 'enabled'
      AND {within} AND {condition})"""
SIZE_SQL = """
SELECT count(*) FROM segment_membership
WHERE tenant_id = %s AND segment_id = %s AND left_at IS NULL"""


def create(*, name: str, rule: Any, description: str = "") -> Segment:
    rules.checked(rule)
    _check_references(rule, None)
    if not name.strip():
        raise Invalid.one("name", say("Give the segment a name."))
    try:
        with transaction.atomic():
            segment = Segment.objects.create(
                name=name.strip()[:120], rule=rule, description=description[:300]
            )
    except IntegrityError as clash:
        raise Invalid.one(
            "name", say("A segment is called “%(name)s” already.", name=name)
        ) from clash
    SegmentRevision.objects.create(segment=segment, version=1, rule=rule)
    REFRESH_SEGMENT.enqueue(RefreshSegment(segment.pk), dedupe_key=str(segment.pk))
    audit.record("segments.create", segment, rule=rule)
    return segment


def change(
    *,
    segment: Segment,
    rule: Any,
    version: int,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """A new definition. `version` is the one the editor saw; another since then is a Conflict."""
    rules.checked(rule)
    locked(segment)  # an archiving waits, or is seen
    if segment.state == Segment.State.ARCHIVED:
        raise Conflict(say("An archived segment is not changed; make a new one."))
    _check_references(rule, segment.pk)
    values = {"rule": rule, "version": version + 1, "state": Segment.State.LOADING}
    if name is not None:
        if not name.strip():
            raise Invalid.one("name", say("Give the segment a name."))
        values["name"] = name.strip()[:120]
    if description is not None:
        values["description"] = description[:300]
    try:
        with transaction.atomic():
            won = Segment.objects.filter(pk=segment.pk, version=version).update(**values)
    except IntegrityError as clash:
        raise Invalid.one(
            "name", say("A segment is called “%(name)s” already.", name=name)
        ) from clash
    if not won:
        raise Conflict(
            say("Someone else changed this segment while you edited; reload to compare.")
        )
    before = segment.rule
    segment.refresh_from_db()
    SegmentRevision.objects.create(segment=segment, version=segment.version, rule=rule)
    REFRESH_SEGMENT.enqueue(RefreshSegment(segment.pk), dedupe_key=str(segment.pk))
    audit.record("segments.change", segment, before=before, after=rule)


def archive(*, segment: Segment) -> None:
    """Put a segment away: it is not updated any more, and no new campaign can use it.

    Raises Conflict while a segment that is kept up to date includes it.
    """
    locked(segment)
    users = [
        other.name
        for other in Segment.objects.exclude(state=Segment.State.ARCHIVED)
        if str(segment.pk) in rules.referenced_segments(other.rule)
    ]
    if users:
        raise Conflict(
            say("“%(user)s” includes this segment; change that rule first.", user=users[0])
        )
    Segment.objects.filter(pk=segment.pk).update(state=Segment.State.ARCHIVED)
    audit.record("segments.archive", segment)


def restore(*, segment: Segment) -> None:
    """Take an archived segment up again; its members are worked out afresh."""
    won = Segment.objects.filter(pk=segment.pk, state=Segment.State.ARCHIVED).update(
        state=Segment.State.LOADING
    )
    if not won:
        raise Conflict(say("This segment is not archived."))
    REFRESH_SEGMENT.enqueue(RefreshSegment(segment.pk), dedupe_key=str(segment.pk))
    audit.record("segments.restore", segment)


@undo.deed("segments.archive", verb="segments.edit")
def take_up(*, segment_id: str) -> None:
    """Restore by id: what takes an archiving back."""
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        raise NotFound(say("There is no such segment in this workspace."))
    restore(segment=segment)


def _check_references(rule: Any, own: UUID | None) -> None:
    """Every included segment exists, and no path of inclusions leads back here."""
    seen: set[str] = set()
    waiting = rules.referenced_segments(rule)
    while waiting:
        if own is not None and str(own) in waiting:
            raise Invalid.one("rule", say("The segment would include itself."))
        # held, so that none of them is archived while this one begins to need it
        usable = Segment.objects.exclude(state=Segment.State.ARCHIVED).select_for_update()
        found = {str(s.pk): s for s in usable.filter(pk__in=waiting)}
        missing = waiting - set(found)
        if missing:
            raise Invalid.one(
                "rule.segment",
                say("There is no segment %(id)s in use.", id=sorted(missing)[0]),
            )
        seen |= waiting
        waiting = set().union(*(rules.referenced_segments(s.rule) for s in found.values())) - seen


def refresh(segment: Segment) -> tuple[int, int]:
    """Work the whole segment out again: (entered, left)."""
    moved = _apply(segment, None)
    with connection.cursor() as cursor:
        cursor.execute(SIZE_SQL, [current_tenant(), segment.pk])
        size = cursor.fetchone()[0]
    Segment.objects.filter(pk=segment.pk, version=segment.version).exclude(
        state=Segment.State.ARCHIVED
    ).update(size=size, refreshed_at=timezone.now(), state=Segment.State.READY)
    live.push(current_tenant(), "segments", str(segment.pk))
    return moved


def refresh_contacts(contacts: list[UUID]) -> None:
    """Update every segment for the contacts whose events just came. Segments that include
    others come after them."""
    if not contacts:
        return
    for segment in _in_order(list(Segment.objects.exclude(state=Segment.State.ARCHIVED))):
        try:
            with transaction.atomic():
                entered, left = _apply(segment, contacts)
        except DatabaseError as broken:  # one segment must not hold up everybody's profile
            logger.warning("segment %s could not be applied: %s", segment.pk, broken)
            continue
        if entered or left:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE segment SET size = size + %s, refreshed_at = now() "
                    "WHERE tenant_id = %s AND id = %s",
                    [entered - left, current_tenant(), segment.pk],
                )


def refresh_scored(key: str) -> None:
    """Work out anew, soon, every segment that asks for a score, and those that include it."""
    asked: set[str] = set()
    for segment in _in_order(list(Segment.objects.exclude(state=Segment.State.ARCHIVED))):
        others = rules.referenced_segments(segment.rule)
        if key in rules.referenced_scores(segment.rule) or others & asked:
            asked.add(str(segment.pk))
            REFRESH_SEGMENT.enqueue(RefreshSegment(segment.pk), dedupe_key=str(segment.pk))


def _in_order(segments: list[Segment]) -> list[Segment]:
    by_id = {str(s.pk): s for s in segments}
    done: dict[str, Segment] = {}

    def visit(key: str) -> None:
        if key in done or key not in by_id:
            return
        for other in rules.referenced_segments(by_id[key].rule):
            visit(other)
        done[key] = by_id[key]

    for key in by_id:
        visit(key)
    return list(done.values())


def _apply(segment: Segment, contacts: list[UUID] | None) -> tuple[int, int]:
    compiled = compile_rule(segment.rule, only=contacts is not None)
    values = {
        **compiled.parameters,
        "tenant": current_tenant(),
        "segment": segment.pk,
        "contacts": contacts,
    }
    limit = {"m": "true", "c": "true"}
    if contacts is not None:
        limit = {"m": "m.contact_id = ANY(%(contacts)s)", "c": "c.id = ANY(%(contacts)s)"}
    with connection.cursor() as cursor:
        cursor.execute(
            LEAVE_SQL.format(limit=limit["m"], within=limit["c"], condition=compiled.sql), values
        )
        left = cursor.rowcount
        cursor.execute(ENTER_SQL.format(limit=limit["c"], condition=compiled.sql), values)
        return cursor.rowcount, left
