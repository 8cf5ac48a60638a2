"""Keeping findings: what was looked for and found, what people decide, what measuring anew says."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from insights.findings import looking
from insights.findings.jobs import LOOK_FOR_FINDINGS, LookForFindings
from insights.findings.looking import Found
from insights.findings.models import Evidence, Finding, Measurement
from insights.sources.models import Document
from tenants.models import User

FINDING = Machine("finding", {
    ("draft", "submit"): "under_review", ("under_review", "accept"): "accepted",
    ("draft", "accept"): "accepted", ("draft", "reject"): "rejected",
    ("under_review", "reject"): "rejected", ("accepted", "stale"): "stale",
    ("under_review", "stale"): "stale", ("draft", "stale"): "stale",
    ("stale", "accept"): "accepted", ("stale", "supersede"): "superseded",
    ("accepted", "supersede"): "superseded", ("rejected", "reopen"): "draft",
})  # fmt: skip
BY_HAND = {"submit", "accept", "reject", "supersede", "reopen"}
MOST_PLACES, KEEP_DAYS = 12, 14


def request_look() -> None:
    LOOK_FOR_FINDINGS.enqueue(LookForFindings(), dedupe_key="look")
    live.push(current_tenant(), "findings")


def keep(found: Sequence[Found], *, now: datetime) -> int:
    """Keep what was found; what is known already is measured anew. How many are new."""
    known = {f.key: f for f in Finding.objects.exclude(state="superseded")}
    new = 0
    for one in found:
        row = known.get(one.key)
        if row is None:
            row = Finding.objects.create(
                kind=one.kind, about=one.about, key=one.key, claim=one.claim,
                caveat=one.caveat, measure=one.measure, effect=one.effect, low=one.low,
                high=one.high, q=one.q, n=one.n, measured_at=now,
            )  # fmt: skip
            new += 1
        _measured(row, one, now)
        _places(row, one)
        _denied(known.get(one.contrary), one, now)
    _unseen(found, known, now)
    if new:
        audit.record("insights.found", None, findings=new)
    live.push(current_tenant(), "findings")
    return new


def _measured(row: Finding, one: Found, now: datetime) -> None:
    """A measurement is appended, one a day. What a person decided about goes on saying what they
    read; only its figures move."""
    values: dict[str, Any] = {
        "effect": one.effect, "low": one.low, "high": one.high, "n": one.n, "at": now,
    }  # fmt: skip
    today = Measurement.objects.filter(finding=row, verdict="holds", at__date=now.date())
    if not today.update(**values):
        Measurement.objects.create(finding=row, verdict="holds", **values)
    values = {"measured_at": values.pop("at"), "q": one.q, **values}
    if row.state in {Finding.State.DRAFT, Finding.State.UNDER_REVIEW}:
        values |= {"claim": one.claim, "measure": one.measure}
    Finding.objects.filter(pk=row.pk).update(**values)


def _denied(row: Finding | None, one: Found, now: datetime) -> None:
    """What says the contrary of what was found now is stale."""
    if row is None or (row.state, "stale") not in FINDING.moves:
        return
    Measurement.objects.create(finding=row, at=now, effect=one.effect, low=one.low, high=one.high,
                               n=one.n, verdict="turned")  # fmt: skip
    told = say("Measured anew it says the contrary: %(claim)s", claim=one.claim)
    Finding.objects.filter(pk=row.pk).update(why=told)
    advance(FINDING, row, "stale")


def _unseen(found: Sequence[Found], known: dict[str, Finding], now: datetime) -> None:
    """What was found before, and for a fortnight was not found again, is stale."""
    seen = {one.key for one in found}
    for row in known.values():
        old = row.measured_at < now - timedelta(days=KEEP_DAYS)
        if row.kind != "person" and row.key not in seen and old and \
                (row.state, "stale") in FINDING.moves:  # fmt: skip
            Measurement.objects.create(finding=row, at=now, effect=0.0, low=0.0, high=0.0, n=0,
                                       verdict="gone")  # fmt: skip
            told = say("It no longer stands out: the last look did not find it.")
            Finding.objects.filter(pk=row.pk).update(why=told)
            advance(FINDING, row, "stale")


def _places(row: Finding, one: Found) -> None:
    """The places found now, for and against, instead of those found before; what people added
    stays."""
    wanted = [(False, p) for p in one.places[:MOST_PLACES]]
    wanted += [(True, p) for p in one.against[:MOST_PLACES]]
    ids = {uuid.UUID(pk) for _, (pk, _, _) in wanted}
    texts = Document.objects.filter(pk__in=ids, state="read").only("id", "tenant_id", "text")
    there = {str(d.pk): d for d in texts}
    Evidence.objects.filter(finding=row, by_person=False).delete()
    made = [
        Evidence(finding=row, document=there[pk], start=start, against=against,
                 end=end or min(len(there[pk].text), 400))
        for against, (pk, start, end) in wanted if pk in there
    ]  # fmt: skip
    Evidence.objects.bulk_create(made, ignore_conflicts=True)


def move(*, finding: Finding, verb: str, why: str = "") -> None:
    """`submit`, `accept`, `reject`, `reopen` or `supersede`, by a person. Rejecting says why."""
    if verb not in BY_HAND:
        raise Invalid.one("verb", say("This is not a step of a finding."))
    if verb == "reject" and not why.strip():
        raise Invalid.one("why", say("Say in a few words why it is rejected."))
    if verb == "accept" and finding.kind != "person" and finding.n < 5:
        raise Invalid.one("verb", say("It stands on fewer than five texts; wait for more."))
    advance(FINDING, finding, verb)
    if why.strip():
        Finding.objects.filter(pk=finding.pk).update(why=why.strip()[:500])
    live.push(current_tenant(), "findings")


def own(*, finding: Finding, owner: User | None) -> None:
    Finding.objects.filter(pk=finding.pk).update(owner=owner)
    audit.record("insights.own_finding", finding, owner=owner.pk if owner else None)
    live.push(current_tenant(), "findings")


def write(*, claim: str, now: datetime, owner: User | None) -> Finding:
    """A finding that a person writes; evidence is added on its page."""
    claim = " ".join(claim.split())
    if not 5 <= len(claim) <= 300:
        raise Invalid.one("claim", say("Say it in 5 to 300 characters."))
    row = Finding.objects.create(
        kind="person", key=f"person:{uuid.uuid4()}", claim=claim, owner=owner, measured_at=now,
        caveat=looking.CAVEAT,
    )  # fmt: skip
    audit.record("insights.write_finding", row)
    live.push(current_tenant(), "findings")
    return row


def add_evidence(
    *, finding: Finding, document: Document, start: int, end: int, against: bool
) -> None:
    """A place in a text for or against it. Raises Invalid where there is no such place."""
    if document.state != Document.State.READ:
        raise Conflict(say("This text is set aside or was not read yet."))
    if not 0 <= start < end <= len(document.text):
        raise Invalid.one("place", say("This text has no such place."))
    Evidence.objects.get_or_create(finding=finding, document=document, start=start, end=end,
                                   defaults={"against": against, "by_person": True})  # fmt: skip
    audit.record("insights.add_evidence", finding, document=str(document.pk), against=against)
