"""A version as it is published: a small JSON document that decides by itself. Pure: numpy alone.

    {kind, actions: [key], encoder: [part], rule, alpha, means, roots, noise}   arrays in base64
    {kind: "sequential", actions, encoder, rule, alpha, layers: [{weights, starts}]}

Actions that came after it was learned are believed to be as the others are on average, without any
certainty; actions that went are not chosen. Its hash names it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from campaigns.strategy import policies
from campaigns.strategy.features import Encoder, Raw
from campaigns.strategy.networks import Networks, packed, unpacked
from campaigns.strategy.policies import Beliefs

EVEN, LINEAR, SEQUENTIAL = "even", "linear", "sequential"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of n people and K actions: the share of each (n, K), the reward it is believed to bring and
    how uncertain that is (n, K)."""

    shares: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a version knows: `beliefs` of the next reward, or `networks` of the discounted return.
    With neither it gives every action the same share."""

    kind: str
    actions: tuple[str, ...] = ()
    encoder: Encoder = field(default_factory=Encoder)
    rule: str = "thompson"
    alpha: float = 1.0
    beliefs: Beliefs | None = None
    networks: Networks | None = None

    @property
    def knows(self) -> bool:
        return self.beliefs is not None or self.networks is not None

    def choose(
        self, rows: Sequence[Raw], actions: Sequence[str], eligible: np.ndarray, floor: float
    ) -> Chosen:
        """Shares over `actions` for raw features, none of what is not `eligible` (n, K)."""
        if not self.knows:
            none = np.zeros(eligible.shape)
            return Chosen(policies.floored(none, eligible, 0.0), none, none)
        mean, spread = self.scores(self.encoder.matrix(rows), actions)
        return Chosen(self._shares(mean, spread, eligible, floor), mean, spread)

    def shares(
        self, x: np.ndarray, actions: Sequence[str], eligible: np.ndarray, floor: float
    ) -> np.ndarray:
        """As `choose`, of encoded features (n, d), for a version that knows something."""
        return self._shares(*self.scores(x, actions), eligible, floor)

    def _shares(
        self, mean: np.ndarray, spread: np.ndarray, eligible: np.ndarray, floor: float
    ) -> np.ndarray:  # fmt: skip
        rule = "greedy" if self.kind == SEQUENTIAL else self.rule
        return policies.propensities(rule, mean, spread, eligible, floor=floor, alpha=self.alpha)

    def scores(self, x: np.ndarray, actions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of what each of `actions` brings, (n, K) each, for encoded
        features (n, d)."""
        if self.networks is None:
            return self._beliefs_of(actions).scores(x)
        mean, spread = self.networks.scores(x)
        known = {key: i for i, key in enumerate(self.actions)}
        at = [known.get(key, -1) for key in actions]
        none = np.array(at) < 0
        mean, spread = mean[:, at], spread[:, at]
        if none.any():
            mean[:, none] = self.networks.scores(x)[0].mean(1, keepdims=True)
        return mean, spread

    def _beliefs_of(self, actions: Sequence[str]) -> Beliefs:
        """The beliefs in the order of `actions`."""
        assert self.beliefs is not None  # noqa: S101 - asked for by choose alone
        if tuple(actions) == self.actions:
            return self.beliefs
        known = {key: i for i, key in enumerate(self.actions)}
        d = self.beliefs.means.shape[1]
        mean = self.beliefs.means.mean(0)
        noise = float(self.beliefs.noise.mean())
        means, roots, noises = [], [], []
        for key in actions:
            i = known.get(key)
            means.append(mean if i is None else self.beliefs.means[i])
            roots.append(np.eye(d, dtype=np.float32) if i is None else self.beliefs.roots[i])
            noises.append(noise if i is None else self.beliefs.noise[i])
        return Beliefs(np.stack(means), np.stack(roots), np.array(noises, dtype=np.float32))

    def reasons(
        self, row: Raw, action: str, against: Sequence[str]
    ) -> list[tuple[str, str, float]]:
        """What speaks for an action rather than the mean of the others: (feature, level, part of
        the expected reward), the largest first. The parts and the constant add up to the whole."""
        others = [key for key in against if key != action]
        if not self.knows or not others:
            return []
        x = self.encoder.matrix([row])
        if self.networks is not None:
            toward = np.array([[self._toward(key, action, others) for key in self.actions]])
            part = self.networks.parts(x, toward)[0]
        else:
            means = self._beliefs_of([action, *others]).means
            part = x[0] * (means[0] - means[1:].mean(0))
        named = [
            (name, level, float(part[j + 1]))
            for j, (name, level) in enumerate(self.encoder.columns)
        ]
        return sorted((n for n in named if n[2]), key=lambda n: -abs(n[2]))

    @staticmethod
    def _toward(key: str, action: str, others: Sequence[str]) -> float:
        return 1.0 if key == action else -1 / len(others) if key in others else 0.0

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": self.kind, "actions": list(self.actions), "encoder": self.encoder.stored(),
            "rule": self.rule, "alpha": self.alpha,
        }  # fmt: skip
        if self.beliefs is not None:
            found |= {
                name: packed(getattr(self.beliefs, name)) for name in ("means", "roots", "noise")
            }
        if self.networks is not None:
            found["layers"] = self.networks.stored()
        return found

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Snapshot:
        beliefs = None
        if "means" in stored:
            beliefs = Beliefs(*(unpacked(stored[name]) for name in ("means", "roots", "noise")))
        networks = Networks.of(stored["layers"]) if "layers" in stored else None
        return cls(
            stored["kind"], tuple(stored["actions"]), Encoder.of(stored["encoder"]),
            stored["rule"], stored["alpha"], beliefs, networks,
        )  # fmt: skip


def digest(stored: Mapping[str, Any]) -> str:
    """SHA-256 of the document, keys in order."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
