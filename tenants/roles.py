"""THE permission table: a role holds verbs `slice.verb`; an API key's scopes are verbs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attune.kernel.phrases import Phrase, known_words, say


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MARKETER = "marketer"
    REVIEWER = "reviewer"
    SENDER = "sender"
    ANALYST = "analyst"
    AGENT = "agent"
    DEVELOPER = "developer"


ROLE_ABOUT: dict[Role, Phrase] = {
    Role.OWNER: say("Everything, including handing over the workspace"),
    Role.ADMIN: say("Everything except removing the last owner"),
    Role.MARKETER: say("Edits audience, content and campaigns; cannot approve or launch"),
    Role.REVIEWER: say("Approves or rejects content; cannot approve their own"),
    Role.SENDER: say("Launches, pauses and stops approved campaigns"),
    Role.ANALYST: say("Reads results and works on insights; personal data is hidden"),
    Role.AGENT: say("Talks with customers"),
    Role.DEVELOPER: say("API keys, webhooks, events and their errors"),
}

known_words(*Role, "custom")
_ALL = frozenset(Role)
_BOSS = frozenset({Role.OWNER, Role.ADMIN})
_EDIT = _BOSS | {Role.MARKETER}
_PERSONAL = _BOSS | {Role.MARKETER, Role.REVIEWER, Role.SENDER, Role.AGENT}

PERMISSIONS: dict[str, frozenset[Role]] = {
    "workspace.view": _ALL,
    "workspace.manage": _BOSS,
    "workspace.leave": frozenset({Role.OWNER}),
    "clients.view": _BOSS,
    "clients.manage": _BOSS,
    "clients.enter": _BOSS,
    "usage.view": _BOSS | {Role.ANALYST, Role.DEVELOPER},
    "members.view": _ALL,
    "members.manage": _BOSS,
    "keys.manage": _BOSS | {Role.DEVELOPER},
    "audit.view": _BOSS | {Role.REVIEWER, Role.ANALYST, Role.DEVELOPER},
    "jobs.view": _ALL,
    "jobs.manage": _EDIT | {Role.SENDER, Role.DEVELOPER},
    "contacts.view": _ALL,
    "contacts.view_personal": _PERSONAL,
    "contacts.edit": _EDIT,
    "contacts.import": _EDIT | {Role.DEVELOPER},
    "events.view": _ALL - {Role.AGENT},
    "events.write": _BOSS | {Role.DEVELOPER},
    "segments.view": _ALL,
    "segments.edit": _EDIT,
    "catalog.view": _ALL,
    "catalog.edit": _EDIT,
    "content.view": _ALL,
    "content.edit": _EDIT,
    "content.generate": _EDIT,
    "models.view": _ALL - {Role.AGENT},
    "models.train": _EDIT,
    "models.manage": _BOSS,
    "models.use": _BOSS | {Role.DEVELOPER},
    "approval.view": _ALL,
    "approval.decide": _BOSS | {Role.REVIEWER},
    "experiments.view": _ALL,
    "experiments.edit": _EDIT,
    "strategy.view": _ALL - {Role.AGENT},
    "strategy.edit": _EDIT | {Role.ANALYST},
    "strategy.launch": _BOSS | {Role.SENDER},
    "campaigns.view": _ALL,
    "campaigns.edit": _EDIT,
    "campaigns.launch": _BOSS | {Role.SENDER},
    "decisions.view": _ALL - {Role.AGENT},
    "decisions.make": _BOSS | {Role.DEVELOPER},
    "sends.view": _PERSONAL,
    "chat.view": _PERSONAL,
    "chat.answer": _BOSS | {Role.MARKETER, Role.AGENT},
    "chat.manage": _BOSS,
    "knowledge.view": _ALL,
    "knowledge.edit": _EDIT | {Role.AGENT},
    "insights.view": _ALL,
    "insights.edit": _EDIT | {Role.ANALYST},
    "webhooks.manage": _BOSS | {Role.DEVELOPER},
    "privacy.manage": _BOSS,
}

WRITE_ONLY_SCOPES = frozenset({"events.write"})
CUSTOM = "custom"  # the role of somebody whose verbs the workspace itself put together
ALL_VERBS = frozenset(PERMISSIONS)
OWNERS_ALONE = frozenset(verb for verb, holders in PERMISSIONS.items() if holders == {Role.OWNER})
AT_HOME = frozenset(  # what nobody may in a client's workspace who is there for its agency
    {"workspace.leave", "members.manage", "keys.manage", "webhooks.manage"}
) | {verb for verb in PERMISSIONS if verb.startswith("clients.")}


def verbs_of(*roles: str, granted: Iterable[str] = ()) -> frozenset[str]:
    """What somebody may who holds these roles, and verbs besides. A verb that is no more is left
    out; an unknown role holds nothing."""
    held = {verb for verb, holders in PERMISSIONS.items() if holders.intersection(roles)}
    return frozenset(held | ALL_VERBS.intersection(granted))


def who_can(verb: str) -> list[str]:
    """The roles that hold a verb, for the page that says who to ask."""
    return [role.value for role in Role if role in PERMISSIONS[verb]]
