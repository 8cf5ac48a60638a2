"""Each right in words, by what it is about: what a page lists where people choose rights."""

from __future__ import annotations

from collections.abc import Collection

from attune.kernel.phrases import Phrase, say

AREAS: dict[str, Phrase] = {
    "workspace": say("Workspace"), "clients": say("Clients"), "usage": say("Workspace"),
    "members": say("Workspace"), "keys": say("Workspace"), "audit": say("Workspace"),
    "jobs": say("Workspace"), "privacy": say("Workspace"), "webhooks": say("Workspace"),
    "contacts": say("Customers"), "events": say("Customers"), "segments": say("Customers"),
    "catalog": say("Content"), "content": say("Content"), "models": say("Content"),
    "approval": say("Content"), "experiments": say("Experiments and policies"),
    "strategy": say("Experiments and policies"), "decisions": say("Experiments and policies"),
    "campaigns": say("Campaigns"), "sends": say("Campaigns"), "chat": say("Conversations"),
    "knowledge": say("Conversations"), "insights": say("Insight"),
}  # fmt: skip
WORDS: dict[str, Phrase] = {
    "workspace.view": say("See the workspace"),
    "workspace.manage": say("Change its settings"),
    "workspace.leave": say("Take its data out, erase it, part from its agency"),
    "clients.view": say("See the agency's clients"),
    "clients.manage": say("Make clients, set their caps, let them go"),
    "clients.enter": say("Go into clients' workspaces"),
    "usage.view": say("See what is used"),
    "members.view": say("See who is a member"),
    "members.manage": say("Invite, change and remove members"),
    "keys.manage": say("Make and end API keys"),
    "audit.view": say("Read the audit log"),
    "jobs.view": say("See later work"),
    "jobs.manage": say("Retry and cancel later work"),
    "contacts.view": say("See customers without their names"),
    "contacts.view_personal": say("See customers' names and addresses"),
    "contacts.edit": say("Change customers"),
    "contacts.import": say("Import customers"),
    "events.view": say("See events"),
    "events.write": say("Send events in"),
    "segments.view": say("See segments"),
    "segments.edit": say("Make and change segments"),
    "catalog.view": say("See products and facts"),
    "catalog.edit": say("Change products and facts"),
    "content.view": say("Read texts"),
    "content.edit": say("Write briefs and texts"),
    "content.generate": say("Have texts written by the model"),
    "models.view": say("See the models"),
    "models.train": say("Train models"),
    "models.manage": say("Choose which model is live"),
    "models.use": say("Use the models over the API"),
    "approval.view": say("See reviews"),
    "approval.decide": say("Approve and reject"),
    "experiments.view": say("See experiments"),
    "experiments.edit": say("Plan and stop experiments"),
    "strategy.view": say("See policies"),
    "strategy.edit": say("Change policies"),
    "strategy.launch": say("Start and stop policies"),
    "decisions.view": say("See decisions"),
    "decisions.make": say("Ask for decisions over the API"),
    "campaigns.view": say("See campaigns and journeys"),
    "campaigns.edit": say("Plan campaigns and journeys"),
    "campaigns.launch": say("Launch, change and stop what is sent"),
    "sends.view": say("Read the messages that were sent"),
    "chat.view": say("Read conversations"),
    "chat.answer": say("Answer customers"),
    "chat.manage": say("Set up inboxes and the assistant"),
    "knowledge.view": say("Read the knowledge"),
    "knowledge.edit": say("Change the knowledge"),
    "insights.view": say("See insight and reports"),
    "insights.edit": say("Judge findings, label, plan"),
    "webhooks.manage": say("Set up outgoing webhooks"),
    "privacy.manage": say("Answer requests for data and erasure"),
}


def choices(verbs: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """[(area, [(right, its words)])] for a form's boxes, in the order of the areas."""
    areas: dict[str, list[tuple[str, str]]] = {}
    for verb in verbs:
        words = say("%(words)s · %(verb)s", words=WORDS[verb], verb=verb)
        areas.setdefault(str(AREAS[verb.partition(".")[0]]), []).append((verb, str(words)))
    return list(areas.items())
