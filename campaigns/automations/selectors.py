"""Reading journeys, their people, and how they fare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Substr
from django.utils import timezone

from attune.kernel.errors import NotFound
from attune.kernel.phrases import HIDDEN, Phrase, as_is, say, veiled
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from campaigns.automations import flow as flows
from campaigns.automations.models import Journey, JourneyRun, JourneyStep
from campaigns.automations.walking import WINDOW
from campaigns.contacts.models import EventCount
from campaigns.content.models import Channel, Revision
from campaigns.delivery import reach
from campaigns.delivery.models import Campaign, Send
from campaigns.delivery.reach import Reach
from campaigns.experiments.statistics import Moments, effect
from campaigns.segments.models import Segment

RUN_HEX = 32  # letters of a run's id in a message's slot
ASKED_OF = timedelta(days=30)
MOST_WHYS, PLACES = 3, re.compile(r"%\((\w+)\)s")
NOT_SENT = ("failed", "suppressed", "capped", "aborted", "uncertain")


def journeys(*, q: str = "", state: str = "") -> QuerySet[Journey]:
    rows = Journey.objects.select_related("campaign", "live").order_by("-id")
    rows = rows.filter(campaign__name__icontains=q) if q else rows
    return rows.filter(campaign__state=state) if state else rows


def journey(pk: UUID | str, *, lock: bool = False) -> Journey:
    rows = journeys()
    rows = rows.select_for_update(of=("self",)) if lock else rows
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such journey in this workspace."))
    return row


def of_campaign(campaign_id: UUID) -> Journey:
    row = journeys().filter(campaign_id=campaign_id).first()
    if row is None:
        raise NotFound(say("There is no such journey in this workspace."))
    return row


def run(pk: UUID | str) -> JourneyRun:
    rows = JourneyRun.objects.select_related("journey__campaign", "version", "contact", "send")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such way through a journey in this workspace."))
    return row


def runs(of: Journey, *, state: str = "", node: str = "") -> QuerySet[JourneyRun]:
    rows = of.runs.select_related("contact", "version").order_by("-id")
    rows = rows.filter(state=state) if state else rows
    return rows.filter(node=node, state="active") if node else rows


def of_contact(contact_id: UUID) -> QuerySet[JourneyRun]:
    rows = JourneyRun.objects.filter(contact_id=contact_id)
    return rows.select_related("journey__campaign").order_by("-id")


def counts_of(of: list[Journey]) -> dict[UUID, dict[str, int]]:
    """{journey: {state: people}} of several."""
    rows = JourneyRun.objects.filter(journey__in=of).values("journey_id", "state")
    found: dict[UUID, dict[str, int]] = {}
    for row in rows.annotate(n=Count("id")):
        found.setdefault(row["journey_id"], {})[row["state"]] = row["n"]
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """People of one step: who came, who stands there now, and what became of them by word."""

    came: int = 0
    here: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)
    whys: tuple[tuple[Phrase, int], ...] = ()  # why messages did not leave, the commonest first


@dataclass(frozen=True, slots=True)
class Progress:
    """A journey in people: who came in, who is on the way, how the others ended, and each step."""

    entered: int
    active: int
    stuck: int
    outcomes: Mapping[str, int]
    steps: Mapping[str, Tally]

    @property
    def converted(self) -> int:
        return self.outcomes.get(JourneyRun.Outcome.CONVERTED, 0)

    @property
    def ended(self) -> int:
        return sum(self.outcomes.values())


def progress(of: Journey) -> Progress:
    rows = of.runs.values("state", "outcome").annotate(n=Count("id"))
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for row in rows:
        states[row["state"]] = states.get(row["state"], 0) + row["n"]
        if row["state"] == JourneyRun.State.ENDED:
            outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["n"]
    here = dict(
        of.runs.filter(state="active").values_list("node").annotate(n=Count("id")).order_by()
    )
    ways: dict[str, dict[str, int]] = {}
    counted = JourneyStep.objects.filter(journey=of).values("node", "what").annotate(n=Count("id"))
    for row in counted.order_by():
        ways.setdefault(row["node"], {})[row["what"]] = row["n"]
    whys = _whys(of)
    steps = {
        node: Tally(what.pop("arrived", 0), here.get(node, 0), what, whys.get(node, ()))
        for node, what in ways.items()
    }
    return Progress(
        sum(states.values()), states.get("active", 0), states.get("stuck", 0), outcomes, steps
    )


def _whys(of: Journey) -> dict[str, tuple[tuple[Phrase, int], ...]]:
    """{step: why its messages did not leave}; a message's slot names its run and step."""
    rows = Send.objects.filter(campaign=of.campaign_id, state__in=NOT_SENT)
    told = {"node": Substr("slot", RUN_HEX + 2), "text": KeyTextTransform("text", "reason")}
    counted = rows.annotate(**told).values("node", "state", "text").annotate(n=Count("id"))
    found: dict[str, dict[Phrase, int]] = {}
    for row in counted.order_by("-n", "text"):  # by the sentence, not by whom it names
        text = row["text"] or ""
        why = Phrase(text, dict.fromkeys(PLACES.findall(text), HIDDEN))
        if why in ("", HIDDEN):
            why = as_is(str(Send.State(row["state"]).label))
        whys = found.setdefault(row["node"], {})
        whys[why] = whys.get(why, 0) + row["n"]
    return {node: tuple(whys.items())[:MOST_WHYS] for node, whys in found.items()}


