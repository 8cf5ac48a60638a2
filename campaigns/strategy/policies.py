"""Contextual bandits over linear beliefs, decided from a small snapshot with the probability of
every choice. Pure: numpy alone, so a web process needs no torch.

Of each of K actions the reward is believed to be x'b + noise, b ~ N(m, s2 V) (Agrawal and Goyal
2013); m and V come from sums that add up (`Sums`), so late rewards and other workers' sums join
later. Thompson sampling chooses an action as often as it is believed to be the best: that share is
worked out by quadrature instead of being drawn, so that it can be logged. UCB (Li et al. 2010)
chooses where mean + alpha sd is highest, but for the share kept for exploring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.linalg import solve_triangular

GRID = 48  # points of the quadrature
AT_ONCE = 4_096  # rows, so that many actions need no memory for all of them
RULES = ("thompson", "ucb", "greedy")
NOISE_WORTH = 20.0  # rounds that the noise of all actions together counts for that of each
ALPHA = 0.5  # of the doubt that counts: on CLINC150 and Hillstrom (benchmarks) it lost less than 1,
# which keeps exploring, and than 0.1, which can settle on the wrong action


@dataclass(slots=True)
class Sums:
    """What was seen of K actions in d features: `gram` (K, d, d) = sum xx', `moment` (K, d) =
    sum xr, `squares` (K,) = sum r^2, `n` (K,) rounds. They add."""

    gram: np.ndarray
    moment: np.ndarray
    squares: np.ndarray
    n: np.ndarray

    @classmethod
    def none(cls, actions: int, features: int) -> Sums:
        return cls(np.zeros((actions, features, features)), np.zeros((actions, features)),
                   np.zeros(actions), np.zeros(actions))  # fmt: skip

    def add(
        self, x: np.ndarray, actions: np.ndarray, rewards: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Rounds: contexts (n, d), actions (n,), rewards (n,), and what each counts."""
        for action in np.unique(actions):
            rows = actions == action
            own, got = x[rows], rewards[rows]
            w = np.ones(len(own)) if weights is None else weights[rows]
            self.gram[action] += (own * w[:, None]).T @ own
            self.moment[action] += own.T @ (w * got)
            self.squares[action] += float((w * got**2).sum())
            self.n[action] += float(w.sum())

    def faded(self, keep: float) -> Sums:
        """What is older counts less: a world that changes is followed."""
        return Sums(self.gram * keep, self.moment * keep, self.squares * keep, self.n * keep)


@dataclass(frozen=True, slots=True)
class Beliefs:
    """`means` (K, d) and `roots` (K, d, d), lower triangular with V = (root root')^-1; `noise` (K,)
    the standard deviation of a reward."""

    means: np.ndarray
    roots: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(
        cls, sums: Sums, ridge: float = 1.0, prior: np.ndarray | None = None
    ) -> Beliefs:  # fmt: skip
        """The posterior; `prior` (K, d) is where an action that was not tried is believed to lie,
        `ridge` how many rounds that belief is worth."""
        k, d = sums.moment.shape
        start = np.zeros((k, d)) if prior is None else prior
        roots = np.linalg.cholesky(sums.gram + ridge * np.eye(d))
        toward = sums.moment + ridge * start
        means = np.stack([_solved(root, b) for root, b in zip(roots, toward, strict=True)])
        left = sums.squares - np.einsum("kd,kd->k", means, sums.moment)
        pooled = float(left.sum()) / max(1.0, float(sums.n.sum()))
        if pooled <= 1e-12:  # all rewards alike, for one all zero: that says nothing of the noise
            pooled = 1.0
        noise = np.sqrt(np.maximum((left + NOISE_WORTH * pooled) / (sums.n + NOISE_WORTH), 1e-6))
        return cls(means.astype(np.float32), roots.astype(np.float32), noise.astype(np.float32))

    def scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the expected reward, (n, K) each."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        mean = x @ self.means.T
        spread = np.empty_like(mean)
        for k, root in enumerate(self.roots):
            apart = solve_triangular(root, x.T, lower=True, check_finite=False)  # (d, n)
            spread[:, k] = self.noise[k] * np.sqrt(np.einsum("dn,dn->n", apart, apart))
        return mean, spread


