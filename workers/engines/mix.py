"""What each channel's money brings, with how sure that is: a marketing mix model.

    y_t = z_t'g + sum_c b_c h(u_ct / k_c) + noise,    h(v) = v / (1 + v)                saturation
    u_ct = (1 - a_c) sum_l a_c^l x_c,t-l                                                adstock

z holds a level, a trend and the seasons; g and the noise are integrated out (flat priors), the
others are sampled (emcee, Goodman and Weare 2010): a ~ Beta(2, 3), log k ~ N(0, 0.8) in units of
the channel's mean week, b ~ half-normal(0.3 of the mean outcome). What an experiment of our own
found to be the lift of a channel enters as a measurement of what the model says of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import emcee
import numpy as np

LAGS = 12  # weeks that an effect lasts at most
SEASONS = 2  # pairs of yearly waves
YEAR = 52.18
KEPT = 500  # draws
ROUNDS, SETTLED = 5, 1.08  # how much longer at most, and when it is enough
WIDE_K, MOST_B = 0.8, 0.3


@dataclass(frozen=True, slots=True)
class Lift:
    """What an experiment found: channel c brought `outcome` (standard error `error`) by what was
    spent in the weeks [first, last]."""

    channel: int
    first: int
    last: int
    outcome: float
    error: float


@dataclass(frozen=True, slots=True)
class Data:
    """T weeks, C channels: `spend` (T, C), `outcome` (T,), and what experiments found."""

    spend: np.ndarray
    outcome: np.ndarray
    lifts: Sequence[Lift] = field(default=())

    @property
    def scale(self) -> np.ndarray:
        """The mean week of each channel (C,)."""
        mean = self.spend.mean(0)
        return np.where(mean > 0, mean, 1.0)


@dataclass(frozen=True, slots=True)
class Draws:
    """S draws: `a`, `k` (in money), `b` (outcome a week at most), each (S, C); `noise` (S,), the
    level and seasons `base` (S, T); `split` (C,) and `effective` (C,): the split R-hat and the
    effective number of draws of b."""

    a: np.ndarray
    k: np.ndarray
    b: np.ndarray
    noise: np.ndarray
    base: np.ndarray
    split: np.ndarray
    effective: np.ndarray


def waves(weeks: int, seasons: bool) -> np.ndarray:
    """Level, trend and seasons (T, P)."""
    t = np.arange(weeks)
    columns = [np.ones(weeks), (t - t.mean()) / max(1, weeks)]
    for n in range(1, SEASONS + 1) if seasons else ():
        columns += [np.sin(2 * np.pi * n * t / YEAR), np.cos(2 * np.pi * n * t / YEAR)]
    return np.stack(columns, 1)


def carried(spend: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Adstock: spend (T, C), a (S, C) → (S, T, C)."""
    lagged = np.zeros((LAGS + 1, *spend.shape))
    for lag in range(LAGS + 1):
        lagged[lag, lag:] = spend[: len(spend) - lag]
    powers = a[:, None] ** np.arange(LAGS + 1)[None, :, None]  # (S, L, C)
    powers = powers / powers.sum(1, keepdims=True)
    found: np.ndarray = np.einsum("slc,ltc->stc", powers, lagged, optimize=True)
    return found


