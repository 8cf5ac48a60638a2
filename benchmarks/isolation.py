"""Isolation under a pool: threads that keep to, forget and lie about their workspace, through
psycopg's pool and through PgBouncer in transaction mode; then the seeded defects of test_power."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as tree

from django.db import connections

from attune.kernel.errors import TenantError
from attune.kernel.tenancy import tenant_context
from attune.settings.base import connection as settings_of
from benchmarks import bench
from campaigns.catalog.models import Product
from campaigns.catalog.services import save_product
from tests import make, pooled

THREADS, REQUESTS, TENANTS = 8, 500, 50


class Caller(threading.Thread):
    """Requests of random workspaces. One in ten asks for another's rows in raw SQL; of the rest one
    in five forgets its context, by the ORM or in raw SQL."""

    def __init__(self, seed: int, places: list[make.Place]) -> None:
        super().__init__()
        self.rng, self.places = random.Random(seed), places
        self.right = self.wrong = self.refused = self.leaked = 0

    def run(self) -> None:
        for _ in range(REQUESTS):
            place, other = self.rng.sample(self.places, 2)
            if self.rng.random() < 0.1:
                with tenant_context(place.id), connections["default"].cursor() as cursor:
                    cursor.execute("SELECT name FROM product WHERE tenant_id = %s", [other.id])
                    foreign = cursor.fetchall()
                self.right, self.wrong = self.right + (not foreign), self.wrong + bool(foreign)
            elif self.rng.random() < 0.8:
                with tenant_context(place.id):
                    seen = {p.name for p in Product.objects.all()}
                ok = seen == {f"only {place.id}"}
                self.right, self.wrong = self.right + ok, self.wrong + (not ok)
            else:
                self._forget()
        connections.close_all()

    def _forget(self) -> None:
        try:
            if self.rng.random() < 0.5:
                list(Product.objects.all())
            else:
                with connections["default"].cursor() as cursor:
                    cursor.execute("SET LOCAL enable_seqscan = off")
                    cursor.execute("SELECT name FROM product WHERE id = gen_random_uuid()")
            self.leaked += 1
        except Exception as refusal:  # noqa: BLE001 - an error is the right answer
            expected = isinstance(refusal, TenantError) or "tenant context" in str(refusal)
            self.refused, self.leaked = self.refused + expected, self.leaked + (not expected)


def hammer(places: list[make.Place]) -> Caller:
    """All threads together; their counts summed."""
    callers = [Caller(seed, places) for seed in range(THREADS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    total = callers[0]
    for other in callers[1:]:
        total.right += other.right
        total.wrong += other.wrong
        total.refused += other.refused
        total.leaked += other.leaked
    made = total.right + total.wrong + total.refused + total.leaked
    assert made == THREADS * REQUESTS, f"only {made} requests were made"
    return total


def through_pgbouncer(places: list[make.Place]) -> Caller | None:
    """The same through PgBouncer in transaction mode; None where it is not installed."""
    if not pooled.PROGRAM:
        return None
    with pooled.pgbouncer(os.environ["DATABASE_URL"], "attune_bench") as url:
        connections["default"].close_pool()
        connections["default"].settings_dict.update(settings_of(url, "attune_app", pool=False))
        connections.close_all()
        return hammer(places)


def power() -> tuple[int, int]:
    """Seeded defects and those found, by the suite's own runner, which must be green as a whole."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "attune.settings.test", "PROVE": "1"
        }  # fmt: skip
        for name in ("DATABASE_URL", "REDIS_URL"):
            environment.pop(name)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "prove or not prove",
             "--junitxml", report.name, "tests/guards/test_power.py"],
            cwd=bench.ROOT, env=environment, check=False, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        cases = [
            case
            for case in tree.parse(report.name).getroot().iter("testcase")  # noqa: S314 - our own
            if case.get("name", "").startswith("test_a_defect")
        ]
    assert done.returncode == 0, "the guards of tests/guards/test_power.py are not green"
    missed = ("failure", "error", "skipped")
    caught = sum(all(case.find(word) is None for word in missed) for case in cases)
    return len(cases), caught


def main() -> None:
    places = [make.workspace(f"pool {n}") for n in range(TENANTS)]
    for place in places:
        with tenant_context(place.id):
            save_product(sku="S", name=f"only {place.id}", price_cents=1)
    pool = hammer(places)
    bouncer = through_pgbouncer(places)
    seeded, caught = power()
    calls = THREADS * REQUESTS
    rows = [
        bench.row("isolation.seeded_caught", caught, "defects", goal=seeded, n=seeded),
        bench.row("isolation.leaks", pool.wrong + pool.leaked, "requests", goal=0, n=calls),
        bench.row("isolation.forgetful_refused", pool.refused, "requests", n=calls),
    ]
    if bouncer is not None:
        leaks = bouncer.wrong + bouncer.leaked
        rows.append(bench.row("isolation.leaks_pgbouncer", leaks, "requests", goal=0, n=calls))
    bench.write("isolation", rows, command="make prove")
    assert caught == seeded >= 45
    assert pool.wrong + pool.leaked == 0
    assert bouncer is None or bouncer.wrong + bouncer.leaked == 0


if __name__ == "__main__":
    main()
