"""How long a policy takes for one `POST /v1/decide`, beside the least that any request of ours takes.

    python -m benchmarks.run decide

The policy has twelve actions, six features, four constraints and a learned version; each request is
decided anew. The floor is a request that finds one row: the same process, authentication and tenant.
"""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

import orjson
from django.utils import timezone

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts.models import Contact, Event, Identity
from campaigns.decisions import services as decisions
from campaigns.strategy import banks, deciding, planning, selectors, services
from campaigns.strategy.models import Constraint, Policy, PolicyVersion
from campaigns.strategy.services import PolicyPlan
from tests import make

PEOPLE, ASKED = 1_000, 1_000
FEATURES = ["trait:age", "trait:plan", "orders", "lifecycle", "context:page", "hour"]


def policy() -> Policy:
    bank = banks.create_bank("Offers and letters")
    for key in ("discount", "delivery", "sample", "none"):
        banks.add_option(bank, dimension="offer", name=key, key=key, cost_cents=5)
    for key in ("short", "long", "question"):
        banks.add_option(bank, dimension="creative", name=key, key=key)
    row = services.create(PolicyPlan(
        name="Bench", key="bench", bank=bank, primary=make.metric(), features=FEATURES,
        every_hours=0, window_hours=24,
    ))  # fmt: skip
    for kind, values in (
        (Constraint.Kind.CAP, {"most": 100, "days": 7}), (Constraint.Kind.QUIET, {"from": 3, "to": 4}),
        (Constraint.Kind.BUDGET, {"cents": 10**9, "period": "month"}),
        (Constraint.Kind.SHARE, {"least": 0.0, "most": 0.6, "trait": "", "value": ""}),
    ):  # fmt: skip
        banks.add_constraint(row, kind=kind, options=["offer:discount"], values=values)
    services.start(row)
    return selectors.policy(row.pk)


def people() -> list[Contact]:
    rows = [Contact(external_id=f"p{i}", traits={"age": i % 60, "plan": "ab"[i % 2]})
            for i in range(PEOPLE)]  # fmt: skip
    Contact.objects.bulk_create(rows)
    Identity.objects.bulk_create(
        Identity(kind="user", value=r.external_id, contact=r) for r in rows
    )
    return rows


def learned(row: Policy, who: list[Contact]) -> PolicyVersion:
    """Two days of a log, and the version that it teaches, serving."""
    now = timezone.now()
    for day in (3, 2):
        at = now - timedelta(days=day)
        plan = planning.planned(selectors.policy(row.pk), at)
        events = []
        for n, person in enumerate(who):
            deciding.decide(plan, person, {"page": "home"}, at)
            if n % 7 == 0:
                events.append(Event(message_id=f"o{day}-{n}", type="track", name="Order Completed",
                                    contact=person, at=at + timedelta(hours=1)))  # fmt: skip
        Event.objects.bulk_create(events)
    decisions.reward_contacts([p.pk for p in who])
    version = services.learn(selectors.policy(row.pk), now)
    Policy.objects.filter(pk=row.pk).update(version=version.number)
    return version


def took(host: str, bodies: list[tuple[str, str, bytes | None]], key: str) -> list[float]:
    """Milliseconds of each request."""
    found = []
    for method, path, body in bodies:
        began = time.perf_counter()
        bench.call(host, method, path, body, key)
        found.append((time.perf_counter() - began) * 1000)
    return found[50:]


def main() -> None:
    place = make.workspace("decide")
    with tenant_context(place.id):
        row = policy()
        learned(row, people())
        key = make.key(place, "decisions.make", "strategy.view")
    asks: list[tuple[str, str, bytes | None]] = [
        ("POST", "/v1/decide", orjson.dumps({
            "policy": "bench", "userId": f"p{n % PEOPLE}", "context": {"page": "home"},
        })) for n in range(ASKED)
    ]  # fmt: skip
    floor: list[tuple[str, str, bytes | None]] = [
        ("GET", f"/v1/policies/{row.pk}", None) for _ in range(ASKED // 2)
    ]
    with bench.web() as (host, _):
        least, decided = took(host, floor, key), took(host, asks, key)
    bench.write("decide", rows(decided, least), command="python -m benchmarks.run decide")


def rows(decided: list[float], least: list[float]) -> list[dict[str, Any]]:
    p50, floor = statistics.median(decided), statistics.median(least)
    return [
        bench.row("decide.policy_p50_ms", p50, "ms", n=len(decided), peer=round(floor, 2),
                  peer_name="the least request of ours"),
        bench.row("decide.policy_p95_ms", statistics.quantiles(decided, n=100)[94], "ms", goal=5,
                  n=len(decided), peer=round(statistics.quantiles(least, n=100)[94], 2),
                  peer_name="the least request of ours"),
        bench.row("decide.policy_ratio", p50 / floor, "of the least request", n=len(decided)),
    ]  # fmt: skip
