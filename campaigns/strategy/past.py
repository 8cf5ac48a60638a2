"""Logs of other systems brought in, and our own handed out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.phrases import Phrase, say, say_many
from campaigns.strategy import logformats, rounds, selectors, services
from campaigns.strategy.features import TRAIT
from campaigns.strategy.jobs import READ_LOG, ReadPastLog
from campaigns.strategy.learning import Rounds
from campaigns.strategy.logformats import Refused, Round
from campaigns.strategy.models import (
    PastLog,
    PastRound,
    Policy,
    PolicyVersion,
)

SHOWN, BATCH, LEAST_READ = 50, 5_000, 0.5
LARGEST = 200_000_000


def bring_in(policy: Policy, file: UploadedFile, kind: str) -> PastLog:
    """Keep a file; a worker reads it."""
    if kind not in PastLog.Format.values:
        raise Invalid.one("format", say("Choose the format of the file."))
    if not file.size:
        raise Invalid.one("file", say("The file is empty."))
    if file.size > LARGEST:
        raise Invalid.one("file", say("The file is larger than %(most)s MB; split it.",
                                      most=LARGEST // 1_000_000))  # fmt: skip
    past = PastLog.objects.create(
        policy=policy, filename=(file.name or "log")[:200], format=kind, file=file
    )
    past.job = READ_LOG.enqueue(ReadPastLog(past.pk), dedupe_key=str(past.pk))
    past.save(update_fields=["job"])
    audit.record("strategy.bring_in", past, policy=str(policy.pk))
    return past


def read(past: PastLog) -> None:
    """Read a kept file whole: rounds that can be believed are kept, the others are listed. A file
    of which most lines are refused is refused as a whole."""
    actions = [a.key for a in selectors.actions_of(past.policy, [])]
    PastRound.objects.filter(of=past).delete()  # a job that came twice begins anew
    problems: list[dict[str, Any]] = []
    refused = taken = 0
    waiting: list[PastRound] = []
    with past.file.open("rb") as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="")
        for row in logformats.read(past.format, lines, actions):
            if isinstance(row, Refused):
                refused += 1
                if len(problems) < SHOWN:
                    problems.append({"line": row.line, "field": row.field,
                                     "reason": row.reason.stored()})  # fmt: skip
                continue
            taken += 1
            waiting.append(_row(past, row))
            if len(waiting) >= BATCH:
                PastRound.objects.bulk_create(waiting)
                waiting = []
    PastRound.objects.bulk_create(waiting)
    strangers = _strangers(past)
    if strangers:
        problems.insert(0, {"line": 0, "field": "action", "reason": strangers.stored()})
    bad = not taken or taken < LEAST_READ * (taken + refused) or strangers is not None
    past.state = PastLog.State.REFUSED if bad else PastLog.State.READY
    past.rounds, past.refused, past.problems = taken, refused, problems
    past.save(update_fields=["state", "rounds", "refused", "problems"])
    services.tell(past.policy)


def _row(past: PastLog, row: Round) -> PastRound:
    return PastRound(
        of=past, line=row.line, action=row.action, reward=row.reward, propensity=row.propensity,
        propensities=row.propensities, features=row.features, unit=row.unit,
    )  # fmt: skip


def log_for(version: PolicyVersion, past: PastLog) -> Rounds:
    """A log that was brought in, to judge a version by. That tells; it lets nothing go live, since
    the log was made elsewhere."""
    if past.state != PastLog.State.READY:
        raise Conflict(say("That log cannot be used: it is %(state)s.",
                           state=past.get_state_display()))  # fmt: skip
    found = rounds.of_past(past)
    strangers = _strangers(past)  # the bank may have changed since it was read
    if strangers is not None:
        raise Conflict(strangers)
    return found


def _strangers(past: PastLog) -> Phrase | None:
    """What is said of a log whose actions are not those of its policy."""
    known = {a.key for a in selectors.actions_of(past.policy, [])}
    keys = PastRound.objects.filter(of=past).order_by("action").values_list("action", flat=True)
    others = sorted(set(keys.distinct()) - known)
    if not others:
        return None
    return say_many("The log's actions are not this policy's: “%(name)s” is none of them.",
                    "%(n)s of the log's actions are not this policy's, “%(name)s” for one.",
                    n=len(others), name=others[0])  # fmt: skip


def handed_out(policy: Policy, kind: str, *, personal: bool = True) -> Iterator[str]:
    """Our own log as a file: people by a number, not by name; traits for those alone who may see
    them."""
    now = timezone.now()
    seen = rounds.logged(policy, since=now - services.LEARN_FROM, until=now)
    found = seen.rounds
    over = [i for i in range(len(found)) if found.over[i]]  # of the others nobody knows the reward
    people: dict[str, str] = {}
    rows = (
        Round(
            i + 1, found.keys[found.actions[i]], float(found.rewards[i]),
            float(found.propensities[i]),
            {} if found.logged is None else {
                key: float(p) for key, p in zip(found.keys, found.logged[i], strict=True) if p > 0
            },
            {k: v for k, v in found.rows[i].items() if personal or not k.startswith(TRAIT)},
            people.setdefault(str(found.units[i]), f"p{len(people) + 1}"),
            seen.at[i],
        )
        for i in over
    )  # fmt: skip
    return logformats.written(kind, rows, found.keys)
