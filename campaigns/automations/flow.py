"""The flow of a journey: who comes in, through which steps, when they leave. Pure.

A flow is a JSON tree; a step that branches holds the steps of its branches, and after them
everybody goes on with the step that follows.

    {"entry": {"on": "event", "event": "Cart Updated", "where": [...], "key": "cart_id",
               "audience": "", "again": "restart"},
     "exit": {"event": "Order Completed", "keyed": true, "leave": false},
     "next": 4,
     "steps": [{"id": "s1", "kind": "delay", "n": 2, "unit": "hours", "at": "", "weekday": ""},
               {"id": "s2", "kind": "wait", "event": "Order Completed", "where": [], "keyed": true,
                "n": 1, "unit": "days", "branches": [{"key": "came", "steps": []},
                                                     {"key": "timeout", "steps": [...]}]},
               {"id": "s3", "kind": "message", "texts": ["<revision>"], "experiment": ""}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any

from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import known_words, say
from attune.kernel.storable import as_uuid

KINDS = ("delay", "wait", "split", "cohort", "message", "exit")
UNITS = {"minutes": 60, "hours": 3600, "days": 86_400}
AGAIN = ("never", "after", "restart")
OPERATORS = ("is", "is_not", "above", "below", "contains", "exists")
MOST_STEPS, DEEPEST, LONGEST = 60, 5, timedelta(days=366)
MOST_UNITS, WEEKDAYS = 1_000_000, {"", *map(str, range(7))}
CAME, TIMEOUT, OTHERWISE = "came", "timeout", "otherwise"
known_words(*KINDS, *UNITS, CAME, TIMEOUT, OTHERWISE, *OPERATORS)


@dataclass(frozen=True, slots=True)
class Asked:
    """An event that is waited for. `keyed`: with the same value under the key as came in."""

    event: str
    where: tuple[Mapping[str, Any], ...] = ()
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Who comes in. `again`: never a second time, after they left, or anew at each event."""

    on: str
    event: Asked
    key: str
    segment: str  # whose members come in; of an event, who may
    existing: bool
    again: str


@dataclass(frozen=True, slots=True)
class Exit:
    """What leads out from anywhere: an event, which is the goal, or leaving the segment."""

    event: Asked | None
    leave: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step, where it leads, and into which branches; None is the end."""

    id: str
    kind: str
    raw: Mapping[str, Any]
    next: str | None
    branches: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def lasts(self) -> timedelta:
        return duration(self.raw)

    @property
    def asked(self) -> Asked:
        return _asked(self.raw)


@dataclass(frozen=True, slots=True)
class Flow:
    entry: Entry
    exit: Exit
    first: str | None
    steps: Mapping[str, Step]


def read(raw: Mapping[str, Any]) -> Flow:
    """The flow of a sound tree. Raises Invalid, naming every wrong place."""
    errors = [*_entry_faults(raw.get("entry", {})), *_exit_faults(raw.get("exit", {}), raw)]
    steps = raw.get("steps", [])
    known = list(walk(steps))
    if not any(step.get("kind") == "message" for step, _ in known):
        errors.append(FieldError("steps", say("Add a message: nobody would get anything.")))
    if len(known) > MOST_STEPS:
        errors.append(FieldError("steps", say("A journey has at most %(n)s steps.", n=MOST_STEPS)))
    if len({step.get("id") for step, _ in known}) != len(known):
        errors.append(FieldError("steps", say("Two steps have the same id.")))
    for step, depth in known:
        errors += step_faults(step, keyed=bool(raw.get("entry", {}).get("key")))
        if depth > DEEPEST:
            told = say("Branches go at most %(n)s deep.", n=DEEPEST)
            errors.append(FieldError(str(step.get("id")), told))
    if errors:
        raise Invalid(errors)
    return unchecked(raw)


def unchecked(raw: Mapping[str, Any]) -> Flow:
    """The flow of a tree that was checked before."""
    found: dict[str, Step] = {}
    first = _link(raw["steps"], None, found)
    entry, leave = raw["entry"], raw.get("exit", {})
    return Flow(
        Entry(
            entry["on"], _asked(entry), entry.get("key", ""),
            entry.get("segment", "") or entry.get("audience", ""),
            bool(entry.get("existing")), entry.get("again", "never"),
        ),
        Exit(_asked(leave) if leave.get("event") else None, bool(leave.get("leave"))),
        first, found,
    )  # fmt: skip


def _link(steps: list[dict[str, Any]], after: str | None, found: dict[str, Step]) -> str | None:
    """Fill `found` from the last step to the first; the id of the first."""
    for raw in reversed(steps):
        branches = {b["key"]: _link(b["steps"], after, found) for b in raw.get("branches", [])}
        leads = None if raw["kind"] == "exit" else after
        found[raw["id"]] = Step(raw["id"], raw["kind"], raw, leads, branches)
        after = raw["id"]
    return after


def _asked(raw: Mapping[str, Any]) -> Asked:
    return Asked(raw.get("event", ""), tuple(raw.get("where", [])), bool(raw.get("keyed")))


def walk(steps: list[dict[str, Any]], depth: int = 1) -> Iterator[tuple[dict[str, Any], int]]:
    """Every step with its depth, in the order people read them."""
    for step in steps:
        yield step, depth
        for branch in step.get("branches", []):
            yield from walk(branch.get("steps", []), depth + 1)


def unreached(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Ids of steps that an exit before them in the same row keeps everybody from."""
    led_out = False
    for step in steps:
        if led_out:
            yield str(step["id"])
        led_out = led_out or step.get("kind") == "exit"
        for branch in step.get("branches", []):
            yield from unreached(branch.get("steps", []))


