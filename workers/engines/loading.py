"""Which engine runs a model on this machine: OpenVINO on a CPU where it can build the model, else
transformers."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from safetensors import SafetensorError

from workers.engines.openvino_graph import UnknownModel
from workers.engines.openvino_runtime import OpenVINORuntime
from workers.engines.protocol import Runtime
from workers.engines.transformers_runtime import TransformersRuntime

logger = logging.getLogger(__name__)


class ModelFolder(RuntimeError):
    """The folder of a model is missing, incomplete or corrupt; the words name it."""


def local_runtime(kind: str, name: str, cache: Path) -> Runtime:
    """Load a model. `kind` is auto, openvino or transformers; a missing or corrupt folder raises
    ModelFolder, naming it."""
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return _load(kind, name, cache)
    except UnknownModel:
        raise
    except (OSError, ValueError, KeyError, SafetensorError) as broken:
        raise ModelFolder(f"The model {name} cannot be loaded: {broken}") from broken


def _load(kind: str, name: str, cache: Path) -> Runtime:
    if kind == "openvino" or (kind == "auto" and not torch.cuda.is_available()):
        try:
            return OpenVINORuntime(name, cache)
        except UnknownModel as unknown:
            if kind == "openvino":
                raise
            logger.warning("%s Transformers runs it instead.", unknown)
    return TransformersRuntime(name, cache)
