"""What a workspace's own experiments say of texts not sent yet: the response model."""

from __future__ import annotations

import numpy as np
from django.utils import timezone

from campaigns.tuning import outcomes
from workers import models
from workers.engines import response


def expected(vectors: np.ndarray) -> list[float] | None:
    """The expected log rate of each text relative to an average one, or None while too few arms
    were read by enough people (outcomes.LEAST_ARMS). Call inside the workspace's context."""
    known = outcomes.arms(until=timezone.now())
    if len(known) < outcomes.LEAST_ARMS:
        return None
    model = response.fit(
        features=models.embed([arm.text for arm in known]).astype(float),
        clicks=np.array([arm.successes for arm in known], dtype=float),
        impressions=np.array([arm.people for arm in known], dtype=float),
        groups=np.array([arm.group for arm in known]),
    )
    mean, _ = model.predict(vectors.astype(float))
    return [float(value) for value in mean]
