"""The model queue, loaded only by a worker with `-Q model -I workers.model_tasks`."""

from workers.model_tasks import answering, generation, response, training

__all__ = ["answering", "generation", "response", "training"]
