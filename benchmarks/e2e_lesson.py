"""E2E NLG as inputs and as a lesson: what is read, and the examples an adapter learns from."""

from __future__ import annotations

import csv
import gzip
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bench
from benchmarks.e2e_slots import attributes, check
from workers.engines.protocol import Messages
from workers.engines.tuning import Example

DATA = Path(bench.ROOT).parent / "shared/data/e2e_nlg"
TEXTS_AN_INPUT = 2

SYSTEM = "Say every fact about the place, and nothing else."
FOODS = ("Chinese", "English", "Fast food", "French", "Indian", "Italian", "Japanese")
TYPES = ("coffee shop", "pub", "restaurant")  # the values the data's authors list
FIRST = (
    "Amber", "Bramble", "Copper", "Dover", "Elm", "Fenland", "Grey", "Harvest", "Ivory", "Juniper",
    "King's", "Lantern", "Marlow", "North", "Old", "Paper", "Quince", "Red", "Silver", "Tudor",
)  # fmt: skip
SECOND = (
    "Anchor", "Bell", "Crown", "Door", "Fox", "Garden", "Heron", "House", "Kettle", "Lion", "Oak",
    "Pantry", "Rose", "Spoon", "Table", "Tower", "Vine", "Well",
)  # fmt: skip
ALONE = ("Bellini", "Corvo", "Dunmore", "Estrella", "Farrow", "Gusto", "Larder", "Nomad", "Pepe")
BESIDE = ("Café {}", "{} Hotel", "{} Arms", "{} Thai Kitchen", "{} Bar", "Hostel at {}", "{}")

# -- data ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    """One line of attributes and what people wrote for it."""

    line: str
    given: dict[str, str]
    references: tuple[str, ...]


def load(name: str) -> list[Input]:
    """The inputs of a file in its order, each with its references."""
    found: dict[str, list[str]] = {}
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["mr"], []).append(" ".join(row["ref"].split()))
    return [Input(line, attributes(line), tuple(texts)) for line, texts in found.items()]


def names_of(inputs: Sequence[Input]) -> frozenset[str]:
    return frozenset(i.given[key] for i in inputs for key in ("name", "near") if key in i.given)


def grams(text: str) -> Counter[tuple[str, ...]]:
    """Counts of the one to four words in a row of a text."""
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return Counter(tuple(words[i : i + n]) for n in (1, 2, 3, 4) for i in range(len(words) - n + 1))


def alike(texts: Sequence[str]) -> list[float]:
    """How much each text shares with the others: mean F1 of their word n-grams."""
    counted = [grams(text) for text in texts]
    sizes = [sum(c.values()) for c in counted]
    shares = [
        [2 * sum((a & b).values()) / max(1, sizes[i] + sizes[j]) for j, b in enumerate(counted)]
        for i, a in enumerate(counted)
    ]
    return [(sum(row) - 1) / max(1, len(texts) - 1) for row in shares]


# -- lesson --------------------------------------------------------------------------------------


def messages(line: str, *, shown: Sequence[tuple[str, str]] = ()) -> Messages:
    turns = [{"role": "system", "content": SYSTEM}]
    for other, text in shown:
        turns.append({"role": "user", "content": f"Write from: {other}"})
        turns.append({"role": "assistant", "content": text})
    return [*turns, {"role": "user", "content": f"Write from: {line}"}]


def best_references(one: Input, *, names: frozenset[str], most: int) -> list[str]:
    """References without a slot error, the one that others agree with most first."""
    order = sorted(zip(alike(one.references), one.references, strict=True), reverse=True)
    texts = dict.fromkeys(text for _, text in order)
    return [t for t in texts if not check(text=t, given=one.given, names=names).count][:most]


def _invented(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(ALONE)
    name = f"{rng.choice(FIRST)} {rng.choice(SECOND)}"
    return f"The {name.split()[rng.randrange(2)]}" if kind < 0.6 else name


def varied(one: Input, text: str, *, rng: random.Random) -> tuple[dict[str, str], str]:
    """The example with other names, another food and another kind of place, said in both: the
    development set knows one kind of place, two foods and twenty names, and copying is the skill.
    """
    given = dict(one.given)
    beside = _invented(rng)
    if not beside.startswith("The "):
        beside = rng.choice(BESIDE).format(beside)
    new = {"name": _invented(rng), "near": beside}
    new["eatType"], new["food"] = rng.choice(TYPES), rng.choice(FOODS)
    for key, value in new.items():
        old = given.get(key)
        if old is None or len(re.findall(rf"\b{re.escape(old)}\b", text)) != 1:
            continue
        said = "fast" if value == "Fast food" else value
        if said == "fast" and f"{old} food" not in text:
            continue
        given[key] = value
        text = _said(text, old=old, new=said)
    return given, text


def _said(text: str, *, old: str, new: str) -> str:
    """The text with another value, and the article that goes with it."""

    def placed(found: re.Match[str]) -> str:
        article = found[1] or ""
        if new.startswith("The "):
            article = ""
        elif article.lower() in ("a ", "an "):
            article = article[0] + ("n " if new[0].lower() in "aeiou" else " ")
        return article + new

    return re.sub(rf"\b([Tt]he |[Aa]n? )?{re.escape(old)}\b", placed, text)


def line_of(given: dict[str, str]) -> str:
    return ", ".join(f"{key}[{value}]" for key, value in given.items())


def examples(
    inputs: Sequence[Input], *, names: frozenset[str], rng: random.Random
) -> list[Example]:
    """The first reference of an input as it is, the others varied; no example with a slot error."""
    made = []
    for one in inputs:
        for place, text in enumerate(best_references(one, names=names, most=TEXTS_AN_INPUT)):
            given, said = (one.given, text) if place == 0 else varied(one, text, rng=rng)
            if not check(text=said, given=given, names=names).count:
                made.append(Example(messages(line_of(given)), said))
    return made
