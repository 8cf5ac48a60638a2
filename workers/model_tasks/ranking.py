"""The candidates of a run, ranked: each part's score by who can give it."""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import UUID

import numpy as np

from attune.kernel.phrases import say
from campaigns.content import grounding
from campaigns.content.grounding import Voice
from campaigns.content.models import Revision
from campaigns.generators import meter, servers
from campaigns.tuning import outcomes
from workers import models
from workers.engines import copywriting, ranking
from workers.engines.copywriting import Assignment
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import AdapterMissing, DeadlinePassed, NotOffered, Runtime
from workers.model_tasks import response
from workers.runner import Run

logger = logging.getLogger(__name__)


def scores(
    made: list[Revision], runtime: Runtime, task: Assignment, voice: Voice, job: Run
) -> dict[UUID, dict[str, Any]]:
    """Scores by revision: the parts, P(y|x), the place. A part that cannot be had is left out: a
    server that gives no likelihoods, no samples of the voice, too few experiments yet."""
    if not made:
        return {}
    job.progress(note=say("ranking the candidates"))
    texts = [outcomes.text_of(r) for r in made]
    parts: dict[str, list[float]] = {}
    near = [grounding.voice_score(text, voice) for text in texts]
    known = [one for one in near if one is not None]
    if known:
        parts["voice"] = [one.value for one in known]
    try:
        found = runtime.score(
            copywriting.prompt("body", task, shots=False),
            [r.components.get("body", "") for r in made],
        )
        parts["likelihood"] = [one.per_token for one in found]
    except NotOffered:
        logger.info("%s gives no likelihoods", runtime.name)
    except (ModelAway, AdapterMissing, DeadlinePassed) as trouble:
        logger.warning("no likelihoods: %s", trouble)
    expected = None
    try:
        vectors = _vectors(texts, job)
        expected = response.expected(texts, job)
    except ModelAway as away:  # a finished run is not thrown away: its order is by what is known
        logger.warning("no vectors: %s", away)
        vectors = np.eye(len(texts), dtype=np.float32)
    if expected is not None:
        parts["response"] = expected
    if not parts:
        parts["voice"] = [0.0] * len(made)
    return {
        r.pk: {"parts": one.parts, "p": one.p, "diversity": one.diversity, "place": one.place,
               "differs": [p.stored() for p in known[i].differs] if known else []}
        for i, (r, one) in enumerate(zip(made, ranking.rank(parts, vectors), strict=True))
    }  # fmt: skip


def _vectors(texts: list[str], job: Run) -> np.ndarray:
    """By the workspace's own server where it chose one for this; by ours where that one fails."""
    with job.unit():
        server = servers.server_for("embedding")
    if server is None:
        return models.embed(texts)
    began = time.monotonic()
    try:
        vectors, tokens = models.embed_at(server, texts)
    except (DeadlinePassed, ServerTrouble) as trouble:
        logger.warning("the workspace's embedding server: %s", trouble)
        return models.embed(texts)
    with job.unit():
        meter.record(
            task="embedding", model=server.model, requests=1, tokens_in=tokens, tokens_out=0,
            seconds=time.monotonic() - began, micros=server.micros(tokens, 0),
        )  # fmt: skip
    return vectors
