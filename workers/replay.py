"""Hillstrom's randomised e-mail test through the services of live traffic.

64,000 customers, three arms with probability 1/3 each, visits, conversions and spend of the two
weeks after (Kevin Hillstrom, MineThatData, 2008). Rows become contacts, decisions and events in
batches; the cursor is a trait-free fact of the log, so a stopped replay goes on where it was.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from attune.kernel.errors import Invalid
from campaigns.approval import services as approval
from campaigns.catalog import services as catalog
from campaigns.contacts import folding
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Identity
from campaigns.content import services as content
from campaigns.content.models import Revision
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision, Metric
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment

BATCH = 1_000
KEY = "hillstrom"
ARMS = {"Mens E-Mail": "mens", "Womens E-Mail": "womens", "No E-Mail": "none"}
COLUMNS = {
    "recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel",
    "segment", "visit", "conversion", "spend",
}  # fmt: skip
SENT_DAYS_AGO = 20
WINDOW = timedelta(days=14)
METRICS = (
    ("hillstrom-visit", "Visited", "Site Visited", "conversion"),
    ("hillstrom-conversion", "Converted", "Order Completed", "conversion"),
    ("hillstrom-spend", "Spend", "Order Completed", "value"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One customer of the file; `number` is the row's place, from 0."""

    number: int
    cells: dict[str, str]

    @property
    def user_id(self) -> str:
        return f"hillstrom-{self.number:05d}"

    @property
    def arm(self) -> str:
        return ARMS[self.cells["segment"]]


def read(path: Path) -> Iterator[Row]:
    """The file's rows. Raises Invalid when it is not Hillstrom's."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        file = opener(path, "rt", newline="", encoding="utf-8")
    except OSError as missing:
        raise Invalid.one("path", f"The file cannot be read: {missing}.") from missing
    with file:
        reader = csv.DictReader(file)
        missing_columns = COLUMNS - set(reader.fieldnames or [])
        if missing_columns:
            names = ", ".join(sorted(missing_columns))
            raise Invalid.one("path", f"The file lacks the columns {names}.")
        for number, cells in enumerate(reader):
            if cells["segment"] not in ARMS:
                raise Invalid.one(
                    "segment", f"Row {number} has the unknown arm {cells['segment']}."
                )
            yield Row(number, cells)


def prepare(*, author_id: int | None, reviewer_id: int) -> Experiment:
    """The experiment with its approved texts and metrics; made once."""
    known = Experiment.objects.filter(key=KEY).first()
    if known is not None:
        return known
    metrics = [
        Metric.objects.filter(key=key).first()
        or decisions.save_metric(key=key, name=name, event_name=event, kind=kind)
        for key, name, event, kind in METRICS
    ]
    arms = [experiments.ArmPlan("none", "No e-mail", 1 / 3, None, is_control=True)]
    for key, name, topic in (
        ("mens", "Men's e-mail", "men"),
        ("womens", "Women's e-mail", "women"),
    ):
        text = _approved(name, topic, author_id, reviewer_id)
        arms.append(experiments.ArmPlan(key, name, 1 / 3, text))
    experiment = experiments.create(
        name="Hillstrom", key=KEY, arms=arms, primary=metrics[0], secondary=metrics[1:],
        window_hours=int(WINDOW.total_seconds() // 3600),
        hypothesis="A men's or a women's merchandise mail brings visits and spend.",
    )  # fmt: skip
    experiments.start(experiment=experiment)
    experiment.refresh_from_db()
    return experiment


def _approved(name: str, topic: str, author_id: int | None, reviewer_id: int) -> Revision:
    product = catalog.save_product(
        sku=f"HILL-{topic}", name=f"The {topic}'s collection", price_cents=0, currency="USD",
        description=f"Merchandise for {topic}.",
    )  # fmt: skip
    brief = content.save_brief(
        name=f"Hillstrom, {name.lower()}", goal=f"show merchandise for {topic}", channel="email",
        products=[product], author_id=author_id,
    )  # fmt: skip
    revision = content.create_asset(
        name=name, channel="email", brief=brief, author_id=author_id,
        components={"subject": f"For {topic}, this season", "body": f"Merchandise for {topic}."},
    )  # fmt: skip
    review = approval.submit(revision=revision, by_id=author_id)
    by = approval.Reviewer(reviewer_id, "Replay of a historical test")
    approval.decide(review=review, by=by, kind="approve")
    revision.refresh_from_db()
    return revision


def done_so_far(experiment: Experiment) -> int:
    """Rows replayed; they are written in order, each batch whole."""
    return Decision.objects.filter(source_id=experiment.pk).count()


def batches(path: Path, *, skip: int) -> Iterator[list[Row]]:
    rows = islice(read(path), skip, None)
    while batch := list(islice(rows, BATCH)):
        yield batch


def replay(experiment: Experiment, batch: list[Row], now: datetime) -> None:
    """One batch in one transaction: contacts, their decisions, their events, their rewards."""
    sent = now - timedelta(days=SENT_DAYS_AGO)
    contacts.record_events(
        [_identify(row, sent - timedelta(minutes=1)) for row in batch],
        source="hillstrom", now=now, history=True,
    )  # fmt: skip
    ids = _contacts(batch)
    share = 1 / len(ARMS)
    decisions.log(
        decisions.Choice(
            source="experiment",
            source_id=experiment.pk,
            contact_id=ids[row.user_id],
            propensities={arm: share for arm in ARMS.values()},
            action=row.arm,
            draw=0.0,
            at=sent,
            window_closes_at=sent + WINDOW,
            version=1,
            mode=Decision.Mode.IMPORTED,
        )
        for row in batch
    )
    events = [event for row in batch for event in _outcomes(row, sent)]
    contacts.record_events(events, source="hillstrom", now=now, history=True)
    people = list(ids.values())
    folding.fold(people)
    decisions.reward_contacts(people)


def _contacts(batch: list[Row]) -> dict[str, UUID]:
    rows = Identity.objects.filter(kind="user", value__in=[row.user_id for row in batch])
    return dict(rows.values_list("value", "contact_id"))


def _identify(row: Row, at: datetime) -> dict[str, Any]:
    c = row.cells
    return {
        "type": "identify", "userId": row.user_id, "timestamp": at.isoformat(),
        "messageId": f"{row.user_id}-traits",
        "traits": {
            "recency_months": int(c["recency"]), "history": float(c["history"]),
            "history_segment": c["history_segment"], "mens": c["mens"] == "1",
            "womens": c["womens"] == "1", "zip_code": c["zip_code"], "newbie": c["newbie"] == "1",
            "channel": c["channel"],
        },
    }  # fmt: skip


def _outcomes(row: Row, sent: datetime) -> Iterator[dict[str, Any]]:
    """Visit and order, somewhere in the two weeks after; the file knows only that they were."""
    base = {"type": "track", "userId": row.user_id}
    at = sent + timedelta(hours=1 + row.number % 300)
    if row.cells["visit"] == "1":
        yield {
            **base, "event": "Site Visited", "timestamp": at.isoformat(),
            "messageId": f"{row.user_id}-visit",
        }  # fmt: skip
    if row.cells["conversion"] == "1":
        yield {
            **base, "event": "Order Completed", "messageId": f"{row.user_id}-order",
            "timestamp": (at + timedelta(minutes=20)).isoformat(),
            "properties": {"revenue": float(row.cells["spend"])},
        }  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)
