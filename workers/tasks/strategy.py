"""Policies: learn, judge, look and let ramps move; read logs that were brought in."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from attune.kernel.errors import AttuneError
from attune.kernel.phrases import say
from campaigns.strategy import looking, past, ramps, selectors, services
from campaigns.strategy.jobs import (
    JUDGE,
    LEARN,
    LOOK,
    READ_LOG,
    JudgeVersion,
    LearnPolicy,
    LookAtPolicy,
    ReadPastLog,
)
from campaigns.strategy.models import Policy
from workers.runner import Run, handles

LEARN_EVERY = timedelta(days=1)


def steer() -> None:
    now = timezone.now()
    for policy in selectors.deciding():
        LOOK.enqueue(LookAtPolicy(policy.pk), dedupe_key=str(policy.pk))
        newest = policy.versions.order_by("-number").first()
        due = newest is None or now - newest.created_at > LEARN_EVERY
        if not policy.refreshes or not due or selectors.open_ramp(policy) is not None:
            continue
        if services.tried_lately(policy, now - LEARN_EVERY):
            continue
        if services.log_is_long(policy):
            services.ask_to_learn(policy)


@handles(LEARN)
def learn(payload: LearnPolicy, run: Run) -> None:
    """A new version, and what the gate says of it; of a policy that refreshes itself, it begins to
    serve where the gate lets it."""
    now = timezone.now()
    with run.unit():
        run.progress(0, 3, say("Reads the log and learns."))
        policy = selectors.policy(payload.policy_id)
        version = services.learn(policy, now)
    with run.unit():
        run.progress(1, 3, say("Judges it by the log."))
        version = selectors.version(version.pk)
        found, refresh = services.log_for(version, now)
    told = services.report(version, found, refresh=refresh)
    with run.unit():
        estimate = services.keep(version, told, until=now)
        ramps.begin_if_free(selectors.version(version.pk), estimate, now)
        run.progress(3, 3, estimate.reason)


@handles(JUDGE)
def judge(payload: JudgeVersion, run: Run) -> None:
    now = timezone.now()
    with run.unit():
        version = selectors.version(payload.version_id)
        if payload.log == "decisions":
            found, refresh = services.log_for(version, now)
        else:
            found, refresh = past.log_for(version, selectors.past_log(payload.log)), False
    told = services.report(version, found, refresh=refresh)
    with run.unit():
        services.keep(version, told, until=now, log=payload.log)


@handles(LOOK)
def look(payload: LookAtPolicy, run: Run) -> None:
    """What is known now; then the ramp does what follows from it."""
    now = timezone.now()
    with run.unit():
        policy = selectors.policy(payload.policy_id)
        if policy.started_at is None or policy.state == Policy.State.RETIRED:
            return
        seen = looking.read(policy, now)
    regrets = looking.regrets(seen)
    with run.unit():
        looking.look(policy, now, seen, regrets)
    with run.unit():
        ramp = selectors.open_ramp(policy)
        if ramp is not None:
            try:
                ramps.look(selectors.ramp(ramp.pk, lock=True), now)
            except AttuneError as moved:  # a person was quicker
                run.progress(1, 1, moved.args[0])


@handles(READ_LOG)
def read_log(payload: ReadPastLog, run: Run) -> None:
    with run.unit():
        past.read(selectors.past_log(payload.log_id))
