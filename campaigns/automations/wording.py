"""A flow in words: each step, what lets people in, what leads them out; and the tree as pages show
it. Names of segments and texts are given, not asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attune.kernel.phrases import Phrase, as_is, say, say_many, word
from campaigns.automations import flow as flows
from campaigns.automations.flow import CAME, OTHERWISE, TIMEOUT
from campaigns.automations.selectors import NOT_SENT, Group, Tally

WEEKDAYS = (say("Monday"), say("Tuesday"), say("Wednesday"), say("Thursday"), say("Friday"),
            say("Saturday"), say("Sunday"))  # fmt: skip
TESTS = {
    "is": say("is"), "is_not": say("is not"), "above": say("is above"), "below": say("is below"),
    "contains": say("contains"), "exists": say("is there"),
}  # fmt: skip
ICONS = {"delay": "clock", "wait": "bell", "split": "route", "cohort": "flask", "message": "send",
         "exit": "check"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for: {id: name}."""

    segments: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    experiments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShownBranch:
    key: str
    label: Phrase
    people: int
    steps: list[ShownStep]
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as the page draws it, with its number in reading order."""

    id: str
    number: int
    kind: str
    icon: str
    sentence: Phrase
    tally: Tally
    sent: int
    not_sent: int
    branches: list[ShownBranch]
    mark: str  # "new" or "changed" in a draft beside what runs, else empty


def tree(
    steps: Sequence[Mapping[str, Any]], names: Names, tallies: Mapping[str, Tally],
    groups: Mapping[str, Sequence[Group]], numbers: Mapping[str, int], marks: Mapping[str, str],
) -> list[ShownStep]:  # fmt: skip
    """The steps as they are drawn, with the people at each."""
    found = []
    for raw in steps:
        tally = tallies.get(raw["id"], Tally())
        mine = {g.key: g for g in groups.get(raw["id"], [])}
        branches = [
            ShownBranch(b["key"], branch_label(raw, b, names), tally.ways.get(b["key"], 0),
                        tree(b["steps"], names, tallies, groups, numbers, marks),
                        mine.get(b["key"]))
            for b in raw.get("branches", [])
        ]  # fmt: skip
        failed = sum(tally.ways.get(s, 0) for s in NOT_SENT)
        found.append(
            ShownStep(raw["id"], numbers[raw["id"]], raw["kind"], ICONS[raw["kind"]],
                      sentence(raw, names), tally, tally.ways.get("sent", 0), failed, branches,
                      marks.get(raw["id"], ""))
        )  # fmt: skip
    return found


def branch_label(raw: Mapping[str, Any], branch: Mapping[str, Any], names: Names) -> Phrase:
    key = branch["key"]
    if raw["kind"] == "cohort":
        return say("Group %(key)s: %(share)s %%", key=key.upper(), share=_plain(branch["share"]))
    if key == CAME:
        return say("They did")
    if key == TIMEOUT:
        return say("They did not")
    if key == OTHERWISE:
        return say("Everybody else")
    return say("In “%(segment)s”", segment=names.segments.get(str(branch.get("segment")), "?"))


def sentence(raw: Mapping[str, Any], names: Names) -> Phrase:
    kind = raw["kind"]
    if kind == "delay":
        return _delay(raw)
    if kind == "wait":
        asked = event_sentence(raw, "")
        return say("Waits for %(event)s, at most %(lasts)s", event=asked, lasts=lasts(raw))
    if kind == "split":
        return say("Goes by segment")
    if kind == "cohort":
        return say("Goes by chance")
    if kind == "message":
        return _message(raw, names)
    return say("Leaves here")


def _delay(raw: Mapping[str, Any]) -> Phrase:
    wait = lasts(raw) if flows.duration(raw) else None
    at = _moment(raw)
    if wait is not None and at is not None:
        return say("Waits %(lasts)s, then until %(at)s", lasts=wait, at=at)
    if at is not None:
        return say("Waits until %(at)s", at=at)
    return say("Waits %(lasts)s", lasts=wait or say("not at all"))


def _moment(raw: Mapping[str, Any]) -> Phrase | None:
    if not raw.get("at"):
        return None
    day = str(raw.get("weekday", ""))
    if day:
        return say("%(day)s %(at)s of the person's day", day=WEEKDAYS[int(day)], at=raw["at"])
    return say("%(at)s of the person's day", at=raw["at"])


def _message(raw: Mapping[str, Any], names: Names) -> Phrase:
    if raw.get("experiment"):
        trial = names.experiments.get(str(raw["experiment"]), "?")
        return say("Sends what “%(experiment)s” decides", experiment=trial)
    texts = [names.texts.get(str(one), "?") for one in raw.get("texts", [])]
    if not texts:
        return say("Sends a message: its text is not chosen yet")
    if len(texts) == 1:
        return say("Sends “%(text)s”", text=texts[0])
    return say("Sends “%(text)s”, in %(n)s languages", text=texts[0], n=len(texts))


def lasts(raw: Mapping[str, Any]) -> Phrase:
    n, unit = float(raw.get("n") or 0), str(raw.get("unit", "days"))
    whole = int(n)
    if n != whole:
        shown = _plain(n)
        return {"minutes": say("%(n)s minutes", n=shown), "hours": say("%(n)s hours", n=shown),
                "days": say("%(n)s days", n=shown)}[unit]  # fmt: skip
    return {
        "minutes": say_many("%(n)s minute", "%(n)s minutes", n=whole),
        "hours": say_many("%(n)s hour", "%(n)s hours", n=whole),
        "days": say_many("%(n)s day", "%(n)s days", n=whole),
    }[unit]


def event_sentence(raw: Mapping[str, Any], key: str) -> Phrase:
    """The event, its conditions, and whether it must carry the same key."""
    told = say("“%(event)s”", event=raw.get("event") or "?")
    for one in raw.get("where", []):
        told = say("%(event)s where %(property)s %(test)s %(value)s", event=told,
                   property=one.get("property", "?"), test=TESTS.get(one.get("op"), as_is("?")),
                   value=one.get("value", ""))  # fmt: skip
    if raw.get("keyed"):
        return say("%(event)s of the same %(key)s", event=told, key=key or say("key"))
    return told


def entry_sentence(raw: Mapping[str, Any], names: Names) -> Phrase:
    if raw.get("on") == "segment":
        segment = names.segments.get(str(raw.get("segment")), "?")
        if raw.get("existing"):
            return say("Who is in “%(segment)s”, now or later", segment=segment)
        return say("Who comes into “%(segment)s”", segment=segment)
    if raw.get("on") != "event":
        return say("Nobody yet: choose who comes in")
    told = event_sentence(raw, "")
    if raw.get("audience"):
        segment = names.segments.get(str(raw["audience"]), "?")
        return say("Who does %(event)s and is in “%(segment)s”", event=told, segment=segment)
    return say("Who does %(event)s", event=told)


def again_sentence(raw: Mapping[str, Any]) -> Phrase:
    per = say("person and %(key)s", key=raw["key"]) if raw.get("key") else word("person")
    if raw.get("again") == "restart":
        return say("Begins anew at each such event, for each %(per)s.", per=per)
    if raw.get("again") == "after":
        return say("Again after they left, for each %(per)s.", per=per)
    return say("Once for each %(per)s.", per=per)


def exit_sentence(raw: Mapping[str, Any], key: str) -> Phrase | None:
    told = []
    if raw.get("event"):
        told.append(say("whoever does %(event)s: the goal", event=event_sentence(raw, key)))
    if raw.get("leave"):
        told.append(say("whoever leaves the segment"))
    if not told:
        return None
    if len(told) == 1:
        return say("Out from anywhere goes %(who)s.", who=told[0])
    return say("Out from anywhere goes %(who)s, and %(other)s.", who=told[0], other=told[1])


def _plain(value: Any) -> str:
    return f"{float(value):g}"
