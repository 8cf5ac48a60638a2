"""Builders of journeys for their tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from campaigns.automations import services
from campaigns.automations.models import Journey, JourneyRun, JourneyStep
from campaigns.delivery.models import Send
from tests import make

BOUGHT = {"event": "Order Completed", "keyed": True}


def by_event(event: str = "Cart Updated", **fields: Any) -> dict[str, Any]:
    return {"on": "event", "event": event, "where": [], "again": "never", **fields}


def step(number: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "kind": kind, **fields}


def text(number: int, *revisions: Any) -> dict[str, Any]:
    return step(number, "message", texts=[str(r.pk) for r in revisions or [make.approved()]])


def tree(entry: dict[str, Any], *steps: dict[str, Any], **leave: Any) -> dict[str, Any]:
    return {"entry": entry, "exit": leave, "next": 90, "steps": list(steps)}


def running(flow: dict[str, Any], **fields: Any) -> Journey:
    journey = services.create(name=fields.pop("name", "Cart"), draft=flow, **fields)
    services.launch(journey=journey, seen=1)
    make.run_jobs()
    return journey


def later(journey: Journey, **how: float) -> None:
    """Let time pass for everybody on the way, and the clock's beat come."""
    past = timedelta(**how)
    for run in journey.runs.filter(state="active", due_at__isnull=False):
        JourneyRun.objects.filter(pk=run.pk).update(due_at=run.due_at - past)
    Send.objects.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
    services.ask()
    make.run_jobs()


def way(run: JourneyRun) -> list[str]:
    """What happened to somebody, as “s1 arrived”."""
    rows = JourneyStep.objects.filter(run=run).order_by("at", "id")
    return [f"{s.node} {s.what}".strip() for s in rows]


def cart(person: str, cart_id: str, **more: object) -> None:
    make.record(make.track(person, "Cart Updated", cart_id=cart_id, **more))


def bought(person: str, cart_id: str) -> None:
    make.record(make.track(person, "Order Completed", cart_id=cart_id, revenue=20))


def abandoned(*, again: str = "restart", hours: int = 2) -> dict:
    return tree(
        by_event(key="cart_id", again=again),
        step(1, "delay", n=hours, unit="hours"),
        text(2),
        step(3, "wait", event="Order Completed", where=[], keyed=True, n=1, unit="days",
             branches=[{"key": "came", "steps": []}, {"key": "timeout", "steps": [text(4)]}]),
        **BOUGHT,
    )  # fmt: skip
