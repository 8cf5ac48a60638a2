"""What a workspace's own experiments say of texts not sent yet: the response model, which helps to
rank candidates and gives a bandit its first belief."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from django.utils import timezone

from campaigns.decisions import selectors as log
from campaigns.experiments import selectors as experiments
from campaigns.experiments import services
from campaigns.experiments.jobs import LEARN_PRIOR, LearnPrior
from campaigns.tuning import outcomes
from workers import models
from workers.engines import response
from workers.engines.response import ResponseModel
from workers.engines.response_features import Scales, worded
from workers.runner import Run, handles


def learned(
    texts: list[str], run: Run, *, but: UUID | None = None
) -> tuple[ResponseModel, np.ndarray, list[outcomes.Outcome]] | None:
    """The workspace's model, the features (n, d) of these texts, and the arms that taught it; None
    while too few were read by enough people (outcomes.LEAST_ARMS). Reads in a unit of work of its
    own; no transaction waits for the encoder or the fit."""
    with run.unit():
        known = outcomes.arms(until=timezone.now(), but=but)
    if len(known) < outcomes.LEAST_ARMS:
        return None
    told = [arm.text for arm in known]
    encoded, wordings = models.lower([*told, *texts]).astype(float), worded([*told, *texts])
    scales = Scales.of(encoded[: len(told)], wordings[: len(told)])
    features = scales.features(encoded, wordings)
    model = response.fit(
        features=features[: len(told)],
        clicks=np.array([arm.successes for arm in known], dtype=float),
        impressions=np.array([arm.people for arm in known], dtype=float),
        groups=np.array([arm.group for arm in known]),
    )
    return model, features[len(told) :], known


def expected(texts: list[str], run: Run) -> list[float] | None:
    """The expected log rate of each text relative to the average of them, or None."""
    found = learned(texts, run)
    if found is None:
        return None
    model, features, _ = found
    mean, _ = model.predict(features)
    return [float(value) for value in mean]


@handles(LEARN_PRIOR)
def learn_prior(payload: LearnPrior, run: Run) -> None:
    """A bandit of a workspace with too few earlier texts starts even."""
    with run.unit():
        experiment = experiments.experiment(payload.experiment_id)
        metric = log.goals(experiment.pk)[0].metric
        texts = [
            outcomes.text_of(arm.revision)
            for arm in services.arms_of(experiment)
            if arm.revision is not None
        ]
    found = learned(texts, run, but=experiment.pk)
    if found is None:
        return
    model, features, known = found
    prior = model.prior(features, [arm.group for arm in known if arm.metric == metric.pk])
    with run.unit():
        services.believe(experiment=experiment, prior=prior, texts=len(known), now=timezone.now())
