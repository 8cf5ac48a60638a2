"""What a version may learn from, and whether what it learned is good enough. Pure.

A version has up to three parts, each trained where there is enough for it: intents from examples,
the tracker from conversations with slots, the policy from conversations with actions. A part must
beat a plain rule on conversations that it never saw, by its whole 95 % interval.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attune.kernel import privacy
from attune.kernel.phrases import Phrase, known_words, say, say_many
from campaigns.tuning.lessons import Verdict, wilson

LEAST_EXAMPLES, LEAST_INTENTS = 6, 2
LEAST_TALKS, LEAST_HELD_OUT = 24, 6
PERFECT = 0.98  # a rule that is right that often is only to be reached, not beaten
HELD_BELOW = "33333333"  # of a sentence's hash: a fifth, the same ones for every version
known_words("intents", "tracker", "policy")

Talk = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a training sees. `masked` counts the personal data that was taken out."""

    texts: list[tuple[str, str]] = field(default_factory=list)  # (sentence, intent)
    held_texts: list[tuple[str, str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    slots: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)  # for the tracker
    held_talks: list[Talk] = field(default_factory=list)
    acted: list[Talk] = field(default_factory=list)  # for the policy
    held_acted: list[Talk] = field(default_factory=list)
    masked: dict[str, int] = field(default_factory=dict)
    lacking: list[Phrase] = field(default_factory=list)

    @property
    def parts(self) -> list[str]:
        named = (("intents", self.texts), ("tracker", self.talks), ("policy", self.acted))
        return [name for name, rows in named if rows]


def gather(
    examples: Sequence[tuple[str, str]], outside: Sequence[str],
    talks: Sequence[tuple[Talk, bool]], slots: Mapping[str, Sequence[str]],
    requests: Sequence[str], names: Sequence[str] = (), titles: Mapping[str, str] | None = None,
) -> Lesson:  # fmt: skip
    """The lesson from (sentence, intent) pairs, sentences out of scope, and conversations (turns,
    held out). An intent's title is a sentence, too, but not one to be judged by. Personal data and
    the `names` of people are masked; of slots only choices (`slots`) are learned, and none whose
    value is masked. A part for which there is too little is left out, and `lacking` says what it
    lacks."""
    mask = _Mask(names)
    lesson = Lesson(masked=mask.found)
    _intents(lesson, examples, outside, titles or {}, mask)
    masked = [([mask.turn(t, slots) for t in talk], held) for talk, held in talks]
    with_slots = [(t, h) for t, h in masked if any(_said(x) for x in t)]
    if _enough(lesson, with_slots, SLOTS):
        lesson.talks.extend(t for t, held in with_slots if not held)
        lesson.held_talks.extend(t for t, held in with_slots if held)
        lesson.slots.update(_values(lesson.talks, slots))
        asked = {r for t in lesson.talks for x in t for r in x.get("requests", ())}
        lesson.requests.extend(sorted(asked | set(requests)))
    with_actions = [(t, h) for t, h in masked if any(x.get("action") for x in t)]
    known = {x["action"] for t, held in with_actions if not held for x in t if x.get("action")}
    if _enough(lesson, with_actions, ACTIONS) and len(known) < 2:
        lesson.lacking.append(say("a second action beside “%(name)s”", name=min(known)))
    elif len(known) > 1 and _suffices(len(with_actions), sum(h for _, h in with_actions)):
        lesson.acted.extend(t for t, held in with_actions if not held)
        lesson.held_acted.extend(t for t, held in with_actions if held)
    return lesson


def _intents(
    lesson: Lesson, examples: Sequence[tuple[str, str]], outside: Sequence[str],
    titles: Mapping[str, str], mask: _Mask,
) -> None:  # fmt: skip
    by: dict[str, list[str]] = defaultdict(list)
    for text, intent in dict.fromkeys((mask(text), intent) for text, intent in examples):
        by[intent].append(text)
    able = {intent for intent, texts in by.items() if len(texts) >= LEAST_EXAMPLES}
    if len(able) < LEAST_INTENTS:
        lesson.lacking.append(_few_intents(len(able)))
        return
    for intent in sorted(able):
        ordered = sorted(by[intent], key=_hash)
        held = {t for t in ordered if _hash(t) < HELD_BELOW} or {ordered[0]}
        if len(held) == len(ordered):
            held = {ordered[0]}
        lesson.held_texts.extend((t, intent) for t in ordered if t in held)
        lesson.texts.extend((t, intent) for t in ordered if t not in held)
        if (title := titles.get(intent, "")) and title not in by[intent]:
            lesson.texts.append((mask(title), intent))
    lesson.outside.extend(mask(t) for t in outside)


def _said(turn: Mapping[str, Any]) -> bool:
    """Whether the turn fills a slot with a value."""
    return any(v != "dontcare" for v in turn.get("slots", {}).values())


def _enough(lesson: Lesson, rows: Sequence[tuple[Talk, bool]], what: Phrase) -> bool:
    held = sum(h for _, h in rows)
    if _suffices(len(rows), held):
        return True
    lesson.lacking.append(_few_talks(len(rows), what))
    return False


def _values(talks: Sequence[Talk], taught: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The choices of each slot: those that people taught, and those that conversations hold."""
    found: dict[str, set[str]] = defaultdict(set)
    for talk in talks:
        for turn in talk:
            for name, value in turn.get("slots", {}).items():
                if value != "dontcare":
                    found[name].add(value)
    return {name: sorted(values | set(taught.get(name, ()))) for name, values in found.items()}


class _Mask:
    """Masks personal data in everything that is learned, and counts what it found."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names, self.found = names, dict[str, int]()

    def turn(self, turn: Mapping[str, Any], slots: Mapping[str, Any]) -> dict[str, Any]:
        """A turn without personal data; of its slots and offers, the harmless choices."""
        kept = {**turn, "text": self(str(turn["text"]))}
        for field_name in ("slots", "offers"):
            if field_name in turn:
                kept[field_name] = {k: v for k, v in turn[field_name].items()
                                    if k in slots and self(v) == v}  # fmt: skip
        return kept

    def __call__(self, text: str) -> str:
        masked = privacy.mask(text, self.names)
        for kind, n in masked.found.items():
            self.found[kind] = self.found.get(kind, 0) + n
        return masked.text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def before(lesson: Lesson) -> Verdict:
    """May a version be trained on this?"""
    return _verdict(bool(lesson.parts), lesson.lacking)


def _verdict(enough: bool, lacking: Sequence[Phrase]) -> Verdict:
    if not enough:
        return Verdict(
            False,
            say("Too little to learn from: %(missing)s. Write examples of what customers want, or "
                "bring in past conversations.", missing=list(lacking)),
        )  # fmt: skip
    return Verdict(True, say("There is enough to learn from."))


@dataclass(frozen=True, slots=True)
class ThereIs:
    """Counts of what there is to learn from, before anything is read; (all, held out)."""

    examples: int
    able_intents: int
    with_slots: tuple[int, int]
    with_actions: tuple[int, int]

    @property
    def lacking(self) -> list[Phrase]:
        found = []
        if self.able_intents < LEAST_INTENTS:
            found.append(_few_intents(self.able_intents))
        for (n, held), what in ((self.with_slots, SLOTS), (self.with_actions, ACTIONS)):
            if not _suffices(n, held):
                found.append(_few_talks(n, what))
        return found

    @property
    def verdict(self) -> Verdict:
        return _verdict(len(self.lacking) < 3, self.lacking)


SLOTS, ACTIONS = say("conversations with slots"), say("conversations with actions")


def _suffices(n: int, held: int) -> bool:
    return n - held >= LEAST_TALKS and held >= LEAST_HELD_OUT


def _few_intents(n: int) -> Phrase:
    return say("%(n)s intents with %(least)s examples each of the %(needed)s needed", n=n,
               least=LEAST_EXAMPLES, needed=LEAST_INTENTS)  # fmt: skip


def _few_talks(n: int, what: Phrase) -> Phrase:
    return say("%(n)s %(what)s of the %(least)s needed", n=n, what=what,
               least=LEAST_TALKS + LEAST_HELD_OUT)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """How a part did on what it never saw: right of n, what a plain rule gets, and the version
    that is live."""

    name: str
    right: int
    n: int
    rule: float
    live: float | None = None

    @property
    def share(self) -> float:
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.n)


NAMES = {
    "intents": say("intents"),
    "tracker": say("the state of the dialogue"),
    "policy": say("the next action"),
}


def after(
    parts: Sequence[Part], scripts: Sequence[tuple[str, Phrase | None]],
    needed: Collection[str] = (),
) -> Verdict:  # fmt: skip
    """May a trained version talk to customers? Every part must beat its rule, none may be clearly
    worse than the live version's or lack where that has it (`needed`), and every script must go as
    written."""
    told: list[Phrase] = []
    wrong: list[Phrase] = []
    wrong += [
        say("%(part)s is lacking, which the live version has", part=NAMES[name])
        for name in sorted(set(needed) - {p.name for p in parts})
    ]
    if not parts:
        wrong.append(say("nothing was learned"))
    for part in parts:
        low, high = part.interval
        told.append(
            say("%(part)s right in %(right)s of %(n)s (95 %% interval %(low)s to %(high)s, plain "
                "rule %(rule)s)", part=NAMES[part.name], right=part.right, n=part.n,
                low=f"{low:.2f}", high=f"{high:.2f}", rule=f"{part.rule:.2f}")
        )  # fmt: skip
        nothing_to_gain = part.rule >= PERFECT and part.share >= part.rule
        if low <= part.rule and not nothing_to_gain:
            wrong.append(say("%(part)s may be no better than the rule", part=NAMES[part.name]))
        elif part.live is not None and high < part.live:
            wrong.append(say("%(part)s got worse than the live version (%(live)s)",
                             part=NAMES[part.name], live=f"{part.live:.2f}"))  # fmt: skip
    broken = [(name, why) for name, why in scripts if why is not None]
    if broken:
        wrong.append(
            say_many("%(n)s script fails, first “%(name)s”: %(why)s",
                     "%(n)s scripts fail, first “%(name)s”: %(why)s", n=len(broken),
                     name=broken[0][0], why=broken[0][1])
        )  # fmt: skip
    if wrong:
        return Verdict(False, say("Not let through: %(wrong)s. Measured: %(told)s.", wrong=wrong,
                                  told=told))  # fmt: skip
    return Verdict(True, say("On what it never saw: %(told)s.", told=told))
