"""What endpoints can be told of, and what in the house each type comes from. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from attune.kernel.phrases import Phrase, say

TRACKED = "event.tracked"
TEST = "endpoint.test"
NAMES_IN_IT = say(
    "event.tracked tells what customers did and said, with their names in it: only somebody who "
    "may see customers' names (contacts.view_personal) sends it anywhere."
)


@dataclass(frozen=True, slots=True)
class Type:
    """A type of webhook: what it says, the audit actions it comes from, or the customers' events
    that Attune itself records."""

    name: str
    about: Phrase
    actions: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()


def _deed(name: str, about: Phrase, *actions: str) -> Type:
    return Type(name, about, actions=frozenset(actions))


def _event(name: str, about: Phrase, *events: str) -> Type:
    return Type(name, about, events=frozenset(events))


TYPES: tuple[Type, ...] = (
    _event("message.sent", say("A message left"), "Message Sent"),
    _event("message.delivered", say("The provider delivered it"), "Message Delivered"),
    _event("message.opened", say("Somebody opened an e-mail"), "Message Opened"),
    _event("message.clicked", say("Somebody clicked"), "Message Clicked"),
    _event("message.failed", say("A message could not be handed over"), "Message Failed"),
    _event("message.bounced", say("A message came back"), "Message Bounced"),
    _event("message.complained", say("Somebody called it spam"), "Message Complained"),
    _event("contact.unsubscribed", say("Somebody unsubscribed"), "Unsubscribed"),
    _deed("contact.consent", say("Somebody agreed to something or refused it"), "contacts.consent"),
    _deed("contact.merged", say("A visitor turned out to be a known person"), "contacts.merge"),
    _deed("revision.approved", say("A text was approved"), "review.approve"),
    _deed("revision.rejected", say("A text was rejected"), "review.reject"),
    _deed("experiment.started", say("An experiment began"), "experiment.start"),
    _deed("experiment.stopped", say("An experiment ended"), "experiment.stop"),
    _deed("campaign.launched", say("A campaign or journey was launched"),
          "campaign.launch", "campaign.open"),
    _deed("campaign.paused", say("A campaign or journey was paused"), "campaign.pause"),
    _deed("campaign.finished", say("A campaign or journey ended"),
          "campaign.finish", "campaign.cancel"),
    _deed("journey.published", say("A journey got a new version"), "automations.publish"),
    _deed("policy.published", say("A policy got a new version"), "strategy.publish"),
    _deed("segment.changed", say("A segment was defined anew"), "segments.create",
          "segments.change"),
    _deed("conversation.handed_off", say("A conversation waits for a person"),
          "conversations.hand_off"),
    _deed("conversation.resolved", say("A conversation was resolved"), "conversation.resolve"),
    _deed("conversation.rated", say("A customer rated a conversation"), "conversations.rate"),
    _deed("finding.found", say("A finding was drawn from what customers say"), "insights.found"),
    Type(TRACKED, say("A customer did something; choose the events by name")),
)  # fmt: skip
KNOWN = {one.name: one for one in TYPES}
OF_ACTION = {action: one.name for one in TYPES for action in one.actions}
OF_EVENT = {event: one.name for one in TYPES for event in one.events}
