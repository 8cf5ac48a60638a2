"""Who comes in, who hears what they waited for, who is led out: asked when people's events were
folded, when a segment was worked out, and by the clock.

    events folded → hear(contacts): people who merged · exits and waits · who comes in

An entry (one event, one stay in a segment) lets a person in at most once, whatever is run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Exists, OuterRef

from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant
from campaigns.automations import flow as flows
from campaigns.automations import walking
from campaigns.automations.flow import Entry
from campaigns.automations.models import Journey, JourneyRun, TurnedAway
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.segments import selectors as segments
from campaigns.segments.models import Segment, SegmentMembership

FRESH = timedelta(days=1)  # an event that comes in later than this begins no journey
AMPLE = timedelta(hours=1)
BATCH = 200
Outcome = JourneyRun.Outcome

EVENTS_SQL = """
SELECT e.id, e.contact_id, e.at, e.properties FROM event e
WHERE e.tenant_id = %(tenant)s AND e.contact_id = ANY(%(contacts)s) AND e.name = %(name)s
  AND e.at > %(fresh)s AND e.received_at >= %(launched)s AND NOT e.is_machine
  AND NOT EXISTS (SELECT 1 FROM automation_run r WHERE r.tenant_id = e.tenant_id
    AND r.journey_id = %(journey)s AND r.entry = 'event:' || e.id)
  AND NOT EXISTS (SELECT 1 FROM automation_turned_away a WHERE a.tenant_id = e.tenant_id
    AND a.journey_id = %(journey)s AND a.event_id = e.id)
ORDER BY e.at, e.id"""


def running() -> list[Journey]:
    """Journeys that lead people now."""
    rows = Journey.objects.filter(campaign__state="running", live__isnull=False)
    return list(rows.select_related("campaign", "live").order_by("id"))


def hear(people: Sequence[UUID], now: datetime) -> None:
    """These contacts were folded: events came in, traits and memberships are those of now."""
    journeys = running()
    if not journeys or not people:
        return
    _follow_merges(people)
    _listen(people, now)
    for journey in journeys:
        assert journey.live is not None  # noqa: S101
        entry = walking.flow_of(journey.live).entry
        if entry.on == "event":
            _let_in_by_event(journey, entry, people, now)
        else:
            let_in_by_segment(journey, now, people=people)


def _follow_merges(people: Sequence[UUID]) -> None:
    """A visitor who said who they are goes on as that person, unless that one is on it already."""
    for visitor, known in contacts.merged_into(people).items():
        for run in JourneyRun.objects.filter(contact_id=visitor).exclude(state="ended"):
            twin = JourneyRun.objects.filter(journey_id=run.journey_id, contact_id=known,
                                             key=run.key).exclude(state="ended")  # fmt: skip
            if not twin.exists():
                JourneyRun.objects.filter(pk=run.pk).update(contact_id=known)


def _listen(people: Sequence[UUID], now: datetime) -> None:
    """Exits, and waits that are answered."""
    rows = JourneyRun.objects.filter(
        contact_id__in=people, state="active", journey__campaign__state="running"
    )
    for run in walking.lock(list(rows.values_list("pk", flat=True)), waits=True):
        flow = walking.flow_of(run.version)
        step = flow.steps.get(run.node)
        if left := walking.led_out(run, flow):
            walking.end(run, left, now)
        elif step is not None and step.kind == "wait":
            walking.lead([run], now)


def _let_in_by_event(
    journey: Journey, entry: Entry, people: Sequence[UUID], now: datetime
) -> None:  # fmt: skip
    values: dict[str, Any] = {
        "tenant": current_tenant(), "contacts": list(people), "name": entry.event.event,
        "fresh": now - FRESH, "launched": journey.campaign.launched_at, "journey": journey.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(EVENTS_SQL, values)
        found = cursor.fetchall()
    if not found:
        return
    audience = Segment.objects.filter(pk=entry.segment).first() if entry.segment else None
    earlier = _earlier(journey, {row[1] for row in found})
    invited: dict[UUID, bool] = {}
    away: list[TurnedAway] = []
    for event_id, contact_id, at, properties in found:
        facts = orjson.loads(properties) if isinstance(properties, str) else properties
        if not flows.matches(entry.event, facts):
            continue
        key = str(facts.get(entry.key, "") or "")[:200] if entry.key else ""
        if entry.key and not key:
            continue
        if not _may_enter(earlier.get((contact_id, key), []), entry, at):
            continue
        if audience is not None and contact_id not in invited:
            invited[contact_id] = segments.holds(audience.rule, contact_id)
        if not invited.get(contact_id, True):
            away.append(TurnedAway(journey=journey, event_id=event_id))
            continue
        _end_for(earlier.get((contact_id, key), []), now)
        _begin(journey, [(contact_id, f"event:{event_id}", key, at)], now)
        earlier |= _earlier(journey, {contact_id})
    TurnedAway.objects.bulk_create(away, ignore_conflicts=True)


def forget_turned_away(now: datetime) -> None:
    """An event that is no longer fresh lets nobody in anyway."""
    TurnedAway.objects.filter(created_at__lt=now - FRESH - AMPLE).delete()


def _earlier(
    journey: Journey, people: Iterable[UUID]
) -> dict[tuple[UUID, str], list[JourneyRun]]:  # fmt: skip
    """Every run of these people, by person and key."""
    found: dict[tuple[UUID, str], list[JourneyRun]] = {}
    for run in JourneyRun.objects.filter(journey=journey, contact_id__in=list(people)):
        found.setdefault((run.contact_id, run.key), []).append(run)
    return found


def _may_enter(earlier: Sequence[JourneyRun], entry: Entry, at: datetime) -> bool:
    """The rule of coming in again, by the earlier runs of this person and key. An event that fell
    into an earlier run belongs to that one."""
    if entry.again == "never":
        return not earlier
    going = [run for run in earlier if run.state != JourneyRun.State.ENDED]
    if going:
        return entry.again == "restart" and at > max(run.entered_at for run in going)
    return all(run.ended_at is None or at > run.ended_at for run in earlier)


def _end_for(earlier: Sequence[JourneyRun], now: datetime) -> None:
    """A new run begins: what is still on the way ends."""
    going = [run.pk for run in earlier if run.state != JourneyRun.State.ENDED]
    for run in walking.lock(going, waits=True, stuck=True) if going else []:
        walking.end(run, Outcome.RESTARTED, now)


def let_in_by_segment(
    journey: Journey, now: datetime, *, people: Sequence[UUID] | None = None, most: int = BATCH
) -> int:  # fmt: skip
    """Members of the entry's segment who are not in yet; how many came in. Of everybody, `most`."""
    assert journey.live is not None  # noqa: S101
    entry = walking.flow_of(journey.live).entry
    stays = SegmentMembership.objects.filter(segment_id=entry.segment, left_at=None)
    if people is not None:
        stays = stays.filter(contact_id__in=people)
    if not entry.existing and journey.campaign.launched_at is not None:
        stays = stays.filter(created_at__gte=journey.campaign.launched_at)
    mine = JourneyRun.objects.filter(journey=journey, contact_id=OuterRef("contact_id"))
    if entry.again == "never":
        stays = stays.exclude(Exists(mine))
    else:
        stays = stays.exclude(Exists(mine.exclude(state="ended")))
        stays = stays.exclude(Exists(mine.filter(ended_at__gt=OuterRef("created_at"))))
    rows = stays.order_by("created_at", "id").values_list("id", "contact_id")
    found = list(rows if people is not None else rows[:most])
    return _begin(journey, [(who, f"stay:{stay}", "", now) for stay, who in found], now)


