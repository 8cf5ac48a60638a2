"""Asking for reports and answers, and keeping their sentences with what they stand on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attune.kernel import audit, jobs, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from attune.kernel.phrases import Phrase, as_is, say
from attune.kernel.tenancy import current_tenant
from insights.findings import lookup, questions
from insights.findings.jobs import WRITE_REPORT, WriteReport
from insights.findings.models import Finding, Report
from insights.topics import trends
from insights.topics.trends import Count
from tenants.models import User

MOST_FINDINGS = 20


def ask(*, question: str, now: datetime, author: User | None) -> Report:
    """Answer a question from what customers wrote. Raises Invalid."""
    question = " ".join(question.split())
    if not 3 <= len(question) <= 300:
        raise Invalid.one("question", say("Ask in 3 to 300 characters."))
    query = questions.understood(question, lookup.names(), now)
    return _request(Report.Kind.ANSWER, question, query.as_data(), [], author)


def request_report(*, title: str, finding_ids: Sequence[uuid.UUID], author: User | None) -> Report:
    """A report of accepted findings, of all of them where none is named. Raises Conflict."""
    rows = Finding.objects.filter(state="accepted").order_by("-id")
    chosen = rows.filter(pk__in=finding_ids) if finding_ids else rows
    ids = [str(pk) for pk in chosen.values_list("pk", flat=True)[:MOST_FINDINGS]]
    if not ids:
        raise Conflict(say("A report tells accepted findings; accept one first."))
    title = " ".join(title.split())[:300] or str(say("What customers say"))
    return _request(Report.Kind.REPORT, title, {}, ids, author)


def _request(
    kind: str, title: str, query: dict[str, Any], findings: list[str], author: User | None
) -> Report:  # fmt: skip
    row = Report.objects.create(
        kind=kind, title=title, query=query, findings=findings, author=author
    )
    row.job = WRITE_REPORT.enqueue(WriteReport(row.pk))
    row.save(update_fields=["job"])
    audit.record(f"insights.{kind}", row, title=title)
    live.push(current_tenant(), "reports")
    return row


def keep(*, report: Report, sentences: list[dict[str, Any]], model: str) -> None:
    Report.objects.filter(pk=report.pk).update(sentences=sentences, model=model, state="done")
    live.push(current_tenant(), "reports")


def failed(*, report_id: object, why: Phrase) -> None:
    Report.objects.filter(pk=report_id, state="waiting").update(state="failed", problem=why)
    live.push(current_tenant(), "reports")


@jobs.on_cancel(WRITE_REPORT)
def _cancelled(payload: WriteReport) -> None:
    failed(report_id=payload.report_id, why=say("Cancelled by a person."))


def close_interrupted() -> None:
    """A report whose job gave up does not look busy for ever."""
    for row in Report.objects.filter(state="waiting", job__state__in=JobRow.GAVE_UP):
        failed(report_id=row.pk, why=say("Its job gave up; see Jobs."))


def figures_told(found: lookup.Figures, query: questions.Query) -> list[Phrase]:
    """The figures as sentences; of too few texts, that."""
    if not found.n:
        return [say("No text fits what you asked for.")]
    whole = found.weight or 1.0
    told = [say(
        "%(n)s texts from %(first)s to %(last)s are about it: %(bad)s negative, %(good)s positive.",
        n=found.n, first=found.first.date().isoformat(), last=found.last.date().isoformat(),
        bad=f"{found.bad / whole:.0%}", good=f"{found.good / whole:.0%}",
    )]  # fmt: skip
    whole, against, favour = found.mentions
    if whole:
        told.append(say(
            "Of the mentions of %(features)s, %(bad)s are against and %(good)s in favour.",
            features=", ".join(name for _, name in query.features),
            bad=f"{against / whole:.0%}", good=f"{favour / whole:.0%}",
        ))  # fmt: skip
    if found.features:
        named = ", ".join(f"{label} ({n})" for label, n, _ in found.features)
        told.append(say("They speak most of: %(features)s.", features=named))
    if found.n < 10:
        told.append(say("These are few; do not build on them alone."))
    return told


def compared_told(parts: Sequence[tuple[str, lookup.Figures]]) -> list[Phrase]:
    """How each of several is spoken of, and whether one differs from the others beyond chance: the
    mentions of the features that were asked for, else whole texts."""
    sums = [
        (f.mentions[1], f.mentions[0]) if f.mentions[0] else (f.bad, f.weight) for _, f in parts
    ]
    told = [
        say("“%(name)s”: %(n)s texts, %(bad)s against.", name=name, n=found.n,
            bad=f"{bad / whole:.0%}" if whole else "–")
        for (name, found), (bad, whole) in zip(parts, sums, strict=True)
    ]  # fmt: skip
    bad, whole = (sum(row[i] for row in sums) for i in (0, 1))
    tested = parts[:1] if len(parts) == 2 else parts  # of two, one difference says all
    shifts = trends.shifts([Count(b, w, bad - b, whole - w) for b, w in sums[: len(tested)]])
    for (name, _), shift in zip(tested, shifts, strict=True):
        if shift.verdict in {"rising", "falling"}:
            told.append(say(
                "“%(name)s” against the others: %(difference)s points, "
                "95 %% interval %(low)s to %(high)s; beyond chance.", name=name,
                difference=f"{shift.difference:+.0f}", low=f"{shift.low:+.0f}",
                high=f"{shift.high:+.0f}",
            ))  # fmt: skip
    if all(s.verdict == "steady" for s in shifts):
        told.append(say("None differs from the others beyond what chance does."))
    elif all(s.verdict == "little" for s in shifts):
        told.append(say("There are too few texts to say whether they differ."))
    return told


def finding_told(finding: Finding) -> Phrase:
    """A claim with its figures."""
    if finding.kind == "person" or finding.low == finding.high:
        return as_is(finding.claim)
    return say(
        "%(claim)s (%(effect)s, 95 %% interval %(low)s to %(high)s, %(measure)s; %(n)s texts.)",
        claim=finding.claim, effect=f"{finding.effect:.1f}", low=f"{finding.low:.1f}",
        high=f"{finding.high:.1f}", measure=finding.measure, n=finding.n,
    )  # fmt: skip
