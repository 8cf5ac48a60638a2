"""Later work of the experiments slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, MODEL, Job


@dataclass(frozen=True, slots=True)
class AnalyseExperiment:
    experiment_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class LearnPrior:
    experiment_id: uuid.UUID


ANALYSE = Job("experiments.analyse", LIGHT, AnalyseExperiment)
LEARN_PRIOR = Job("experiments.learn_prior", MODEL, LearnPrior)