def lead_out(journey: Journey, now: datetime, most: int = BATCH) -> int:
    """Those who left the segment since; how many were led out."""
    assert journey.live is not None  # noqa: S101
    leaving = [v.pk for v in journey.versions.all() if walking.flow_of(v).exit.leave]
    if not leaving:
        return 0
    entry = walking.flow_of(journey.live).entry
    members = SegmentMembership.objects.filter(segment_id=entry.segment or None, left_at=None)
    rows = JourneyRun.objects.filter(
        journey=journey, state="active", version_id__in=leaving
    ).exclude(Exists(members.filter(contact_id=OuterRef("contact_id"))))
    led = 0
    for run in walking.lock(list(rows.order_by("id").values_list("pk", flat=True)[:most])):
        if left := walking.led_out(run, walking.flow_of(run.version)):
            walking.end(run, left, now)
            led += 1
    return led


def _begin(
    journey: Journey, who: Iterable[tuple[UUID, str, str, datetime]], now: datetime
) -> int:  # fmt: skip
    """Runs for (contact, entry, key, when); what another process let in meanwhile is left to it."""
    rows = [
        JourneyRun(id=new_id(), journey=journey, version=journey.live, contact_id=contact_id,
                   entry=entry, key=key, entered_at=min(at, now), since=now)
        for contact_id, entry, key, at in who
    ]  # fmt: skip
    JourneyRun.objects.bulk_create(rows, ignore_conflicts=True)
    mine = walking.lock([row.pk for row in rows])
    walking.lead(mine, now)
    return len(mine)


def of_segment(segment_id: UUID) -> list[Journey]:
    """Running journeys that members of this segment come into, or that leave it with them."""
    return [
        journey for journey in running()
        if journey.live is not None
        and walking.flow_of(journey.live).entry.segment == str(segment_id)
    ]  # fmt: skip


def contacts_of(journey: Journey, after: UUID | None) -> list[UUID]:
    """People on the way, a batch by contact id: after a pause they are heard anew."""
    rows = Contact.objects.filter(
        Exists(JourneyRun.objects.filter(journey=journey, contact_id=OuterRef("pk"),
                                         state="active"))
    )  # fmt: skip
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
