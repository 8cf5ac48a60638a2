"""Which model this process speaks to: the workspace's own server, our model process, or one loaded
here. The torch code loads only in the last case, and only where the model queue is served."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
from django.conf import settings

from campaigns.generators import registry, servers
from campaigns.generators.models import ModelVersion
from campaigns.generators.servers import Server
from chat.dialogue import registry as dialogue
from chat.dialogue.models import DialogueVersion
from workers.engines.openai_runtime import OpenAIRuntime
from workers.engines.process_client import ProcessRuntime
from workers.engines.protocol import Asked, ReaderMissing, Runtime
from workers.outward import pinned_client

Unit = Callable[[], AbstractContextManager[Any]]


@cache
def runtime() -> Runtime:
    """The house's model. Loading it takes seconds, the second call nothing."""
    if settings.MODEL_RUNTIME == "openai":
        return OpenAIRuntime(settings.MODEL_BASE_URL, settings.MODEL_NAME, settings.MODEL_API_KEY)
    if settings.MODEL_PROCESS_URL:
        return ProcessRuntime(settings.MODEL_PROCESS_URL, settings.MODEL_PROCESS_KEY)
    local = importlib.import_module("workers.engines.loading")
    found: Runtime = local.local_runtime(
        settings.MODEL_RUNTIME, settings.MODEL_NAME, settings.VAR / "models"
    )
    return found


def writer(task: str = "writing") -> tuple[Runtime, Server | None]:
    """Who writes for the open workspace: its own server where it chose one, else the house's."""
    chosen = servers.server_for(task)
    if chosen is None:
        return runtime(), None
    return _at(chosen), chosen


def _at(server: Server) -> OpenAIRuntime:
    return OpenAIRuntime(
        server.base_url, server.model, server.key, seconds=server.seconds,
        retries=server.retries, http_client=pinned_client(server.seconds),
    )  # fmt: skip


def embed_at(server: Server, texts: Sequence[str]) -> tuple[np.ndarray, int]:
    """Vectors by the workspace's own server, and the tokens they took. Raises DeadlinePassed and
    ServerTrouble."""
    return _at(server).embed(texts)


@cache
def _encoder() -> Any:
    local = importlib.import_module("workers.engines.embedding")
    return local.Encoder(settings.EMBEDDING_NAME)


def embed(texts: Sequence[str]) -> np.ndarray:
    """(n, width) vectors of length 1."""
    model = runtime()
    if isinstance(model, ProcessRuntime):
        return model.embed(texts)[0]
    vectors: np.ndarray = _encoder().encode(list(texts))
    return vectors


def lower(texts: Sequence[str]) -> np.ndarray:
    """(n, 4 * width) of the encoder's lower layers, for the response model."""
    model = runtime()
    if isinstance(model, ProcessRuntime):
        return model.embed(texts, lower=True)[0]
    vectors: np.ndarray = _encoder().lower(list(texts))
    return vectors


@cache
def _opinion_readers() -> Any:
    return importlib.import_module("workers.engines.opinion_readers").OpinionReaders()


def opinions(texts: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Documents as (text, "en" or "zh"), read sentence by sentence. Raises ModelAway."""
    model = runtime()
    place: Any = model.opinions if isinstance(model, ProcessRuntime) else _opinion_readers().read
    return list(place(texts))


@cache
def _readers() -> Any:
    return importlib.import_module("workers.engines.readers").Readers()


def read(version: DialogueVersion, asked: Asked, unit: Unit = nullcontext) -> dict[str, Any]:
    """A customer's message as this dialogue version understands it; its files are brought where
    the process does not hold them. Raises ModelAway."""

    def files() -> dict[str, bytes]:
        with unit():
            return dialogue.files_of(version)

    return _read(version.digest, files, asked)


def read_files(digest: str, files: dict[str, bytes], asked: Asked) -> dict[str, Any]:
    """The same by a version that is not kept yet."""
    return _read(digest, lambda: files, asked)


def _read(digest: str, files: Callable[[], dict[str, bytes]], asked: Asked) -> dict[str, Any]:
    model = runtime()
    remote = isinstance(model, ProcessRuntime)
    place: Any = model if remote else _readers()
    try:
        return dict(place.read(digest, asked))
    except ReaderMissing:
        (place.bring_reader if remote else place.bring)(digest, files())
        return dict(place.read(digest, asked))


def ready(model: Runtime, version: ModelVersion, unit: Unit = nullcontext) -> str:
    """Make sure that the runtime has this workspace's adapter; its name there. The files come
    through row-level security, read in a `unit` of work of the workspace (or inside an open one),
    and are checked; no transaction waits for the model's process."""
    if not model.has(version.digest):
        with unit():
            files = registry.files_of(version)
        model.bring(version.digest, files)
    return str(version.digest)


def deadline_seconds() -> float:
    return float(settings.MODEL_DEADLINE_SECONDS)