def own(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without the steps in its branches."""
    branches = [{k: v for k, v in b.items() if k != "steps"} for b in step.get("branches", [])]
    return {**step, "branches": branches} if branches else dict(step)


def numbers(tree: Mapping[str, Any]) -> dict[str, int]:
    """{id: number} of the steps, from 1 in the order people read them."""
    return {s["id"]: n for n, (s, _) in enumerate(walk(list(tree.get("steps", []))), start=1)}


def duration(raw: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=float(raw.get("n") or 0) * UNITS.get(str(raw.get("unit")), 0))


def matches(asked: Asked, properties: Mapping[str, Any]) -> bool:
    """Whether an event's properties fit every condition."""
    return all(_fits(one, properties.get(str(one.get("property")))) for one in asked.where)


def _fits(condition: Mapping[str, Any], value: Any) -> bool:
    test, wanted = condition.get("op"), condition.get("value")
    if test == "exists":
        return value is not None
    if test in {"above", "below"}:
        theirs, ours = number(value), number(wanted)
        if theirs is None or ours is None:
            return False
        return theirs > ours if test == "above" else theirs < ours
    shown = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = str(wanted)
    if test == "contains":
        return text.lower() in shown.lower()
    same = shown == text or (number(value) is not None and number(value) == number(wanted))
    return same if test == "is" else not same


def number(value: Any) -> float | None:
    """As a number; None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def events(tree: Mapping[str, Any]) -> Iterator[str]:
    """Names of the events that let in, lead out and are waited for."""
    waits = [step for step, _ in walk(list(tree.get("steps", []))) if step["kind"] == "wait"]
    for asked in (tree.get("entry", {}), tree.get("exit", {}), *waits):
        if name := str(asked.get("event", "") or "").strip():
            yield name


def check_shape(tree: Mapping[str, Any]) -> None:
    """Raise Invalid where a tree from outside could not even be drawn: kinds, ids, branches."""
    for part in ("entry", "exit"):
        _check_asked(tree[part], part)
    seen: set[str] = set()
    waiting = [(step, 1) for step in tree["steps"]]
    while waiting:
        step, depth = waiting.pop()
        _check_step(step, seen, depth)
        for branch in step.get("branches", []):
            waiting += [(one, depth + 1) for one in branch["steps"]]


def _check_step(step: Any, seen: set[str], depth: int) -> None:
    if not isinstance(step, dict) or step.get("kind") not in KINDS:
        told = say("Each step has a kind: %(names)s.", names=", ".join(KINDS))
        raise Invalid.one("flow.steps", told)
    name = step.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= 7 or not name.isalnum() or name in seen:
        told = say("Each step has an id of its own of at most 7 letters and digits, such as s1.")
        raise Invalid.one("flow.steps", told)
    seen.add(name)
    if len(seen) > MOST_STEPS or depth > DEEPEST:
        told = say("A journey has at most %(n)s steps.", n=MOST_STEPS)
        raise Invalid.one(name, told)
    _check_asked(step, name)
    for field_name, wanted in {"texts": list, "n": (int, float), "at": str, "unit": str}.items():
        if not isinstance(step.get(field_name, wanted() if wanted in (list, str) else 0), wanted):  # type: ignore[arg-type]
            raise Invalid.one(name, say("“%(field)s” is not of its kind.", field=field_name))
    if not 0 <= step.get("n", 0) <= MOST_UNITS:
        raise Invalid.one(name, say("“%(field)s” is not of its kind.", field="n"))
    if str(step.get("weekday", "")) not in WEEKDAYS:
        raise Invalid.one(name, say("Choose a day of the week."))
    if step.get("n") and step.get("unit") not in UNITS:
        raise Invalid.one(name, say("“unit” is one of %(names)s.", names=", ".join(UNITS)))
    _check_branches(step, name)


BRANCHED = {"wait": {CAME, TIMEOUT}, "split": {OTHERWISE}, "cohort": set()}


def _check_branches(step: Mapping[str, Any], name: str) -> None:
    branches = step.get("branches", [])
    sound = isinstance(branches, list) and ("branches" in step or step["kind"] not in BRANCHED)
    sound = sound and all(
        isinstance(b, dict) and isinstance(b.get("key"), str) and isinstance(b.get("steps"), list)
        for b in branches
    )
    if not sound:
        raise Invalid.one(name, say("Each branch has a key and steps, a list."))
    keys = [b["key"] for b in branches]
    needed: set[str] = BRANCHED.get(step["kind"], set())
    if step["kind"] not in BRANCHED and branches:
        raise Invalid.one(name, say("This step has no branches."))
    if len(set(keys)) != len(keys) or not needed <= set(keys):
        names = ", ".join(sorted(needed)) or "a, b"
        raise Invalid.one(name, say("It needs the branches %(names)s, each once.", names=names))
    if step["kind"] == "wait" and set(keys) != needed:
        raise Invalid.one(name, say("It needs the branches %(names)s, each once.",
                                    names=", ".join(sorted(needed))))  # fmt: skip
    shares = [b.get("share") for b in branches] if step["kind"] == "cohort" else []
    if not all(isinstance(s, int | float) and not isinstance(s, bool) for s in shares):
        raise Invalid.one(name, say("“%(field)s” is not of its kind.", field="share"))
    wanted = [b["segment"] for b in branches if b.get("segment")]
    if any(not isinstance(one, str) or as_uuid(one) is None for one in wanted):
        raise Invalid.one(name, say("“%(field)s” is no id of a segment.", field="segment"))
    if any(len(key) > 20 for key in keys):
        raise Invalid.one(name, say("A branch's key has at most 20 letters."))


def _check_asked(raw: Mapping[str, Any], name: str) -> None:
    where = raw.get("where", [])
    if not isinstance(where, list) or not all(isinstance(one, dict) for one in where):
        raise Invalid.one(name, say("Conditions are a list of objects."))
    for one in where:
        named = isinstance(one.get("property"), str) and one["property"].strip()
        if not named or one.get("op") not in OPERATORS:
            told = say("A condition has a property and an op, one of %(names)s.",
                       names=", ".join(OPERATORS))  # fmt: skip
            raise Invalid.one(name, told)
    for field_name in ("event", "key", "segment", "audience", "again", "on"):
        if not isinstance(raw.get(field_name, ""), str) or len(raw.get(field_name, "")) > 200:
            raise Invalid.one(name, say("“%(field)s” is not of its kind.", field=field_name))
    for field_name in ("segment", "audience"):
        if raw.get(field_name) and as_uuid(raw[field_name]) is None:
            raise Invalid.one(name, say("“%(field)s” is no id of a segment.", field=field_name))


# -- what is wrong with it -----------------------------------------------------------------------


def _entry_faults(raw: Mapping[str, Any]) -> Iterator[FieldError]:
    on = raw.get("on")
    if on not in {"event", "segment"}:
        yield FieldError("entry", say("Choose whether an event or a segment lets people in."))
        return
    if on == "event":
        yield from _event_faults("entry", raw)
    elif not raw.get("segment"):
        yield FieldError("entry", say("Choose the segment whose members come in."))
    if raw.get("again", "never") not in AGAIN:
        yield FieldError("entry", say("Choose one of %(names)s.", names=", ".join(AGAIN)))
    if on == "segment" and raw.get("again") == "restart":
        yield FieldError("entry", say("Only an event can begin a journey anew."))


def _exit_faults(raw: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[FieldError]:
    entry = whole.get("entry", {})
    if raw.get("event"):
        yield from _event_faults("exit", raw)
        if raw.get("keyed") and not entry.get("key"):
            yield FieldError("exit", say("Name the key of the entry first, such as cart_id."))
    if raw.get("leave") and entry.get("on") != "segment":
        yield FieldError("exit", say("Only who came in by a segment can leave it."))


def step_faults(raw: Mapping[str, Any], *, keyed: bool) -> Iterator[FieldError]:
    place, kind = str(raw.get("id") or "step"), raw.get("kind")
    if kind not in KINDS:
        yield FieldError(place, say("Choose one of %(names)s.", names=", ".join(KINDS)))
    elif kind in {"delay", "wait"}:
        yield from _time_faults(place, raw, needs=kind == "wait" or not raw.get("at"))
    if kind == "wait":
        yield from _event_faults(place, raw)
        if raw.get("keyed") and not keyed:
            yield FieldError(place, say("Name the key of the entry first, such as cart_id."))
    elif kind == "split":
        named = [b.get("segment") for b in raw.get("branches", []) if b.get("key") != OTHERWISE]
        if not named or not all(named):
            yield FieldError(place, say("Choose a segment that goes its own way."))
    elif kind == "cohort":
        yield from _share_faults(place, raw)
    elif kind == "message" and bool(raw.get("texts")) == bool(raw.get("experiment")):
        yield FieldError(place, say("Choose a text or an experiment, one of the two."))


def _time_faults(place: str, raw: Mapping[str, Any], *, needs: bool) -> Iterator[FieldError]:
    n = number(raw.get("n") or 0)
    if n is None or raw.get("unit", "days") not in UNITS or n < 0:
        yield FieldError(place, say("Give a number of minutes, hours or days."))
    elif (needs and not timedelta(0) < duration(raw) <= LONGEST) or duration(raw) > LONGEST:
        yield FieldError(place, say("Choose from one minute to 366 days."))
    if raw.get("at"):
        try:
            time.fromisoformat(str(raw["at"]))
        except ValueError:
            yield FieldError(place, say("Write a time of day like 09:00."))
    if str(raw.get("weekday", "")) not in WEEKDAYS:
        yield FieldError(place, say("Choose a day of the week."))


def _event_faults(place: str, raw: Mapping[str, Any]) -> Iterator[FieldError]:
    if not str(raw.get("event", "")).strip():
        yield FieldError(place, say("Name the event."))
    for one in raw.get("where", []):
        if not str(one.get("property", "")).strip() or one.get("op") not in OPERATORS:
            yield FieldError(place, say("A condition names a property and how it compares."))
        elif one["op"] in {"above", "below"} and number(one.get("value")) is None:
            yield FieldError(place, say("“%(property)s” is compared with a number.",
                                        property=one["property"]))  # fmt: skip


def _share_faults(place: str, raw: Mapping[str, Any]) -> Iterator[FieldError]:
    shares = [number(b.get("share")) for b in raw.get("branches", [])]
    if len(shares) < 2 or any(share is None or share <= 0 for share in shares):
        yield FieldError(place, say("Give two groups or more, each with its share in percent."))
    elif abs(sum(share or 0 for share in shares) - 100) > 1e-6:
        yield FieldError(place, say("The shares must add up to 100 %."))
