"""The model queue, loaded only by a worker with `-Q model -I workers.model_tasks`."""

from workers.model_tasks import (
    answering,
    budget,
    dialogue,
    forecasts,
    generation,
    naming,
    policies,
    predictions,
    reading,
    reports,
    response,
    risk,
    talking,
    topics,
    training,
    uplift,
)

__all__ = [
    "answering", "budget", "dialogue", "forecasts", "generation", "naming", "policies",
    "predictions", "reading", "reports", "response", "risk", "talking", "topics", "training",
    "uplift",
]  # fmt: skip
