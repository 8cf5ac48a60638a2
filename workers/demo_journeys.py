"""The demo's topics, and a journey that reminds of carts left behind. Its minutes are short: people
are seen to move."""

from __future__ import annotations

from typing import Any

from campaigns.automations import services
from campaigns.automations.models import Journey
from campaigns.content import selectors as content
from campaigns.content.models import Channel
from campaigns.experiments import learnings
from campaigns.layouts import services as layouts
from campaigns.layouts.blocks import Style
from campaigns.layouts.models import TemplateVersion
from campaigns.subscriptions import services as subscriptions
from campaigns.subscriptions.models import Topic

NAME = "A cart left behind"


def launch() -> Journey | None:
    """The journey, launched. None where it is there, or nothing is approved."""
    _topics()
    texts = [str(text.pk) for text in content.approved_revisions(Channel.EMAIL)[:2]]
    if len(texts) < 2 or Journey.objects.filter(campaign__name=NAME).exists():
        return None
    _learn()
    journey = services.create(name=NAME, draft=_flow(*texts), template=_template())
    services.launch(journey=journey, seen=1)
    return journey


def _template() -> TemplateVersion:
    """How the demo's e-mails look."""
    closing = 'Your cart waits for you, {{ first_name|default:"tea lover" }}.'
    blocks = [
        {"kind": "header", "text": "{{ workspace }}"}, {"kind": "heading", "text": "{{ subject }}"},
        {"kind": "copy"}, {"kind": "button"}, {"kind": "divider"},
        {"kind": "text", "text": closing},
    ]  # fmt: skip
    return layouts.save(name="Harbour", blocks=blocks, style=Style(accent="#1c7a43"))


def _learn() -> None:
    where = "Seen on the home banner; for e-mails it is open."
    learnings.write(claim="A concrete taste invites more than a claim or a price", note=where)


def _topics() -> None:
    if not Topic.objects.exists():
        subscriptions.save_topic(name="News", description="New teas and coffees, twice a month")
        subscriptions.save_topic(
            name="Offers", description="When something costs less", mode=Topic.Mode.OPT_OUT
        )


def _flow(first: str, second: str) -> dict[str, Any]:
    def message(number: int, text: str) -> dict[str, Any]:
        return {"id": f"s{number}", "kind": "message", "texts": [text], "experiment": ""}

    reminded = [
        message(3, first),
        {"id": "s4", "kind": "wait", "event": "Message Clicked", "where": [], "keyed": False,
         "n": 3, "unit": "minutes",
         "branches": [{"key": "came", "steps": []},
                      {"key": "timeout", "steps": [message(5, second)]}]},
    ]  # fmt: skip
    return {
        "entry": {"on": "event", "event": "Cart Updated", "where": [], "key": "cart_id",
                  "audience": "", "again": "restart"},
        "exit": {"event": "Order Completed", "keyed": True, "leave": False},
        "next": 6,
        "steps": [
            {"id": "s1", "kind": "delay", "n": 1, "unit": "minutes", "at": "", "weekday": ""},
            {"id": "s2", "kind": "cohort", "branches": [
                {"key": "a", "share": 80, "steps": reminded},
                {"key": "b", "share": 20, "steps": []}]},
        ],
    }  # fmt: skip
