"""Risks: ask the question, keep what is told, make a segment of those to win back."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.text import slugify

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import scores as scored
from campaigns.decisions.models import Metric
from campaigns.predictions.models import Prediction
from campaigns.segments import services as segments
from campaigns.segments.models import Segment
from insights.risk import actions
from insights.risk.jobs import REFRESH_RISK, RefreshRisk
from insights.risk.models import Risk, RiskRun, RiskScore

MACHINE = Machine("risk", {("active", "pause"): "paused", ("paused", "resume"): "active"})
SHORTEST, LONGEST = 7, 365
WRITE_SQL = """
INSERT INTO risk_score (id, tenant_id, risk_id, contact_id, p, alive, worth, usual, worth_rank,
  action, reasons, at, expires_at)
SELECT gen_random_uuid(), %(tenant)s, %(risk)s, n.contact_id, n.p, n.alive, n.worth, n.usual,
  n.worth_rank, n.action, n.reasons::jsonb, %(at)s, %(at)s + %(days)s * interval '1 day'
FROM unnest(%(contacts)s::uuid[], %(p)s::float8[], %(alive)s::float8[], %(worth)s::float8[],
  %(usual)s::float8[], %(worth_rank)s::float8[], %(action)s::text[], %(reasons)s::text[])
  AS n(contact_id, p, alive, worth, usual, worth_rank, action, reasons)
JOIN contact c ON c.tenant_id = %(tenant)s AND c.id = n.contact_id
ON CONFLICT (tenant_id, risk_id, contact_id) DO UPDATE SET p = EXCLUDED.p,
  alive = EXCLUDED.alive, worth = EXCLUDED.worth, usual = EXCLUDED.usual,
  worth_rank = EXCLUDED.worth_rank, action = EXCLUDED.action, reasons = EXCLUDED.reasons,
  at = EXCLUDED.at, expires_at = EXCLUDED.expires_at"""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of some customers, each list in their order; `reasons` as JSON."""

    contacts: list[Any]
    p: list[float]
    p_rank: list[float]
    alive: list[float | None]
    worth: list[float | None]
    usual: list[float]
    worth_rank: list[float]
    action: list[str]
    reasons: list[str]

    def part(self, start: int, end: int) -> dict[str, list[Any]]:
        return {name: getattr(self, name)[start:end] for name in self.__slots__}


def create(*, name: str, goal: Metric, days: int) -> Risk:
    """A risk; its first refresh is asked for. Raises Invalid with every mistake."""
    errors = []
    if not name.strip():
        errors.append(FieldError("name", say("Give the risk a name.")))
    if not SHORTEST <= days <= LONGEST:
        told = say("Look %(least)s to %(most)s days ahead.", least=SHORTEST, most=LONGEST)
        errors.append(FieldError("days", told))
    if errors:
        raise Invalid(errors)
    if Risk.objects.filter(name=name.strip()).exists():
        raise Invalid.one("name", say("A risk has this name already."))
    try:
        with transaction.atomic():
            row = Risk.objects.create(key=_key(name), name=name.strip(), goal=goal, days=days)
    except IntegrityError as clash:  # somebody made it at the same time
        raise Invalid.one("name", say("A risk has this name already.")) from clash
    audit.record("risk.create", row, goal=goal.key, days=days)
    ask(row)
    return row


def _key(name: str) -> str:
    """A key that neither a risk nor a prediction has, nor its worth."""
    word = slugify(name)[:40]
    for tried in (word, f"{word}-{secrets.token_hex(3)}".strip("-")):
        keys = [scored.RISK + tried, scored.WORTH + tried]
        taken = Risk.objects.filter(key=keys[0]).exists()
        if tried and not taken and not Prediction.objects.filter(key__in=keys).exists():
            return keys[0]
    return scored.RISK + secrets.token_hex(8)


def ask(row: Risk) -> None:
    """Refresh it soon; one that waits already is enough. Raises Conflict where it is paused."""
    if row.state != Risk.State.ACTIVE:
        raise Conflict(say("The risk is paused; resume it first."))
    job = REFRESH_RISK.enqueue(RefreshRisk(row.pk), dedupe_key=str(row.pk))
    if job is not None:
        Risk.objects.filter(pk=row.pk).update(job=job)
    tell(row)


