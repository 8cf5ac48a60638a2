"""Later work of the strategy slice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, LIGHT, Job


@dataclass(frozen=True, slots=True)
class LearnPolicy:
    policy_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class JudgeVersion:
    version_id: uuid.UUID
    log: str = "decisions"


@dataclass(frozen=True, slots=True)
class LookAtPolicy:
    policy_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ReadPastLog:
    log_id: uuid.UUID


LEARN = Job("strategy.learn", LIGHT, LearnPolicy)
LEARN_RETURN = Job("strategy.learn_return", FITTING, LearnPolicy)
JUDGE = Job("strategy.judge", LIGHT, JudgeVersion)
LOOK = Job("strategy.look", LIGHT, LookAtPolicy)
READ_LOG = Job("strategy.read_log", LIGHT, ReadPastLog)