def brought(spend: np.ndarray, a: np.ndarray, k: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What each channel brought each week (S, T, C)."""
    u = carried(spend, a)
    found: np.ndarray = b[:, None] * u / (u + k[:, None])
    return found


class _Posterior:
    """The log density of parameters (W, 3C): logit a, log k / scale, b / mean outcome."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.weeks, self.channels = data.spend.shape
        self.mean = float(np.abs(data.outcome).mean()) or 1.0
        self.spend = data.spend / data.scale
        self.z = waves(self.weeks, self.weeks >= YEAR)
        self.q = np.linalg.qr(self.z)[0]
        y = data.outcome / self.mean
        self.y = y - self.q @ (self.q.T @ y)
        self.free = self.weeks - self.z.shape[1]

    def parts(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """a, k and b, (W, C) each, in the model's own units."""
        c = self.channels
        a = 1 / (1 + np.exp(-theta[:, :c]))
        return a, np.exp(theta[:, c : 2 * c]), theta[:, 2 * c :]

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        theta = np.atleast_2d(theta)
        a, k, b = self.parts(theta)
        prior = (2 * np.log(a) + 3 * np.log1p(-a)).sum(1)  # Beta(2, 3) and the logit's Jacobian
        prior += (-0.5 * (np.log(k) / WIDE_K) ** 2 - 0.5 * (b / MOST_B) ** 2).sum(1)
        told = brought(self.spend, a, k, np.maximum(b, 0.0)).sum(2)  # (W, T)
        left = self.y - (told - (told @ self.q) @ self.q.T)
        like = -0.5 * self.free * np.log((left**2).sum(1))
        for lift in self.data.lifts:
            like += self._lift(lift, a, k, np.maximum(b, 0.0))
        found = np.where((b >= 0).all(1) & np.isfinite(like), prior + like, -np.inf)
        return found

    def _lift(self, lift: Lift, a: np.ndarray, k: np.ndarray, b: np.ndarray) -> np.ndarray:
        c = lift.channel
        own = self.spend[:, c : c + 1]
        without = own.copy()
        without[lift.first : lift.last + 1] = 0.0
        there = [brought(x, a[:, c : c + 1], k[:, c : c + 1], b[:, c : c + 1])[:, :, 0]
                 for x in (own, without)]  # fmt: skip
        found = (there[0] - there[1])[:, lift.first : lift.last + 1 + LAGS].sum(1) * self.mean
        gap: np.ndarray = -0.5 * ((found - lift.outcome) / lift.error) ** 2
        return gap


def fit(
    data: Data, *, seed: int = 0, steps: int = 3_000,
    progress: Callable[[float], None] | None = None,
) -> Draws:  # fmt: skip
    """Sample the posterior, where the walkers do not agree yet (split R-hat above SETTLED) up to
    ROUNDS times as long. The same data and seed give the same draws."""
    posterior = _Posterior(data)
    c = posterior.channels
    walkers = max(32, 8 * c)
    rng = np.random.default_rng(seed)
    start = np.concatenate([
        rng.normal(-0.4, 0.5, (walkers, c)), rng.normal(0, 0.4, (walkers, c)),
        np.abs(rng.normal(0, 0.15, (walkers, c))) + 0.01,
    ], 1)  # fmt: skip
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    sampler = emcee.EnsembleSampler(walkers, 3 * c, posterior, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(seed).get_state()
    for number in range(1, ROUNDS + 1):
        for n, state in enumerate(sampler.sample(start, iterations=steps)):
            start = state  # a further round goes on from where this one ends
            if progress is not None and n % 200 == 0:
                progress(min(0.99, (number - 1 + n / steps) / number))
        chain = sampler.get_chain(discard=number * steps // 2)  # (N, W, 3C)
        if _split(chain)[2 * c :].max() <= SETTLED:
            break
    return _kept(posterior, chain, rng)


def _split(chain: np.ndarray) -> np.ndarray:
    """Split R-hat of each quantity (Gelman and others 2013, 11.4): walkers, in halves."""
    half = chain[: len(chain) // 2], chain[len(chain) // 2 :]
    means = np.concatenate([h.mean(0) for h in half])  # (2W, 3C)
    within = np.concatenate([h.var(0) for h in half]).mean(0)
    found: np.ndarray = np.sqrt(1 + means.var(0) / np.maximum(within, 1e-12))
    return found


def _kept(posterior: _Posterior, chain: np.ndarray, rng: np.random.Generator) -> Draws:
    n, walkers, width = chain.shape
    c, split = posterior.channels, _split(chain)
    taus = emcee.autocorr.integrated_time(chain, tol=0, quiet=True)
    flat = chain.reshape(-1, width)
    theta = flat[np.linspace(0, len(flat) - 1, KEPT).astype(int)]
    a, k, b = posterior.parts(theta)
    told = brought(posterior.spend, a, k, b).sum(2)
    y = posterior.data.outcome / posterior.mean
    left = y - told
    level = left @ posterior.q
    rest = ((left - level @ posterior.q.T) ** 2).sum(1)
    noise = np.sqrt(rest / rng.chisquare(posterior.free, len(rest)))
    level = level + noise[:, None] * rng.normal(size=level.shape)
    return Draws(
        a, k * posterior.data.scale, b * posterior.mean, noise * posterior.mean,
        level @ posterior.q.T * posterior.mean, split[2 * c :],
        n * walkers / np.maximum(taus[2 * c :], 1.0),
    )  # fmt: skip


def prior(data: Data, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a, k and b (S, C) as they are believed before any outcome is seen."""
    rng = np.random.default_rng(seed)
    shape = (KEPT, data.spend.shape[1])
    mean = float(np.abs(data.outcome).mean()) or 1.0
    return (rng.beta(2, 3, shape), np.exp(rng.normal(0, WIDE_K, shape)) * data.scale,
            np.abs(rng.normal(0, MOST_B, shape)) * mean)  # fmt: skip
