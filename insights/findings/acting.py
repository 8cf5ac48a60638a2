"""One click from a finding to a brief, a segment, an FAQ entry or an experiment; and what the share
that it is about did since."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Identity
from campaigns.content import services as content
from campaigns.experiments.models import Experiment
from campaigns.segments import services as segments
from campaigns.segments.models import Segment
from chat.assistant import suggesting
from insights.findings import measures
from insights.findings.models import Action, Evidence, Finding
from insights.reading.models import Mention

VERBS = {  # what a person must be allowed to do, beside editing insights
    "brief": "content.edit", "segment": "segments.edit", "faq": "knowledge.edit",
    "experiment": "experiments.edit",
}  # fmt: skip
EVENTS = {-1: "Feedback Against", 1: "Feedback For", 0: "Feedback Given"}
EARLY_DAYS, MOST_PEOPLE = 14, 20_000


def shown(finding: Finding) -> QuerySet[Evidence]:
    """The places that speak for it, of texts that nobody set aside since."""
    rows = finding.evidence.filter(against=False, document__state="read")
    return rows.select_related("document").order_by("id")


def to_brief(*, finding: Finding, now: datetime, author_id: int | None) -> Action:
    """A brief whose goal is the claim, for the product (or the first of the catalogue) and the
    segment that it speaks of; its notes hold the quotes."""
    product = _product(finding)
    if product is None:
        raise Conflict(say("A brief needs a product: add one to the catalogue first."))
    segment = Segment.objects.filter(pk=finding.about.get("segment")).first()
    said = dict.fromkeys(e.quote for e in shown(finding))
    quotes = "\n".join(f"- {quote}" for quote in list(said)[:5])
    claim = str(finding.claim)
    brief = content.save_brief(
        name=claim[:120], goal=str(say("Answer what customers say: %(claim)s", claim=claim))[:300],
        channel="email", products=[product], audience=segment, author_id=author_id,
        notes=str(say("From a finding. What customers wrote:\n%(quotes)s", quotes=quotes)),
    )  # fmt: skip
    return _done(finding, "brief", brief.pk, brief.name, now)


def _product(finding: Finding) -> Product | None:
    named = Product.objects.filter(pk=finding.about.get("product")).first()
    if named is not None:
        return named
    used = shown(finding).exclude(document__product=None).values("document__product")
    most = used.annotate(n=Count("id")).order_by("-n").first()
    if most is not None:
        return Product.objects.filter(pk=most["document__product"]).first()
    return Product.objects.order_by("name").first()


def to_segment(*, finding: Finding, now: datetime) -> Action:
    """A segment of the known people who said so. What they said becomes an event of theirs (once a
    text), so the segment grows with what others say later only when this is asked for again."""
    if finding.about.get("segment"):
        raise Conflict(say("It speaks of a segment that is there already."))
    feature = finding.about.get("feature")
    if not feature:
        raise Conflict(say("Only a finding about a feature says who spoke of it."))
    label, n = _record(uuid.UUID(feature), -1, now)
    if not n:
        raise Conflict(say("None of the texts behind it was written by a known customer."))
    name = str(say("Spoke against “%(feature)s”", feature=label))[:100]
    rule = {"did": EVENTS[-1], "category": label}
    row = Segment.objects.filter(name=name).first()
    if row is None:
        row = segments.create(name=name, rule=rule, description=str(finding.claim)[:300])
    return _done(finding, "segment", row.pk, row.name, now)


def _record(feature: uuid.UUID, sign: int, now: datetime) -> tuple[str, int]:
    """Who spoke so of a feature, as events of theirs; the feature's label and how many."""
    rows = (
        Mention.objects.filter(feature_id=feature, polarity=sign, document__state="read")
        .exclude(document__contact=None).select_related("document", "feature")
        .only("at", "tenant_id", "document__contact_id", "feature__label")
        .order_by("-at")[:MOST_PEOPLE]
    )  # fmt: skip
    writers = {m.document.contact_id for m in rows}
    known = Identity.objects.filter(contact_id__in=writers).order_by("kind")
    named = {i.contact_id: i for i in known}
    items, label = [], ""
    for mention in rows:
        label = mention.feature.label
        who = named.get(mention.document.contact_id)
        if who is None:
            continue
        items.append({
            "type": "track", "event": EVENTS[sign], "timestamp": mention.at.isoformat(),
            ("userId" if who.kind == "user" else "anonymousId"): who.value,
            "messageId": f"feedback-{mention.document_id}-{feature}-{sign}",
            "properties": {"category": label, "document_id": str(mention.document_id)},
        })  # fmt: skip
    unique = list({item["messageId"]: item for item in items}.values())
    for at in range(0, len(unique), 500):
        contacts.record_events(unique[at : at + 500], source="insights", now=now, history=True)
    return label, len(unique)


