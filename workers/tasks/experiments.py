"""A fresh look at an experiment, and new shares for a bandit."""

from __future__ import annotations

from django.utils import timezone

from campaigns.experiments import selectors, services, watching
from campaigns.experiments.jobs import ANALYSE, AnalyseExperiment
from workers.runner import Run, handles


@handles(ANALYSE)
def analyse(payload: AnalyseExperiment, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        experiment = selectors.experiment(payload.experiment_id)
        services.reallocate(experiment=experiment, now=now)
        watching.warn(experiment, services.analyse(experiment=experiment, now=now, again=False))
