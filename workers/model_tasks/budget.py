"""A mix is fitted: checked before, sampled, checked after, and told in figures that plans are made
from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils import timezone

from attune.kernel.phrases import Phrase, say
from campaigns.budget import checks, curves, selectors, services
from campaigns.budget.checks import Finding, Fitted
from campaigns.budget.curves import Curves, Told
from campaigns.budget.jobs import FIT, FitMix
from campaigns.budget.models import Lift
from campaigns.budget.selectors import Weeks
from workers.engines import mix as engine
from workers.engines.mix import Data, Draws
from workers.runner import Run, handles

SEED, STEPS = 0, 3_000


@handles(FIT)
def fit(payload: FitMix, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        row = selectors.mix(payload.mix_id)
        weeks = selectors.weeks(row, now.date())
        lifts = list(selectors.lifts(row))
    if weeks is None:
        none = Finding("refuse", say("There is no whole week with spend yet."))
        with run.unit():
            services.keep(row, now, findings=[none], why=none.what)
        return
    found = checks.of_data(weeks.channels, weeks.spend, weeks.outcome)
    refusal = checks.refused(found)
    if refusal is not None:
        with run.unit():
            services.keep(row, now, findings=found, why=refusal.what, digest=weeks.digest)
        return

    def tell(share: float) -> None:
        run.progress(int(share * 100), 100, say("Samples what each channel may bring."))

    data = Data(weeks.spend, weeks.outcome, measured(weeks, lifts))
    found += outside(weeks, lifts)
    draws = engine.fit(data, seed=SEED, steps=STEPS, progress=tell)
    if not (np.isfinite(draws.b).all() and np.isfinite(draws.noise).all()):
        told_of = Finding("refuse", say("The sampling failed: what experiments found and what the "
                                        "weeks say cannot both be true. Remove the lift that is "
                                        "wrong."))  # fmt: skip
        with run.unit():
            services.keep(selectors.mix(row.pk), now, findings=[*found, told_of], why=told_of.what,
                          digest=weeks.digest)  # fmt: skip
        return
    fitted = judged(data, draws)
    found += checks.of_fit(weeks.channels, fitted)
    told = results(weeks, data, draws, fitted)
    drawn = Curves(tuple(weeks.channels), draws.k, draws.b)
    with run.unit():
        services.keep(
            selectors.mix(row.pk), now, findings=found, why=sentence(weeks, found), results=told,
            digest=digest_of(weeks, lifts), drawn=drawn, seed=SEED,
        )  # fmt: skip


def measured(weeks: Weeks, lifts: Sequence[Lift]) -> list[engine.Lift]:
    """The lifts of channels and weeks that there are."""
    told = []
    for one in lifts:
        at = weeks.within(one.since, one.until)
        if one.channel in weeks.channels and at is not None:
            channel = weeks.channels.index(one.channel)
            told.append(engine.Lift(channel, at[0], at[1], one.outcome, one.error))
    return told


def outside(weeks: Weeks, lifts: Sequence[Lift]) -> list[Finding]:
    """What is said of lifts that the data do not reach."""
    return [
        Finding("warn", say("The test of %(channel)s from %(since)s to %(until)s lies outside the "
                            "weeks of spend: it is not used.", channel=one.channel,
                            since=one.since.isoformat(), until=one.until.isoformat()), one.channel)
        for one in lifts if weeks.within(one.since, one.until) is None
    ]  # fmt: skip


def digest_of(weeks: Weeks, lifts: Sequence[Lift]) -> str:
    """SHA-256 of all that a fit is made of."""
    told = sorted((one.channel, str(one.since), str(one.until), one.outcome, one.error)
                  for one in lifts)  # fmt: skip
    return hashlib.sha256(f"{weeks.digest} {told}".encode()).hexdigest()


def judged(data: Data, draws: Draws) -> Fitted:
    """What the checks look at."""
    brought = engine.brought(data.spend, draws.a, draws.k, draws.b)  # (S, T, C)
    spent = np.maximum(data.spend.sum(0), 1e-9)
    a, k, b = engine.prior(data, SEED)
    whole = brought.sum(2) + draws.base
    left = data.outcome - whole.mean(0)
    rng = np.random.default_rng(SEED)
    seen = whole + draws.noise[:, None] * rng.normal(size=whole.shape)
    low, high = np.quantile(seen, [curves.LOW, curves.HIGH], axis=0)
    spread = float(data.outcome.var()) or 1.0
    return Fitted(
        draws.split, draws.effective, brought.sum(1) / spent,
        engine.brought(data.spend, a, k, b).sum(1) / spent, 1 - float(left.var()) / spread,
        float(((data.outcome >= low) & (data.outcome <= high)).mean()),
        float((np.diff(left) ** 2).sum() / max(1e-9, (left**2).sum())),
        draws.base.sum(1) / max(1e-9, float(data.outcome.sum())),
    )  # fmt: skip


def results(weeks: Weeks, data: Data, draws: Draws, fitted: Fitted) -> dict[str, Any]:
    """What the pages show."""
    brought = engine.brought(data.spend, draws.a, draws.k, draws.b)
    drawn = Curves(tuple(weeks.channels), draws.k, draws.b)
    now = data.spend[-services.USUAL_WEEKS :].mean(0)
    more = curves.marginal(drawn, now)
    total = max(1e-9, float(data.outcome.sum()))
    channels = [
        {
            "name": name, "now": round(float(now[c]), 4),
            "largest": round(float(data.spend[:, c].max()), 4),
            "spent": round(float(data.spend[:, c].sum()), 2),
            "share": Told.of(brought[:, :, c].sum(1) / total).stored(),
            "return": Told.of(fitted.returns[:, c]).stored(),
            "before": Told.of(fitted.before[:, c]).stored(),
            "next": Told.of(more[:, c]).stored(),
            "carry": Told.of(draws.a[:, c]).stored(),
            "curve": curves.picture(drawn, c, float(data.spend[:, c].max())),
        }
        for c, name in enumerate(weeks.channels)
    ]  # fmt: skip
    whole = brought.sum(2) + draws.base
    low, high = np.quantile(whole, [curves.LOW, curves.HIGH], axis=0)
    return {
        "weeks": [str(m) for m in weeks.mondays], "outcome": weeks.outcome.round(2).tolist(),
        "fitted": whole.mean(0).round(2).tolist(), "low": low.round(2).tolist(),
        "high": high.round(2).tolist(), "base": draws.base.mean(0).round(2).tolist(),
        "brought": brought.mean(0).round(2).T.tolist(), "channels": channels,
        "r2": round(fitted.r2, 4), "inside": round(fitted.inside, 4),
        "watson": round(fitted.watson, 3), "split": round(float(fitted.split.max()), 4),
        "base_share": Told.of(fitted.base).stored(),
    }  # fmt: skip


def sentence(weeks: Weeks, found: Sequence[Finding]) -> Phrase:
    """What the fit says of itself."""
    held = sorted(checks.held(weeks.channels, found))
    doubts = [f for f in found if f.level == "warn"]
    if doubts and not held:
        return say("Fitted to %(n)s weeks, with doubts: %(doubt)s", n=len(weeks.mondays),
                   doubt=doubts[0].what)  # fmt: skip
    if not held:
        return say("Fitted to %(n)s weeks: of every channel the data tell what more money would "
                   "do.", n=len(weeks.mondays))  # fmt: skip
    values = {"n": len(weeks.mondays), "held": ", ".join(held)}
    return say("Fitted to %(n)s weeks. Of %(held)s the data do not tell what more or less would "
               "do: plans leave that money as it is.", **values)  # fmt: skip
