"""Reading findings and reports."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Count, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.models import JobRow
from attune.kernel.phrases import restored, say
from campaigns.experiments.models import Experiment
from insights.findings.jobs import LOOK_FOR_FINDINGS
from insights.findings.models import Finding, Report
from insights.sources.models import Document

TARGETS = {
    "brief": "content:brief", "segment": "segments:segment", "experiment": "experiments:experiment",
}  # fmt: skip
OPEN = ("draft", "under_review", "accepted", "stale")


def findings(*, state: str = "", kind: str = "", owner_id: int | None = None) -> QuerySet[Finding]:
    """Open ones where no state is named, what a person believes first, the largest n first."""
    rows = Finding.objects.select_related("owner").annotate(done=Count("actions", distinct=True))
    rows = rows.filter(state=state) if state else rows.filter(state__in=OPEN)
    rows = rows.filter(kind=kind) if kind else rows
    rows = rows.filter(owner_id=owner_id) if owner_id else rows
    return rows.order_by("state", "-n", "-id")


def finding(pk: uuid.UUID | str) -> Finding:
    row = Finding.objects.select_related("owner").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such finding in this workspace."))
    return row


def states() -> dict[str, int]:
    rows = Finding.objects.values("state").annotate(n=Count("id")).order_by("state")
    return {row["state"]: row["n"] for row in rows}


def experiments() -> QuerySet[Experiment]:
    return Experiment.objects.only("id", "name").order_by("-id")[:100]


def looking() -> JobRow | None:
    return JobRow.objects.filter(kind=LOOK_FOR_FINDINGS.name).order_by("-created_at").first()


def reports(kind: str) -> QuerySet[Report]:
    rows = Report.objects.filter(kind=kind).select_related("author", "job")
    return rows.defer("sentences").order_by("-id")


def report(pk: uuid.UUID | str) -> Report:
    row = Report.objects.select_related("author", "job").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such report in this workspace."))
    return row


def told(of: Report) -> list[dict[str, Any]]:
    """The sentences with the quotes that they stand on; an erased text is no longer quoted."""
    ids = {place["document"] for row in of.sentences for place in row["places"]}
    texts = {
        str(d.pk): d for d in Document.objects.filter(pk__in=ids, state="read").only(
            "id", "tenant_id", "text", "at")
    }  # fmt: skip
    return [
        {**row, "n": n, "text": restored(row["text"]), "quotes": [
            {"document": p["document"], "text": texts[p["document"]].text[p["start"] : p["end"]]}
            for p in row["places"] if p["document"] in texts
        ]}
        for n, row in enumerate(of.sentences, start=1)
    ]  # fmt: skip