def pause(row: Risk) -> None:
    """What was told stays until it expires; nothing refreshes it."""
    advance(MACHINE, row, "pause")
    tell(row)


def resume(row: Risk) -> None:
    advance(MACHINE, row, "resume")
    ask(row)


def remove(row: Risk) -> None:
    """With all that it told; segments that ask for its scores hold nobody then."""
    audit.record("risk.remove", row, name=row.name)
    keys = (row.key, row.worth_key)
    row.delete()
    for key in keys:
        scored.drop_older(key, timezone.now() + timedelta(days=1))
        segments.refresh_scored(key)
    live.push(current_tenant(), "risk")


def win_back(row: Risk) -> Segment:
    """A segment of those whose risk is high and who are not worth least: it follows every refresh.
    Nothing is sent by making it. Raises Conflict where there is one."""
    if row.win_back is not None and row.win_back.state != Segment.State.ARCHIVED:
        raise Conflict(say("There is a win-back segment of it already."))
    if not RiskScore.objects.filter(risk=row).exists():
        raise Conflict(say("It has told of nobody yet; refresh it first."))
    rule = {"all": [
        {"score": row.key, "above": actions.THIRDS[1]},
        {"score": row.worth_key, "above": actions.THIRDS[0]},
    ]}  # fmt: skip
    about = say("High risk by “%(name)s”, and not among the third who spend least.", name=row.name)
    name = str(say("Win back: %(name)s", name=row.name))[:110]
    if Segment.objects.filter(name=name).exists():
        name = f"{name} {secrets.token_hex(2)}"
    made = segments.create(name=name, rule=rule, description=str(about))
    Risk.objects.filter(pk=row.pk).update(win_back=made)
    audit.record("risk.win_back", row, segment=str(made.pk))
    tell(row)
    return made


def refuse(row: Risk, at: datetime, why: Phrase) -> RiskRun:
    """There is too little to learn from; what was told before stays until it expires."""
    run = RiskRun.objects.create(risk=row, at=at, state=RiskRun.State.REFUSED, reason=why)
    tell(row)
    return run


def write(row: Risk, at: datetime, part: dict[str, list[Any]]) -> None:
    """What is told of some customers, in the place of what was; with the scores of it that segments
    and policies ask for."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE_SQL, {"tenant": current_tenant(), "risk": row.pk, "at": at,
                                   "days": row.days, **part})  # fmt: skip
    n = len(part["contacts"])
    scored.write(row.key, at, {
        "contacts": part["contacts"], "values": part["p"], "ranks": part["p_rank"],
        "reasons": part["reasons"],
    })  # fmt: skip
    scored.write(row.worth_key, at, {
        "contacts": part["contacts"], "values": part["worth_rank"], "ranks": part["worth_rank"],
        "reasons": [json.dumps([])] * n,
    })  # fmt: skip


def keep(row: Risk, at: datetime, card: dict[str, Any], people: int, why: Phrase) -> RiskRun:
    """Keep a refresh whose scores are written: who is not among them is told nothing of any more.
    Segments that ask for it are worked out anew."""
    RiskScore.objects.filter(risk=row, at__lt=at).delete()
    for key in (row.key, row.worth_key):
        scored.drop_older(key, at)
    run = RiskRun.objects.create(
        risk=row, at=at, state=RiskRun.State.DONE, reason=why, people=people, card=card
    )
    audit.record("risk.refresh", row, people=people)
    for key in (row.key, row.worth_key):
        segments.refresh_scored(key)
    tell(row)
    return run


def forget_expired(now: datetime) -> int:
    """Delete what has expired, with the scores of it that segments and policies ask for."""
    gone, _ = RiskScore.objects.filter(expires_at__lte=now).delete()
    for row in Risk.objects.all() if gone else ():
        until = now - timedelta(days=row.days)
        for key in (row.key, row.worth_key):
            scored.drop_older(key, until)
            segments.refresh_scored(key)
    return gone


def tell(row: Risk) -> None:
    live.push(current_tenant(), "risk", str(row.pk))