def _solved(root: np.ndarray, b: np.ndarray) -> np.ndarray:
    half = solve_triangular(root, b, lower=True, check_finite=False)
    found: np.ndarray = solve_triangular(root, half, lower=True, trans="T", check_finite=False)
    return found


def best_shares(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """P(action is the best), (n, K), of independent normal beliefs: the integral of one's density
    times the others' distribution functions, over the grid where any of them may be best."""
    if len(mean) <= AT_ONCE:
        return _best_shares(mean, spread)
    parts = range(0, len(mean), AT_ONCE)
    return np.concatenate([
        _best_shares(mean[i : i + AT_ONCE], spread[i : i + AT_ONCE]) for i in parts
    ])  # fmt: skip


def _best_shares(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    top = mean.max(1, keepdims=True)
    wide = np.maximum(spread, 1e-6)
    low = (top - 5 * wide.max(1, keepdims=True)).min(1, keepdims=True)
    high = (mean + 5 * wide).max(1, keepdims=True)
    x = low + (high - low) * np.linspace(0, 1, GRID, dtype=mean.dtype)[None]  # (n, G)
    z = (x[:, None, :] - mean[:, :, None]) / wide[:, :, None]  # (n, K, G)
    below = np.maximum(special.ndtr(z), 1e-30)
    # the share of an action is the gain of its own distribution function, weighed by the others'
    logs = np.log(below).sum(1, keepdims=True) - np.log(below)  # (n, K, G) of the others
    others = np.exp(logs)
    gain = np.diff(below, axis=2)
    share = (gain * (others[:, :, 1:] + others[:, :, :-1]) / 2).sum(2)
    share += below[:, :, 0] * others[:, :, 0]
    found: np.ndarray = share / share.sum(1, keepdims=True)
    return found


def propensities(
    rule: str, mean: np.ndarray, spread: np.ndarray, eligible: np.ndarray, *,
    floor: float = 0.0, alpha: float = ALPHA,
) -> np.ndarray:  # fmt: skip
    """The probability of every action (n, K): none of what is not eligible (n, K), and of what is
    at least `floor`. A row where nothing is eligible is all zero. `alpha` is how many standard
    deviations of doubt count (Thompson: how wide the beliefs are drawn)."""
    hidden = np.where(eligible, mean, -1e9)
    if rule == "thompson":
        found = best_shares(hidden, np.where(eligible, alpha * spread, 1e-6))
    elif rule in {"ucb", "greedy"}:
        bonus = alpha * spread if rule == "ucb" else 0.0
        best = np.where(eligible, mean + bonus, -np.inf).argmax(1)
        found = np.zeros(mean.shape)
        found[np.arange(len(mean)), best] = 1.0
    else:
        raise ValueError(f"There is no rule “{rule}”.")
    found = np.where(eligible, found, 0.0)
    return floored(found, eligible, floor)


def floored(shares: np.ndarray, eligible: np.ndarray, floor: float) -> np.ndarray:
    """Every eligible action at least `floor`, or an even share where there are too many; what that
    takes is taken from the others in proportion."""
    many = eligible.sum(1, keepdims=True)
    least = np.where(many > 0, np.minimum(floor, 1 / np.maximum(many, 1)), 0.0)
    total = shares.sum(1, keepdims=True)
    even = eligible / np.maximum(many, 1)
    shares = np.where(total > 0, shares / np.maximum(total, 1e-12), even)
    found: np.ndarray = eligible * least + (1 - many * least) * shares
    return np.where(many > 0, found, 0.0)


def drawn(shares: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The action (n,) whose slice of [0, 1) holds the draw (n,); -1 where none has a share."""
    edges = shares.cumsum(1)
    total = edges[:, -1]
    found = (edges > (draws * np.maximum(total, 1e-12))[:, None]).argmax(1)
    return np.where(total > 0, found, -1)
