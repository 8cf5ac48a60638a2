"""The proof of grounded answers: 200 questions to the demo shop's knowledge, a third of which it
cannot answer, through the real retrieval, encoder and model.

An answer is right when it holds what the set names (a pattern), wrong when it holds something else
or when nothing should have been answered. Thresholds of the engine were chosen on the odd
questions; the even ones were not looked at, and stand beside.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections import Counter
from typing import Any

from django.conf import settings

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from chat.knowledge import selectors as knowledge
from chat.knowledge import services
from chat.knowledge.models import Document
from tests import make
from workers import demo_chat, models
from workers.demo import Demo
from workers.demo import workspace as demo_workspace
from workers.engines import answering
from workers.engines.protocol import Messages, Request
from workers.model_tasks.answering import TOKENS, sources_of

SET = bench.ROOT / "benchmarks" / "sets" / "grounding.tsv"


def questions() -> list[tuple[str, str]]:
    lines = SET.read_text().splitlines()
    return [(q, want) for q, want in (line.split("\t") for line in lines)]


def prepare() -> int:
    """The demo shop's catalogue and pages in a workspace of their own, with their vectors."""
    place = make.workspace("grounding")
    with tenant_context(place.id):
        demo_workspace(Demo(place.id, {}))
        demo_chat.knowledge_base()
        for document in Document.objects.all():
            rows = services.blind_passages(document.pk, settings.EMBEDDING_NAME)
            vectors = models.embed([text for _, text in rows])
            services.keep_vectors([pk for pk, _ in rows], vectors, settings.EMBEDDING_NAME)
    return place.id


def asked(tenant_id: int, question: str, *, model: bool) -> tuple[answering.Answer, float]:
    """The answer, and the seconds that it took from question to text."""
    began = time.perf_counter()
    vector = models.embed([question])[0]
    with tenant_context(tenant_id):
        found = knowledge.search(question, vector=vector, encoder=settings.EMBEDDING_NAME)

    def draft(messages: Messages) -> str:
        request = Request(messages, 1, TOKENS, 0.2, 0.9, 1, 20.0)
        return models.runtime().generate_many([request])[0][0].text

    answer = answering.answer(
        question, sources_of(found), encode=models.embed, draft=draft if model else None
    )
    return answer, time.perf_counter() - began


def verdict(answer: answering.Answer, want: str) -> str:
    if answer.route == "none":
        return "abstained rightly" if want == "-" else "abstained wrongly"
    if want == "-":
        return "answered what is unknown"
    return "right" if re.search(want, answer.text) else "answered wrong"


def shares(verdicts: list[str]) -> dict[str, float]:
    n = Counter(verdicts)
    known = n["right"] + n["answered wrong"] + n["abstained wrongly"]
    unknown = n["abstained rightly"] + n["answered what is unknown"]
    wrong = n["answered wrong"] + n["answered what is unknown"]
    return {
        "supported": n["right"] / known, "wrong": wrong / len(verdicts),
        "abstained_right": n["abstained rightly"] / unknown,
    }  # fmt: skip


def main() -> None:
    tenant_id = prepare()
    told: list[tuple[str, str, answering.Answer]] = []
    took, routes = [], Counter()
    for question, want in questions():
        answer, seconds = asked(tenant_id, question, model="--quick" not in sys.argv)
        judged = verdict(answer, want)
        told.append((judged, question, answer))
        took.append(seconds)
        routes[answer.route] += 1
        if judged not in {"right", "abstained rightly"}:
            top = answer.evidence[0] if answer.evidence else None
            near = f"{top.likeness:.2f}/{top.covered:.2f} {top.text[:70]}" if top else ""
            print(f"{judged}: {question} → {answer.route} {answer.text[:90]} [{near}]")
    verdicts = [v for v, _, _ in told]
    every, unseen = shares(verdicts), shares(verdicts[1::2])
    print(Counter(verdicts), routes)
    rows: list[dict[str, Any]] = [
        bench.row(f"grounding.{name}{suffix}", round(value, 4), "share", n=n)
        for suffix, found, n in (("", every, len(told)), ("_unseen", unseen, len(told[1::2])))
        for name, value in found.items()
    ]
    for row in rows:
        row["metric"] = row["metric"].replace("grounding.wrong", "grounding.wrong_rate")
    rows.append(bench.row("grounding.p50_s", statistics.median(took), "s", n=len(took)))
    bench.write("grounding", rows, command="make prove")
