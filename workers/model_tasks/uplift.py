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
    run.progress(0, 1, say("Reads who was decided for, and what was known of them."))
    with run.unit():
        of = experiments.experiment(payload.experiment_id)
        arms = arms_services.arms_of(of)
        control = next(arm.key for arm in arms if arm.is_control)
        names = {arm.key: arm.name for arm in arms}
        keys = [arm.key for arm in arms]
        rows, metric = trials.read(of, now)
    found = trials.trial(rows, metric, keys)
    try:
        results = told_of(found, control, names, run)
    except (uplift.TooFew, uplift.Certain, uplift.Unknown) as refusal:
        with run.unit():
            services.keep_uplift(of, now, results={}, why=_why_not(refusal, found))
        return
    with run.unit():
        services.keep_uplift(of, now, results=results, why=sentence(results))


def _why_not(refusal: ValueError, found: Trial) -> Phrase:
    if isinstance(refusal, uplift.Certain):
        return say("Some people could not have got one of the arms: its share was 0 or 1 for them, "
                   "so there is nobody to compare them with. Give every arm a share.")  # fmt: skip
    if isinstance(refusal, uplift.Unknown):
        return say("Nothing is known of these people from before they were decided for: no event "
                   "and no trait. Nothing can set them apart.")  # fmt: skip
    counts = np.bincount(found.got, minlength=len(found.arms))
    return say("Too few people to tell them apart: the smallest arm has %(n)s whose time is over, "
               "and %(least)s are needed. Experiments whose arms had fixed shares tell most.",
               n=int(counts.min()), least=uplift.LEAST)  # fmt: skip


def told_of(found: Trial, control: str, names: dict[str, str], run: Run) -> dict[str, Any]:
    """Every arm against the control, and all of them for each person. Raises what
    uplift.learn raises."""
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
    fifths = [
        [float(one.psi[part].mean()), float(one.psi[part].std()) / len(part) ** 0.5]
        for part in np.array_split(order, FIFTH)
    ]
    return {
        "key": key, "name": name, "people": len(one.psi), "mean": one.mean,
        "mean_error": one.mean_error, "qini": one.qini, "qini_error": one.qini_error,
        "signal": one.signal, "curve": uplift.curve(one.effects, one.psi), "fifths": fifths,
        "who": _who(columns, one.effects) if one.signal else [],
    }  # fmt: skip


def _who(columns: dict[str, np.ndarray], effects: np.ndarray) -> list[dict[str, Any]]:
    """What tells how far it persuades: the columns that the effects go with most, as they are in
    the fifth that it persuades most and in the fifth that it persuades least."""
    order = np.argsort(-effects, kind="stable")
    most, least = order[: len(order) // FIFTH], order[-(len(order) // FIFTH) :]
    told: list[tuple[float, dict[str, Any]]] = []
    for name, column in columns.items():
        number = column.dtype.kind == "f"
        kinds = column.astype(str)
        levels = [""] if number else list(np.unique(kinds))
        pairs: list[tuple[float, dict[str, Any]]] = []
        for level in levels:
            shown = column if number else (kinds == level).astype(float)
            if any(not np.isfinite(shown[part]).any() for part in (most, least)):
                continue  # wholly unknown of one of them
            high, low = (round(float(np.nanmean(shown[part])), 3) for part in (most, least))
            pairs.append((abs(high - low), {"name": name, "most": high, "least": low,
                                            "level": level}))  # fmt: skip
        if pairs:
            _, best = max(pairs, key=lambda pair: pair[0])
            told.append((_together(column if number else kinds, effects), best))
    return [row for _, row in sorted(told, key=lambda pair: -pair[0])[:SHOWN]]


def _together(column: np.ndarray, effects: np.ndarray) -> float:
    """The share of the variance of the effects that a column explains by itself: a number by the
    tenths of its range, kinds each by its mean."""
    if column.dtype.kind == "f":
        edges = np.nanquantile(column, np.linspace(0.1, 0.9, 9))
        groups = np.where(np.isfinite(column), np.searchsorted(edges, column), -1)
    else:
        groups = np.unique(column, return_inverse=True)[1]
    whole = float(effects.var())
    if whole <= 0:
        return 0.0
    within = sum(float(effects[groups == g].var()) * float((groups == g).mean())
                 for g in np.unique(groups))  # fmt: skip
    return 1 - within / whole


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
