"""What an experiment says of single people: whom each arm persuades, and whether choosing for each
person pays."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services as arms_services
from campaigns.predictions import services, trials
from campaigns.predictions.jobs import REPORT_UPLIFT, ReportUplift
from campaigns.predictions.trials import Trial
from workers.engines import uplift
from workers.engines.uplift import Uplift
from workers.runner import Run, handles

FIFTH = 5
SHOWN = 3  # columns that tell the most persuaded from the least


@handles(REPORT_UPLIFT)
def report(payload: ReportUplift, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        of = experiments.experiment(payload.experiment_id)
        arms = arms_services.arms_of(of)
        control = next(arm.key for arm in arms if arm.is_control)
        names = {arm.key: arm.name for arm in arms}
        run.progress(0, len(arms), say("Reads who was decided for, and what was known of them."))
        found = trials.trial(of, [arm.key for arm in arms], now)
    try:
        results = told_of(found, control, names, run)
    except ValueError:
        counts = np.bincount(found.got, minlength=len(found.arms))
        why = say("Too few people to tell them apart: the smallest arm has %(n)s whose time is "
                  "over, and %(least)s are needed. Experiments whose arms had fixed shares tell "
                  "most.", n=int(counts.min()), least=uplift.LEAST)  # fmt: skip
        with run.unit():
            services.keep_uplift(of, now, results={}, why=why)
        return
    with run.unit():
        services.keep_uplift(of, now, results=results, why=sentence(results))


def told_of(found: Trial, control: str, names: dict[str, str], run: Run) -> dict[str, Any]:
    """Every arm against the control, and all of them for each person. Raises ValueError where an
    arm has too few people."""
    base = found.arms.index(control)
    rows = []
    for n, key in enumerate(found.arms):
        if key == control:
            continue
        run.progress(n, len(found.arms), say("Asks whom “%(arm)s” persuades.", arm=names[key]))
        kept = np.isin(found.got, [base, n])
        columns = {name: column[kept] for name, column in found.columns.items()}
        pair = found.chances[kept][:, [base, n]]
        one = uplift.learn(columns, found.got[kept] == n, found.outcome[kept],
                           pair[:, 1] / pair.sum(1))  # fmt: skip
        rows.append(_arm(key, names[key], one, columns))
    chosen = uplift.personal(found.columns, found.got, found.outcome, found.chances)
    best = found.arms[chosen.single]
    return {
        "people": len(found.got), "control": control, "arms": rows,
        "single": best, "single_name": names[best], "gain": chosen.gain, "error": chosen.error,
        "pays": chosen.pays,
    }  # fmt: skip


def _arm(key: str, name: str, one: Uplift, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    order = np.argsort(-one.effects, kind="stable")
    most, least = order[: len(order) // FIFTH], order[-(len(order) // FIFTH) :]
    fifths = [
        [float(one.psi[part].mean()), float(one.psi[part].std()) / len(part) ** 0.5]
        for part in np.array_split(order, FIFTH)
    ]
    return {
        "key": key, "name": name, "people": len(one.psi), "mean": one.mean,
        "mean_error": one.mean_error, "qini": one.qini, "qini_error": one.qini_error,
        "signal": one.signal, "curve": uplift.curve(one.effects, one.psi), "fifths": fifths,
        "who": _who(columns, most, least) if one.signal else [],
    }  # fmt: skip


def _who(
    columns: dict[str, np.ndarray], most: np.ndarray, least: np.ndarray
) -> list[dict[str, Any]]:
    """What sets the fifth that it persuades most apart from the fifth that it persuades least."""
    told: list[tuple[float, dict[str, Any]]] = []
    for name, column in columns.items():
        if column.dtype.kind == "f":
            spread = float(np.nanstd(column)) or 1.0
            high, low = (float(np.nanmean(column[part])) for part in (most, least))
            told.append((abs(high - low) / spread, {
                "name": name, "most": round(high, 3), "least": round(low, 3), "level": "",
            }))  # fmt: skip
            continue
        for level in np.unique(column.astype(str)):
            high, low = (
                float((column[part].astype(str) == level).mean()) for part in (most, least)
            )
            told.append((2 * abs(high - low), {
                "name": name, "most": round(high, 3), "least": round(low, 3), "level": level,
            }))  # fmt: skip
    return [row for _, row in sorted(told, key=lambda pair: -pair[0])[:SHOWN]]


def sentence(results: dict[str, Any]) -> Phrase:
    """What follows from it."""
    values = {"arm": results["single_name"], "gain": f"{results['gain']:+.4g}",
              "error": f"{1.96 * results['error']:.4g}"}  # fmt: skip
    nothing = results["single"] == results["control"]
    if results["pays"]:
        return say("Choosing for each person pays: %(gain)s ± %(error)s a person more than "
                   "“%(arm)s” for everybody.", **values)  # fmt: skip
    if nothing:
        return say("Nothing for everybody is as good as any choice: choosing for each person "
                   "brings %(gain)s ± %(error)s a person more, which may be chance.",
                   **values)  # fmt: skip
    return say("Send “%(arm)s” to everybody: choosing for each person brings %(gain)s ± %(error)s "
               "a person more, which may be chance.", **values)  # fmt: skip
