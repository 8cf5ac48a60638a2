"""The proof on real input: 64,000 customers replayed through the live services, in two runs (the
first is stopped half-way), and the known effects found on the result."""

from __future__ import annotations

import time
from pathlib import Path

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts.models import Contact, Event
from campaigns.decisions.models import Decision
from campaigns.experiments import services as experiments
from tests import make
from workers import replay

FILE = Path(bench.ROOT).parent / "shared/data/hillstrom/hillstrom.csv.gz"
KNOWN = {  # (arm, metric): effect against no e-mail, as computed from the file itself
    ("mens", "hillstrom-visit"): 0.0766, ("womens", "hillstrom-visit"): 0.0452,
    ("mens", "hillstrom-conversion"): 0.0068, ("womens", "hillstrom-conversion"): 0.0031,
    ("mens", "hillstrom-spend"): 0.770, ("womens", "hillstrom-spend"): 0.424,
}  # fmt: skip


def main() -> None:
    place = make.workspace("hillstrom")
    now = replay.now()
    with tenant_context(place.id):
        experiment = replay.prepare(author_id=None, reviewer_id=0)
    began = time.perf_counter()
    for stop in (31_000, 64_000):  # the second run finds out by itself where the first one stopped
        with tenant_context(place.id):
            skip = replay.done_so_far(experiment)
        for batch in replay.batches(FILE, skip=skip):
            with tenant_context(place.id):
                replay.replay(experiment, batch, now)
            if batch[-1].number + 1 >= stop:
                break
    rate = 64_000 / (time.perf_counter() - began)
    with tenant_context(place.id):
        counts = (Contact.objects.count(), Decision.objects.count(), Event.objects.count())
        snapshot = experiments.analyse(experiment=experiment, now=replay.now())
    assert counts[:2] == (64_000, 64_000), counts
    effects = {
        (arm["arm"], metric["key"]): arm["effect"]
        for metric in snapshot.results["metrics"]
        for arm in metric["arms"]
        if arm["effect"]
    }
    for key, want in KNOWN.items():
        assert abs(effects[key]["difference"] - want) < (0.0005 if want > 0.1 else 0.00005), key
    bench.write(
        "hillstrom",
        [
            result("hillstrom.mens_visit_points", effects["mens", "hillstrom-visit"], 100, 7.66),
            result(
                "hillstrom.womens_visit_points", effects["womens", "hillstrom-visit"], 100, 4.52
            ),
            result("hillstrom.mens_spend", effects["mens", "hillstrom-spend"], 1, 0.770),
            result("hillstrom.womens_spend", effects["womens", "hillstrom-spend"], 1, 0.424),
            bench.row("hillstrom.replay_rows_per_s", rate, "rows/s", n=64_000),
        ],
        command="make prove",
    )


def result(metric: str, effect: dict, scale: int, known: float) -> dict:
    interval = [round(effect["low"] * scale, 3), round(effect["high"] * scale, 3)]
    return bench.row(
        metric, effect["difference"] * scale, "points" if scale == 100 else "$ a person",
        peer=known, peer_name="computed from the file", n=64_000, interval=interval,
    )  # fmt: skip