def reasons_of(run: JourneyRun, *, personal: bool) -> dict[str, Phrase]:
    """{step: why its message to this person did not leave}; without names unless `personal`."""
    rows = Send.objects.filter(
        campaign=run.journey.campaign_id, contact=run.contact_id, state__in=NOT_SENT,
        slot__startswith=f"{run.pk.hex}:",
    )  # fmt: skip
    return {
        send.slot[RUN_HEX + 1 :]: send.reason if personal else veiled(send.reason)
        for send in rows
        if send.reason
    }


@dataclass(frozen=True, slots=True)
class Group:
    """A random group of a step: its people, how many of them reached the goal, and how its rate
    differs from the first group's, with a 95 % interval; None for the first or too few."""

    key: str
    people: int
    reached: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def rate(self) -> float | None:
        return self.reached / self.people if self.people else None


ENOUGH = 20  # people of a group, before groups are compared
GROUPS_SQL = """
WITH firsts AS (
  SELECT DISTINCT ON (r.contact_id) r.contact_id, r.key, s.what, s.at
  FROM automation_step s JOIN automation_run r ON r.tenant_id = s.tenant_id AND r.id = s.run_id
  WHERE s.tenant_id = %(tenant)s AND s.journey_id = %(journey)s AND s.node = %(node)s
    AND s.what = ANY(%(keys)s)
  ORDER BY r.contact_id, s.at, s.id)
SELECT f.what, count(*), count(*) FILTER (WHERE EXISTS (
  SELECT 1 FROM event e WHERE e.tenant_id = %(tenant)s AND e.contact_id = f.contact_id
    AND e.name = %(goal)s AND e.at > f.at AND e.at < f.at + %(window)s AND NOT e.is_machine
    AND (%(key)s = '' OR e.properties ->> %(key)s = f.key)))
FROM firsts f GROUP BY f.what"""


def groups(of: Journey, step_id: str, keys: list[str]) -> list[Group]:
    """How the random groups of a step fare, by who reached the goal within 30 days of the draw,
    also after they left the journey: each person once, by their first time."""
    entry, leave = of.draft.get("entry", {}), of.draft.get("exit", {})
    if of.live is not None:
        entry, leave = of.live.flow.get("entry", {}), of.live.flow.get("exit", {})
    values = {
        "tenant": current_tenant(), "journey": of.pk, "node": step_id, "keys": keys,
        "goal": leave.get("event", ""), "window": WINDOW,
        "key": entry.get("key", "") if leave.get("keyed") else "",
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(GROUPS_SQL, values)
        found = {what: _rate(n, reached) for what, n, reached in cursor.fetchall()}
    rows = []
    for key in keys:
        mine, first = found.get(key, _rate(0, 0)), found.get(keys[0], _rate(0, 0))
        told = effect({0: first}, {0: mine}) if key != keys[0] else None
        told = told if min(mine.n, first.n) >= ENOUGH else None
        group = Group(key, mine.n, int(mine.total))
        if told is not None:
            group = replace(group, difference=told.difference, low=told.low, high=told.high)
        rows.append(group)
    return rows


def _rate(n: int, reached: int) -> Moments:
    return Moments(n, float(reached), float(reached))


def segment_names(tree: Mapping[str, object]) -> dict[str, str]:
    """{id: name} of the segments that a flow speaks of."""
    wanted = {pk for one in segments_in(tree) if (pk := as_uuid(one))}
    rows = Segment.objects.filter(pk__in=wanted).values_list("pk", "name")
    return {str(pk): name for pk, name in rows}


def segments_in(tree: Mapping[str, object]) -> list[str]:
    entry = dict(tree.get("entry") or {})  # type: ignore[call-overload]
    named = [entry.get("segment"), entry.get("audience")]
    for step, _ in flows.walk(list(tree.get("steps") or [])):  # type: ignore[call-overload]
        named += [b.get("segment") for b in step.get("branches", [])]
    return [str(one) for one in named if one]


def unheard(tree: Mapping[str, object], now: datetime) -> list[str]:
    """Of the events that a flow listens to, those that did not come in within 30 days."""
    wanted = list(dict.fromkeys(flows.events(tree)))
    rows = EventCount.objects.filter(name__in=wanted, day__gte=(now - ASKED_OF).date())
    heard = set(rows.values_list("name", flat=True))
    return [name for name in wanted if name not in heard]


def reach_of(journey: Journey) -> Reach | None:
    """Of those whom the draft would let in, how many can be written to: of the segment, of who did
    the event in the last 30 days, or of who is of both. None before the draft says who comes in,
    and by which channel it writes."""
    entry, channel = journey.draft.get("entry") or {}, channel_of(journey)
    if entry.get("on") not in {"event", "segment"} or channel is None:
        return None
    topic = journey.campaign.topic
    if entry["on"] == "segment":
        segment = as_uuid(str(entry.get("segment", "")))
        return reach.in_segment(segment, channel, topic) if segment else None
    since, audience = timezone.now() - ASKED_OF, as_uuid(str(entry.get("audience") or ""))
    return reach.who_did(str(entry.get("event", "")), since, channel, topic, audience)


def channel_of(journey: Journey) -> str | None:
    """The channel of the draft's first message; None while no text of it is chosen."""
    if journey.campaign.via == Campaign.Via.EMAIL:
        return str(Channel.EMAIL)
    for step, _ in flows.walk(list(journey.draft.get("steps", []))):
        texts = [pk for one in step.get("texts", []) if (pk := as_uuid(str(one)))]
        trial = as_uuid(str(step.get("experiment") or ""))
        rows = Revision.objects.filter(Q(pk__in=texts) | Q(arm__experiment=trial))
        if (texts or trial) and (found := rows.values_list("asset__channel", flat=True).first()):
            return str(found)
    return None
