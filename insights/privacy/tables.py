"""What each table that knows a person does when they are erased. A guard test holds that none is
forgotten.

A person is erased by taking away who they are and what they said, and keeping that something
happened: an empty contact stays, so that experiments, forecasts and counts do not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing in it tells who the person is."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The rows go."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The rows stay without these fields."""

    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forget:
    """By a database function, where the application may not change rows."""

    function: str


Way = Keep | Drop | Strip | Forget
ERASED = {"body": "[erased]"}
WAYS: dict[str, Way] = {
    "contacts.Identity": Drop(),
    "contacts.IdentityMerge": Drop(),
    "contacts.Event": Forget("attune_forget_events"),
    "contacts.ContactChange": Drop(),
    "contacts.Trait": Drop(),
    "contacts.Profile": Keep(),
    "contacts.Score": Drop(),
    "contacts.Consent": Keep(),
    "segments.SegmentMembership": Keep(),
    "content.GenerationRun": Strip({"contact": None, "audience_profile": {}, "prompt": [],
                                    "grounding": [], "drafts": {}, "trial": {}}),
    "decisions.Decision": Forget("attune_forget_decisions"),
    "delivery.Send": Strip({"address": "", "message_id": "", "components": ERASED}),
    "automations.JourneyRun": Strip({"key": "", "state": "ended", "outcome": "stopped",
                                     "due_at": None, "send": None}),
    "conversations.Visitor": Drop(),
    "conversations.Conversation": Drop(),
    "sources.Document": Strip({"contact": None, "author": "", "attributes": {},
                               "external_id": ""}),
    "risk.RiskScore": Drop(),
    "privacy.PrivacyRequest": Keep(),
}  # fmt: skip
