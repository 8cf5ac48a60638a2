"""Learns what every action is worth in the long run, from a log alone: conservative Q-learning.

    Q(s, a) ~ r + g^e V(s'),   V(s') = what the policy would do there: the best by Q, with its floor
    loss = Huber(Q(s, a) - target) + caution (log sum exp_a Q(s, .) - Q(s, a))

Double estimation (van Hasselt et al. 2016) and a slowly moving target keep it from believing
itself; caution (Kumar et al. 2020) keeps what the log seldom did from looking good by chance.
Several small networks learn from different people, so that they lie apart where little is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from campaigns.strategy.networks import Networks

KEPT = 0.8  # of the people, those that each network learns from


@dataclass(frozen=True, slots=True)
class Steps:
    """n decisions: encoded features `x` (n, d), `actions` (n,), `rewards` (n,), `after` (n,) the
    one that followed (-1: none, it ended), `passed` (n,) the discount until then, `eligible`
    (n, K), `units` (n,) whose, and which can be learned from (`known` (n,))."""

    x: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    after: np.ndarray
    passed: np.ndarray
    eligible: np.ndarray
    units: np.ndarray
    known: np.ndarray


@dataclass(frozen=True, slots=True)
class Recipe:
    members: int = 3
    hidden: tuple[int, ...] = (48, 48)
    updates: int = 6_000
    batch: int = 512
    rate: float = 2e-3
    caution: float = 0.1
    follow: float = 0.01  # how fast the target moves
    floor: float = 0.0
    seed: int = 0


class _Members:
    """M networks as one: each layer's weights (M, in, out)."""

    def __init__(self, shape: tuple[int, ...], recipe: Recipe, level: float) -> None:
        made = torch.Generator().manual_seed(recipe.seed)
        self.layers: list[tuple[torch.Tensor, torch.Tensor]] = []
        for wide, narrow in itertools.pairwise(shape):
            bound = (6 / wide) ** 0.5 / 2
            w = (torch.rand(recipe.members, wide, narrow, generator=made) * 2 - 1) * bound
            self.layers.append((w, torch.zeros(recipe.members, 1, narrow)))
        self.layers[-1][1].fill_(level)

    def tensors(self) -> list[torch.Tensor]:
        return [t for layer in self.layers for t in layer]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(M, B, d) → (M, B, K)"""
        for w, b in self.layers[:-1]:
            x = torch.relu(torch.baddbmm(b, x, w))
        return torch.baddbmm(self.layers[-1][1], x, self.layers[-1][0])


def learn(
    steps: Steps, recipe: Recipe, progress: Callable[[int, int], None] | None = None
) -> Networks:
    """Networks of the discounted return of every action. Raises ValueError where nothing is
    known."""
    pools = _pools(steps, recipe)
    scale = float(steps.rewards[steps.known].std()) or 1.0
    rewards = steps.rewards / scale
    level = float(rewards[steps.known].mean() / max(0.05, 1 - _usual(steps)))
    online = _Members((steps.x.shape[1], *recipe.hidden, steps.eligible.shape[1]), recipe, level)
    target = _Members((steps.x.shape[1], *recipe.hidden, steps.eligible.shape[1]), recipe, level)
    for t in online.tensors():
        t.requires_grad_(True)
    _copied(online, target, 1.0)
    optimizer = torch.optim.Adam(online.tensors(), lr=recipe.rate)
    cool = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.updates, recipe.rate / 20)
    data = _Tensors(steps, rewards)
    rng = np.random.default_rng(recipe.seed)
    for update in range(recipe.updates):
        at = np.stack([pool[rng.integers(len(pool), size=recipe.batch)] for pool in pools])
        loss = _loss(online, target, data, torch.from_numpy(at), recipe)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(online.tensors(), 10.0)
        optimizer.step()
        cool.step()
        _copied(online, target, recipe.follow)
        if progress is not None and update % 200 == 0:
            progress(update, recipe.updates)
    return _published(online, scale)


class _Tensors:
    """The log as tensors."""

    def __init__(self, steps: Steps, rewards: np.ndarray) -> None:
        self.x = torch.from_numpy(np.ascontiguousarray(steps.x, dtype=np.float32))
        self.actions = torch.from_numpy(steps.actions.astype(np.int64))
        self.rewards = torch.from_numpy(rewards.astype(np.float32))
        self.after = torch.from_numpy(steps.after.astype(np.int64))
        self.passed = torch.from_numpy(steps.passed.astype(np.float32))
        self.eligible = torch.from_numpy(steps.eligible)


def _usual(steps: Steps) -> float:
    return float(np.where(steps.after >= 0, steps.passed, 0.0)[steps.known].mean())


def _pools(steps: Steps, recipe: Recipe) -> list[np.ndarray]:
    """The rounds that each network learns from."""
    known = np.flatnonzero(steps.known)
    if not len(known):
        raise ValueError("No decision's consequences are known yet.")
    people, of = np.unique(steps.units[known], return_inverse=True)
    rng = np.random.default_rng(recipe.seed + 1)
    found = []
    for _ in range(recipe.members):
        kept = rng.random(len(people)) < KEPT
        own = known[kept[of]]
        found.append(own if len(own) else known)
    return found


def _loss(
    online: _Members, target: _Members, data: _Tensors, at: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    q = online(data.x[at])  # (M, B, K)
    may = data.eligible[at]
    chosen = q.gather(2, data.actions[at][..., None])[..., 0]
    with torch.no_grad():
        then = data.after[at]
        following = then.clamp(min=0)
        shares = _shares(online(data.x[following]), data.eligible[following], recipe.floor)
        value = (shares * target(data.x[following])).sum(2)
        wanted = data.rewards[at] + torch.where(then >= 0, data.passed[at] * value, 0.0)
    loss = F.smooth_l1_loss(chosen, wanted, beta=3.0)
    if recipe.caution:
        least = torch.finfo(q.dtype).min
        loss = (
            loss + recipe.caution * (torch.logsumexp(q.masked_fill(~may, least), 2) - chosen).mean()
        )
    return loss * recipe.members


def _shares(q: torch.Tensor, may: torch.Tensor, floor: float) -> torch.Tensor:
    """What the policy would do: the best of what it may, every other at its floor."""
    best = q.masked_fill(~may, torch.finfo(q.dtype).min).argmax(2)
    many = may.sum(2, keepdim=True).clamp(min=1)
    least = torch.minimum(torch.full_like(q[..., :1], floor), 1 / many)
    found: torch.Tensor = may * least + (1 - many * least) * F.one_hot(best, q.shape[2])
    return found


def _copied(online: _Members, target: _Members, share: float) -> None:
    with torch.no_grad():
        for new, old in zip(online.tensors(), target.tensors(), strict=True):
            old.lerp_(new, share)


def _published(online: _Members, scale: float) -> Networks:
    """In units of the reward again."""
    layers = [(w.detach().numpy(), b.detach().numpy()[:, 0]) for w, b in online.layers]
    w, b = layers[-1]
    layers[-1] = (w * scale, b * scale)
    return Networks(tuple(w for w, _ in layers), tuple(b for _, b in layers))
