"""Later work of the topics."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import FITTING, MODEL, Job


@dataclass(frozen=True, slots=True)
class FitTopics:
    fit_id: uuid.UUID


FIT_TOPICS = Job("insights.fit_topics", FITTING, FitTopics)


@dataclass(frozen=True, slots=True)
class SplitTopic:
    topic_id: uuid.UUID


SPLIT_TOPIC = Job("insights.split_topic", FITTING, SplitTopic)


@dataclass(frozen=True, slots=True)
class NameTopics:
    """Name the topics that only their words name."""


NAME_TOPICS = Job("insights.name_topics", MODEL, NameTopics)
