"""The model queue, loaded only by a worker with `-Q model -I workers.model_tasks`."""

from workers.model_tasks import generation, training

__all__ = ["generation", "training"]
