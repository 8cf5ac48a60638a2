"""Reports and answers from what customers wrote: the model writes, each sentence is checked against
the sentences that it was given, and what none of them supports is kept, struck out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.kernel.phrases import Phrase, as_is, say
from campaigns.content import injection
from campaigns.generators import meter, servers
from campaigns.generators.meter import CapReached
from insights.findings import acting, lookup, reporting
from insights.findings.jobs import WRITE_REPORT, WriteReport
from insights.findings.models import Finding, Report
from insights.findings.questions import Query
from workers import models
from workers.engines import answering
from workers.engines.answering import Evidence
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import DeadlinePassed, Request
from workers.engines.sentences import spans
from workers.runner import Run, handles

SECONDS, TOKENS, GIVEN, QUOTED = 30.0, 110, 6, 3
ENDS = '.!。！”"'


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a text: of which document and where."""

    document: str
    start: int
    end: int
    text: str

    @property
    def place(self) -> dict[str, Any]:
        return {"document": self.document, "start": self.start, "end": self.end}


@handles(WRITE_REPORT)
def write_report(payload: WriteReport, run: Run) -> None:
    with run.unit():
        report = Report.objects.filter(pk=payload.report_id, state="waiting").first()
    if report is None:
        return
    try:
        if report.kind == Report.Kind.ANSWER:
            sentences, model = _answered(report, run)
        else:
            sentences, model = _reported(report, run)
    except CapReached as reached:
        with run.unit():
            reporting.failed(report_id=report.pk, why=as_is(reached.detail))
        return
    with run.unit():
        reporting.keep(report=report, sentences=sentences, model=model)


def _answered(report: Report, run: Run) -> tuple[list[dict[str, Any]], str]:
    run.progress(note=say("Looking up what was written"))
    try:
        vector: np.ndarray | None = models.embed([report.title])[0]
    except ModelAway:
        vector = None  # the newest texts that fit are read then
    query = Query.of(report.query)
    with run.unit():
        figures = lookup.figures(query)
        near = lookup.nearest(query, vector)
        told = reporting.figures_told(figures, query)
        parts = [(name, lookup.figures(one)) for name, one in query.apart()]
        told += reporting.compared_told(parts) if parts else []
    said = _ranked(report.title, _sentences(near), vector)
    sample = [one.place for one in said[:QUOTED]]
    rows = [_row(text, sample if figures.n else []) for text in told]
    run.progress(note=say("Writing, and checking each sentence"))
    wrote, model = _wrote(report.title, said[:GIVEN], run)
    if not any(not row["struck"] for row in wrote):
        wrote += [_row(f"“{one.text}”", [one.place]) for one in said[:QUOTED]]
    return [*rows, *wrote], model


def _reported(report: Report, run: Run) -> tuple[list[dict[str, Any]], str]:
    rows: list[dict[str, Any]] = []
    model = ""
    for done, pk in enumerate(report.findings):
        note = say("Writing, and checking each sentence")
        run.progress(done=done, total=len(report.findings), note=note)
        with run.unit():
            finding = Finding.objects.filter(pk=pk).first()
            if finding is None:
                continue
            claim = reporting.finding_told(finding)
            kept = list(acting.shown(finding))
            said = [Said(str(e.document_id), e.start, e.end, e.quote) for e in kept]
        said = [one for one in said if not injection.command_in(one.text)]
        rows.append(_row(claim, [one.place for one in said], finding=pk))
        said = list({one.text.casefold(): one for one in said}.values())
        wrote, named = _wrote(str(finding.claim), said[:GIVEN], run)
        model = named or model
        rows += [{**row, "finding": pk} for row in _new(wrote, finding, rows)]
    return rows, model


def _new(
    wrote: list[dict[str, Any]], finding: Finding, before: list[dict[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    """What a report has not said yet and is about the finding: it names what that speaks of."""
    names = answering.terms(" ".join(str(v) for v in finding.claim.values.values()))
    known = {str(row["text"]).casefold() for row in before}
    kept = []
    for row in wrote:
        text = str(row["text"]).casefold()
        if text not in known and (not names or names & answering.terms(text)):
            known.add(text)
            kept.append(row)
    return kept


def _row(
    text: Phrase | str, places: list[dict[str, Any]], *, struck: bool = False, finding: str = ""
) -> dict[str, Any]:  # fmt: skip
    told = text.stored() if isinstance(text, Phrase) else text
    return {"text": told, "places": places, "struck": struck, "finding": finding}


def _sentences(near: Sequence[lookup.Near]) -> list[Said]:
    """The sentences of the texts, those left out that speak to a model."""
    found = []
    for one in near:
        places = [(int(s[0]), int(s[1])) for s in json.loads(one.sentences)] or spans(one.text)
        for start, end in places:
            text = one.text[start:end].strip()
            if len(text) > 8 and not injection.command_in(text):
                found.append(Said(str(one.document), start, end, text))
    return found


def _ranked(question: str, said: list[Said], vector: np.ndarray | None) -> list[Said]:
    """The sentences nearest in sense to the question first, no wording twice."""
    said = list({one.text.casefold(): one for one in said}.values())
    if vector is None or not said:
        return said
    try:
        alike = models.embed([one.text for one in said]) @ vector
    except ModelAway:
        return said
    return [said[int(i)] for i in np.argsort(-alike, kind="stable")]


def _wrote(question: str, said: Sequence[Said], run: Run) -> tuple[list[dict[str, Any]], str]:
    """What the model makes of the sentences, each checked; by which model."""
    if len(said) < 2:
        return [], ""
    with run.unit():
        meter.demand_allowance(paid=servers.costs("writing"))
        engine, server = models.writer()
    evidence = [Evidence(one.text, n, 1.0, 1.0) for n, one in enumerate(said)]
    language = "zh" if any("\u4e00" <= c <= "\u9fff" for c in question) else "en"
    messages = answering.prompt(question, evidence, language)
    began = time.monotonic()
    try:
        one = engine.generate_many([Request(messages, 1, TOKENS, 0.2, 0.9, 0, SECONDS)])[0][0]
    except (DeadlinePassed, ServerTrouble, ModelAway):
        return [], ""  # the texts themselves are quoted
    with run.unit():
        spent = engine.count(messages), one.new_tokens
        meter.record(
            task="writing", model=engine.name, requests=1, tokens_in=spent[0],
            tokens_out=spent[1], seconds=time.monotonic() - began,
            micros=server.micros(*spent) if server else 0,
        )  # fmt: skip
    return checked(one.text, said, question), engine.name


def checked(text: str, said: Sequence[Said], about: str = "") -> list[dict[str, Any]]:
    """Each sentence with the places that support it; struck out where none does. Names that `about`
    uses may be said."""
    rows = []
    for start, end in spans(text):
        sentence = text[start:end].strip()
        if len(sentence) < 8 or sentence[-1] not in ENDS:  # a question, or cut off
            continue
        grounds = [one for one in said if answering.supported(sentence, [(about, one.text)])]
        places = [one.place for one in grounds]
        rows.append(_row(sentence, places, struck=not places))
    return rows
