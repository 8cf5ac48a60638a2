"""Past conversations of the demo's shop, simulated: customers book a tasting, change their minds,
ask for the price in between, and people of the shop answer. Labelled as an export would be."""

from __future__ import annotations

import json
import random
from typing import Any

WHAT = ("green tea", "black tea", "oolong", "filter coffee", "espresso")
DAYS = ("monday", "tuesday", "thursday", "friday", "saturday")
PEOPLE = ("1", "2", "3", "4", "6")
WANTS = (
    "I would like to come to a tasting", "can we book a tasting", "is there a tasting I can join",
    "we want to taste some of your teas", "book a tasting for us please",
    "I want to reserve a place at a tasting", "do you have room at a tasting",
    "a tasting would be lovely", "put me down for a tasting",
)  # fmt: skip
ASK = {
    "kind": "What would you like to taste?", "day": "On which day?",
    "people": "For how many people?",
}  # fmt: skip
SAID = {
    "kind": ("{v} please", "we love {v}", "I would say {v}", "{v}", "perhaps {v}",
             "not {o} again, {v} please", "{v}, we had {o} last time"),
    "day": ("{v}", "on {v}", "{v} would be best", "could we do {v}", "{v} after work",
            "{o} does not suit us, {v} does", "rather {v} than {o}"),
    "people": ("{v}", "we are {v}", "for {v}", "{v} of us", "just {v} please"),
}  # fmt: skip
VALUES = {"kind": WHAT, "day": DAYS, "people": PEOPLE}
CHANGES = ("sorry, {v} instead", "actually make it {v}", "no, {v} is better", "I meant {v}")
PRICES = ("how much is it?", "what does a tasting cost?", "is it free?")
THANKS = ("thank you", "great, thanks", "perfect", "see you then")


def conversations(n: int = 160, seed: int = 7) -> str:
    """JSONL with `n` conversations; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311
    return "\n".join(json.dumps({"id": f"tasting-{i:04}", "turns": _talk(rng)}) for i in range(n))


def _talk(rng: random.Random) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []

    def customer(text: str, **labels: Any) -> None:
        turns.append({"who": "customer", "text": text, **labels})

    def agent(text: str, action: str, asks: list[str] | None = None) -> None:
        turns.append({"who": "agent", "text": text, "action": action, **({"asks": asks} if asks
                                                                          else {})})  # fmt: skip

    values = {name: rng.choice(choices) for name, choices in VALUES.items()}
    known = rng.sample(sorted(values), rng.choice([0, 0, 1, 1, 2]))
    opening = rng.choice(WANTS)
    for name in known:
        opening += {"kind": f" of {values[name]}", "day": f" on {values[name]}",
                    "people": f" for {values[name]} people"}[name]  # fmt: skip
    slots = {name: values[name] for name in known}
    customer(opening, intent="book_tasting", **({"slots": slots} if slots else {}))
    for name in [n for n in ("kind", "day", "people") if n not in known]:
        agent(ASK[name], f"ask_{name}", [name])
        if rng.random() < 0.15:
            customer(rng.choice(PRICES), intent="tasting_price")
            agent("A tasting is 18 EUR for each person.", "tell_price")
            agent(ASK[name], f"ask_{name}", [name])
        other = rng.choice([v for v in VALUES[name] if v != values[name]])
        text = rng.choice(SAID[name]).format(v=values[name], o=other)
        customer(text, slots={name: values[name]})
    if rng.random() < 0.25:
        name = rng.choice(sorted(values))
        agent(f"So: {', '.join(values.values())}. Is that right?", "confirm")
        values[name] = rng.choice([v for v in VALUES[name] if v != values[name]])
        customer(rng.choice(CHANGES).format(v=values[name]), slots={name: values[name]})
    agent(f"So: {', '.join(values.values())}. Is that right?", "confirm")
    customer(rng.choice(("yes", "that is right", "yes please")))
    turns.append({"who": "tool", "text": "book tasting", "action": "book"})
    turns.append({"who": "result", "text": "booked"})
    agent("Your tasting is booked. We look forward to it!", "tell_booked")
    customer(rng.choice(THANKS))
    agent("You are welcome.", "bye")
    return turns