def to_faq(*, finding: Finding, now: datetime) -> Action:
    """A question among those that wait for an answer in Knowledge, with the quotes as samples."""
    quotes = list(dict.fromkeys(e.quote[:300] for e in shown(finding)))[:10]
    question = str(say("What do we say to: %(claim)s", claim=finding.claim))[:300]
    row = suggesting.propose(question=question, samples=quotes)
    return _done(finding, "faq", row.pk, row.question, now)


def to_experiment(*, finding: Finding, experiment: Experiment, now: datetime) -> Action:
    """An experiment that answers it."""
    return _done(finding, "experiment", experiment.pk, experiment.name, now)


def _done(finding: Finding, kind: str, target: uuid.UUID, label: str, now: datetime) -> Action:
    row, made = Action.objects.get_or_create(
        finding=finding, kind=kind, target=target, defaults={"label": label[:200], "at": now}
    )
    if made:
        audit.record("insights.act_on_finding", finding, kind=kind, target=str(target))
        live.push(current_tenant(), "findings")
    return row


def measure_effects(*, now: datetime) -> int:
    """What the share did since each action of the last year; how many were measured."""
    rows = Action.objects.filter(at__gte=now - timedelta(days=365)).select_related("finding")
    n = 0
    for row in rows.exclude(finding__kind="person"):
        if row.at > now - timedelta(days=EARLY_DAYS):
            continue
        found = measures.change(row.finding.kind, row.finding.about, row.at, now)
        values: dict[str, Any] = {"measured_at": now, "verdict": "little"}
        if found is not None:
            moved = found.low > 0 or found.high < 0
            values |= {
                "effect": {"difference": found.difference, "low": found.low, "high": found.high},
                "verdict": ("rose" if found.difference > 0 else "fell") if moved else "same",
            }  # fmt: skip
        Action.objects.filter(pk=row.pk).update(**values)
        n += 1
    return n


def act(
    *, finding: Finding, kind: str, now: datetime, by_id: int | None,
    experiment_id: uuid.UUID | None,
) -> Action:  # fmt: skip
    """The action of that kind; two clicks are one. Raises Invalid where it is none, Conflict before
    it is accepted."""
    finding = Finding.objects.select_for_update().get(pk=finding.pk)
    if finding.state not in {"accepted", "stale"}:
        raise Conflict(say("Accept the finding first: what is done about it should stand on "
                           "something that a person believes."))  # fmt: skip
    if kind in {"brief", "faq"} and (done := finding.actions.filter(kind=kind).first()):
        raise Conflict(say("That was made of it already: %(label)s.", label=done.label))
    if kind == "brief":
        return to_brief(finding=finding, now=now, author_id=by_id)
    if kind == "segment":
        return to_segment(finding=finding, now=now)
    if kind == "faq":
        return to_faq(finding=finding, now=now)
    row = Experiment.objects.filter(pk=experiment_id).first()
    if kind != "experiment" or row is None:
        raise Invalid.one("kind", say("Choose what to make of it; for an experiment, which one."))
    return to_experiment(finding=finding, experiment=row, now=now)
