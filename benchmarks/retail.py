"""Who of a gift shop's customers does not buy again within 90 days, and its daily revenue foretold.

python -m benchmarks.run retail

Churn: 1,500 customers of Online Retail II. Everything is learned from what was known 90 days and
more before the moment that is foretold; six such moments, 30 days apart, each learned anew.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks import bench
from campaigns.predictions import measures
from workers.engines import forecasting, lapsing
from workers.engines.btyd import History
from workers.engines.lapsing import Moment

FOLDER = Path(bench.ROOT).parent / "shared/data/online_retail_ii"
DAYS, APART, MOMENTS, TRIED = 90, 30, 10, 6
WINDOWS, LEAST = (30, 90, 180), 200
ORIGINS, AHEAD = 12, 28


def read() -> dict[str, dict[date, tuple[float, int]]]:
    """Of each customer the days they bought on: money and lines."""
    found: dict[str, dict[date, tuple[float, int]]] = defaultdict(dict)
    with gzip.open(FOLDER / "transactions_1500_customers.csv.gz", "rt") as file:
        for r in csv.DictReader(file):
            if r["invoice"].startswith("C") or float(r["price"]) <= 0 or int(r["quantity"]) <= 0:
                continue
            day = datetime.fromisoformat(r["invoice_date"]).date()
            money, lines = found[r["customer_id"]].get(day, (0.0, 0))
            found[r["customer_id"]][day] = (money + float(r["price"]) * int(r["quantity"]),
                                            lines + 1)  # fmt: skip
    return found


def at(moment: date, people: dict[str, dict[date, tuple[float, int]]]) -> Moment:
    """Everybody who bought before it, and who bought within DAYS after it."""
    rows, x, t, seen, bought = defaultdict(list), [], [], [], []
    for days in people.values():
        own = sorted(d for d in days if d < moment)
        if not own:
            continue
        x.append(len(own) - 1.0)
        t.append(float((own[-1] - own[0]).days))
        seen.append(float((moment - own[0]).days))
        bought.append(float(any(moment <= d < moment + timedelta(days=DAYS) for d in days)))
        rows["since_goal"].append(float((moment - own[-1]).days))
        rows["known_days"].append(seen[-1])
        rows["goals"].append(float(len(own)))
        rows["spent"].append(sum(days[d][0] for d in own))
        rows["lines"].append(float(sum(days[d][1] for d in own)))
        for w in WINDOWS:
            late = [d for d in own if d >= moment - timedelta(days=w)]
            rows[f"goals:{w}"].append(float(len(late)))
            rows[f"spent:{w}"].append(sum(days[d][0] for d in late))
    columns = {name: np.array(values) for name, values in rows.items()}
    seconds = float((moment - date(1970, 1, 1)).days) * lapsing.DAY
    return Moment(seconds, columns, History(np.array(x), np.array(t), np.array(seen)),
                  np.array(bought))  # fmt: skip


def churn() -> list[dict[str, object]]:
    people = read()
    end = max(max(days) for days in people.values()) + timedelta(days=1)
    told, gone, recency, base = [], [], [], []
    for n in range(TRIED):
        last = end - timedelta(days=DAYS + APART * n)
        past = [at(last - timedelta(days=APART * k), people) for k in range(MOMENTS - 1, -1, -1)]
        past = [m for m in past if len(m.bought) >= LEAST]
        known = [m for m in past if m.at + DAYS * lapsing.DAY <= past[-1].at]
        found = lapsing.learn(known, DAYS)
        lapsing.now(found, past[-1].history)
        told.append(found.risk(past[-1].columns, past[-1].history))
        gone.append(1 - past[-1].bought)
        recency.append(past[-1].columns["since_goal"])
        base.append(np.full(len(gone[-1]), 1 - np.concatenate([m.bought for m in known]).mean()))
        print(f"{last}: {len(gone[-1])} customers, {gone[-1].mean():.3f} gone, by {found.way}, AUC "
              f"{measures.quality(told[-1], gone[-1]).auc:.3f}", flush=True)  # fmt: skip
    each = [measures.quality(p, y) for p, y in zip(told, gone, strict=True)]
    whole = measures.quality(np.concatenate(told), np.concatenate(gone))
    plain = [_auc(r, y) for r, y in zip(recency, gone, strict=True)]
    flat = measures.quality(np.concatenate(base), np.concatenate(gone))
    areas = [one.auc for one in each]
    return [
        bench.row("churn.auc", float(np.mean(areas)), "", n=whole.n,
                  peer=round(float(np.mean(plain)), 4), peer_name="by days since the last purchase",
                  interval=[round(min(areas), 4), round(max(areas), 4)]),
        bench.row("churn.log_loss", whole.loss, "", n=whole.n, peer=round(flat.loss, 4),
                  peer_name="the share of the moments before"),
        bench.row("churn.calibration_error", whole.calibration, "", n=whole.n,
                  peer=round(flat.calibration, 4), peer_name="the share of the moments before"),
    ]  # fmt: skip


def _auc(score: np.ndarray, gone: np.ndarray) -> float:
    return float(measures.quality(score / (score.max() + 1), gone).auc)


def daily() -> list[dict[str, object]]:
    """Revenue of the whole shop by day, 28 days ahead from twelve origins."""
    with (FOLDER / "daily_sales_all_customers.csv").open() as file:
        rows = {date.fromisoformat(r["date"]): float(r["revenue"]) for r in csv.DictReader(file)}
    first, last = min(rows), max(rows)
    line = np.array([max(0.0, rows.get(first + timedelta(days=k), 0.0))
                     for k in range((last - first).days + 1)])  # fmt: skip
    ours, usual, inside, n = [], [], {0: 0, 1: 0}, 0
    for k in range(ORIGINS, 0, -1):
        seen, came = line[: -AHEAD * k], line[-AHEAD * k :][:AHEAD]
        one = forecasting.forecast(seen, AHEAD, 7)
        scale = float(np.abs(seen[7:] - seen[:-7]).mean())
        ours.append(float(np.abs(one.mean - came).mean()) / scale)
        usual.append(float(np.abs(one.baseline - came).mean()) / scale)
        for level in inside:
            inside[level] += int(((one.low[level] <= came) & (came <= one.high[level])).sum())
        n += len(came)
        print(f"28 days, origin {k}: {one.model}, MASE {ours[-1]:.3f} (a week ago "
              f"{usual[-1]:.3f})", flush=True)  # fmt: skip
    return [
        bench.row(
            "retail.daily_mase",
            float(np.mean(ours)),
            "",
            n=n,
            peer=round(float(np.mean(usual)), 4),
            peer_name="as a season ago",
        ),
        bench.row("retail.daily_cover80", 100 * inside[0] / n, "%", n=n),
        bench.row("retail.daily_cover95", 100 * inside[1] / n, "%", n=n),
    ]


def main() -> None:
    bench.write("retail", [*churn(), *daily()], command="python -m benchmarks.run retail")
