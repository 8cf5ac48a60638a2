"""Flows to begin with: the usual journeys, whose texts are still to be chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attune.kernel.phrases import Phrase, say
from campaigns.automations.editing import EMPTY
from campaigns.automations.flow import CAME, TIMEOUT


@dataclass(frozen=True, slots=True)
class Start:
    """A journey as one begins it: what it is for, and its flow."""

    key: str
    name: Phrase
    about: Phrase
    tree: Mapping[str, Any]


def _message(number: int) -> dict[str, Any]:
    return {"id": f"s{number}", "kind": "message", "texts": [], "experiment": ""}


def _delay(number: int, n: int, unit: str, at: str = "") -> dict[str, Any]:
    return {"id": f"s{number}", "kind": "delay", "n": n, "unit": unit, "at": at, "weekday": ""}


CART = {
    "entry": {"on": "event", "event": "Cart Updated", "where": [], "key": "cart_id",
              "audience": "", "again": "restart"},
    "exit": {"event": "Order Completed", "keyed": True, "leave": False},
    "next": 6,
    "steps": [
        _delay(1, 2, "hours"),
        _message(2),
        {"id": "s3", "kind": "wait", "event": "Message Clicked", "where": [], "keyed": False,
         "n": 1, "unit": "days",
         "branches": [{"key": CAME, "steps": []},
                      {"key": TIMEOUT, "steps": [_delay(4, 0, "days", "18:00"), _message(5)]}]},
    ],
}  # fmt: skip
WELCOME = {
    "entry": {"on": "event", "event": "Signed Up", "where": [], "key": "", "audience": "",
              "again": "never"},
    "exit": {"event": "Order Completed", "keyed": False, "leave": False},
    "next": 6,
    "steps": [_message(1), _delay(2, 2, "days", "09:00"), _message(3), _delay(4, 5, "days"),
              _message(5)],
}  # fmt: skip
WIN_BACK = {
    "entry": {"on": "segment", "segment": "", "existing": True, "again": "after"},
    "exit": {"event": "Order Completed", "keyed": False, "leave": True},
    "next": 4,
    "steps": [
        {"id": "s1", "kind": "cohort", "branches": [
            {"key": "a", "share": 80, "steps": [_message(2)]},
            {"key": "b", "share": 20, "steps": []}]},
        _delay(3, 14, "days"),
    ],
}  # fmt: skip
STARTS = (
    Start("blank", say("Empty"), say("Choose who comes in and add step by step."), EMPTY),
    Start("cart", say("Abandoned cart"),
          say("Two hours after a cart was left: a reminder; who does not click gets a second one. "
              "Whoever orders that cart leaves at once."), CART),
    Start("welcome", say("Welcome"),
          say("Three messages after somebody signed up, until they order."), WELCOME),
    Start("win_back", say("Win back"),
          say("Members of a segment get a message; one in five gets none, and shows what it is "
              "worth."), WIN_BACK),
)  # fmt: skip


def start(key: str) -> Start:
    return next((one for one in STARTS if one.key == key), STARTS[0])
