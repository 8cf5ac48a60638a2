"""Logs of decisions as files, line by line: Attune's own JSONL, Open Bandit CSV, VW --cb. Pure.

    JSONL   {"action", "reward", "propensity" | "propensities", "features"?, "unit"?, "at"?,
             "rewardedAt"?} a line
    OBP     timestamp, item_id, position, click, propensity_score, user_feature_…   (Saito 2020)
    VW      action:cost:probability | name:number name=kind …                        a line

A line that cannot be believed is refused with its reason, the others are read.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from attune.kernel.cells import guard_formula
from attune.kernel.phrases import Phrase, as_is, say
from attune.kernel.storable import unstorable

LABEL = re.compile(r"(\d{1,6}):(-?[\d.eE+-]+):([\d.eE+-]+)$")
TOLERANCE = 1e-3  # by which propensities may miss 1
OBP_COLUMNS = ("item_id", "click", "propensity_score")
UNSAFE = re.compile(r"[\s:|=]+")


@dataclass(frozen=True, slots=True)
class Round:
    """One line. `propensities` is empty where the log holds that of the choice alone."""

    line: int
    action: str
    reward: float
    propensity: float
    propensities: dict[str, float] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    unit: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One line that was not taken, the field at fault and why."""

    line: int
    field: str
    reason: Phrase


def read(kind: str, lines: Iterable[str], actions: Sequence[str]) -> Iterator[Round | Refused]:
    """Every line of a file; `actions` are those of the policy, by whose number VW names them."""
    if kind == "obp":
        yield from _obp(lines, actions)
        return
    parse = _json_line if kind == "jsonl" else _vw_line
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield parse(number, line, actions)
            except _Wrong as wrong:
                yield Refused(number, wrong.field, wrong.reason)


class _Wrong(Exception):
    def __init__(self, name: str, reason: Phrase) -> None:
        super().__init__(name)
        self.field, self.reason = name, reason


def _number(value: Any, name: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise _Wrong(name, say("“%(value)s” is not a number.", value=str(value)[:40])) from None
    if not math.isfinite(found):
        raise _Wrong(name, say("“%(value)s” is not a number.", value=str(value)[:40]))
    return found


def _probability(value: Any, name: str) -> float:
    if value in (None, ""):
        raise _Wrong(name, say("The probability of the choice is missing. Without it nobody can "
                               "say what another policy would have earned."))  # fmt: skip
    found = _number(value, name)
    if not 0 < found <= 1:
        raise _Wrong(name, say("A probability is above 0, up to 1; this is %(value)s.",
                               value=f"{found:g}"))  # fmt: skip
    return found


def _json_line(number: int, line: str, actions: Sequence[str]) -> Round:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _Wrong("line", say("This line is not JSON.")) from None
    if not isinstance(row, dict):
        raise _Wrong("line", say("This line is not a JSON object."))
    action = str(row.get("action") or "")[:160]
    if not action:
        raise _Wrong("action", say("The action is missing."))
    known = _all(row.get("propensities"), action)
    propensity = known[action] if known else _probability(row.get("propensity"), "propensity")
    at, rewarded = _time(row.get("at"), "at"), _time(row.get("rewardedAt"), "rewardedAt")
    if at is not None and rewarded is not None and rewarded < at:
        raise _Wrong("rewardedAt", say("The reward came before the decision: the clocks differ."))
    features = row.get("features") or {}
    if not isinstance(features, dict):
        raise _Wrong("features", say("Features are an object of names and values."))
    if why := unstorable([features, action, str(row.get("unit") or "")]):
        raise _Wrong("features", as_is(why))
    return Round(number, action, _number(row.get("reward", 0), "reward"), propensity, known,
                 features, str(row.get("unit") or "")[:120], at)  # fmt: skip


def _all(value: Any, action: str) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not value:
        raise _Wrong("propensities", say("Propensities are an object: action and probability."))
    found = {str(k)[:160]: _number(v, "propensities") for k, v in value.items()}
    total = sum(found.values())
    if min(found.values()) < 0 or abs(total - 1) > TOLERANCE:
        raise _Wrong("propensities", say("The propensities sum to %(total)s, not to 1.",
                                         total=f"{total:.4g}"))  # fmt: skip
    if found.get(action, 0) <= 0:
        raise _Wrong("propensities", say("The action “%(action)s” was chosen with no probability.",
                                         action=action))  # fmt: skip
    return {key: p / total for key, p in found.items()}


def _time(value: Any, name: str) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise _Wrong(name, say("“%(value)s” is no ISO date.", value=str(value)[:40])) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _vw_line(number: int, line: str, actions: Sequence[str]) -> Round:
    head, bar, rest = line.strip().partition("|")
    labels = [found for part in head.split() if (found := LABEL.match(part))]
    if not bar or len(labels) != 1:
        raise _Wrong("line", say("A line is “action:cost:probability | features”."))
    index, cost, probability = labels[0].groups()
    if not 1 <= int(index) <= len(actions):
        raise _Wrong("action", say("There are %(n)s actions; this line names number %(index)s.",
                                   n=len(actions), index=index))  # fmt: skip
    features: dict[str, Any] = {}
    for word in rest.split():
        name, equal, kind = word.partition("=")
        if equal:
            features[name] = kind
            continue
        name, colon, amount = word.partition(":")
        features[name] = _number(amount, name) if colon else 1.0
    return Round(number, actions[int(index) - 1], -_number(cost, "cost"),
                 _probability(probability, "probability"), {}, features)  # fmt: skip


def _obp(lines: Iterable[str], actions: Sequence[str]) -> Iterator[Round | Refused]:
    reader = csv.DictReader(lines)
    missing = [c for c in OBP_COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        yield Refused(1, missing[0], say("The column “%(name)s” is missing.", name=missing[0]))
        return
    while True:
        try:
            row = next(reader, None)
        except csv.Error:  # a quote that is never closed takes the rest of the file with it
            yield Refused(
                reader.line_num, "line", say("This line is no CSV: a quote is not closed.")
            )
            continue
        if row is None:
            return
        try:
            yield _obp_row(reader.line_num, row, actions)
        except _Wrong as wrong:
            yield Refused(reader.line_num, wrong.field, wrong.reason)


def _obp_row(number: int, row: dict[str, str], actions: Sequence[str]) -> Round:
    item = row["item_id"] or ""
    named = row.get("action") or item
    if named not in actions and item.isdecimal() and int(item) < len(actions):
        named = actions[int(item)]
    if not named:
        raise _Wrong("item_id", say("The action is missing."))
    features = {k.removeprefix("user_feature_"): _value(v) for k, v in row.items()
                if k and k.startswith("user_feature_") and v}  # fmt: skip
    return Round(
        number, named[:160], _number(row["click"], "click"),
        _probability(row["propensity_score"], "propensity_score"), {}, features,
        (row.get("unit") or "")[:120], _time(row.get("timestamp"), "timestamp"),
    )  # fmt: skip


def _value(text: str) -> Any:
    try:
        found = float(text)
    except ValueError:
        return text
    return found if math.isfinite(found) else text


def written(kind: str, rows: Iterable[Round], actions: Sequence[str]) -> Iterator[str]:
    """The lines of a file that `read` reads back."""
    if kind == "obp":
        yield from _obp_lines(rows, actions)
        return
    at = {key: i for i, key in enumerate(actions)}
    for row in rows:
        if kind == "jsonl":
            told = {"action": row.action, "reward": row.reward, "propensity": row.propensity,
                    "propensities": row.propensities, "features": row.features, "unit": row.unit,
                    "at": row.at}  # fmt: skip
            yield orjson.dumps({k: v for k, v in told.items() if v not in ({}, "", None)}).decode()
        elif row.action in at:
            words = " ".join(_vw_words(row.features))
            yield f"{at[row.action] + 1}:{-row.reward:g}:{row.propensity:.6g} | {words}"


def _vw_words(features: dict[str, Any]) -> Iterator[str]:
    for name, value in features.items():
        safe = UNSAFE.sub("_", name)
        if isinstance(value, str):
            yield f"{safe}={UNSAFE.sub('_', value)}"
        else:
            yield f"{safe}:{float(value):g}"


def _obp_lines(rows: Iterable[Round], actions: Sequence[str]) -> Iterator[str]:
    at = {key: i for i, key in enumerate(actions)}
    kept = list(rows)
    names = sorted({name for row in kept for name in row.features})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="")
    head = ["timestamp", "item_id", "position", "click", "propensity_score", "action", "unit"]
    writer.writerow([*head, *(f"user_feature_{n}" for n in names)])
    yield out.getvalue()
    for row in kept:
        out.seek(0)
        out.truncate()
        when = row.at.isoformat() if row.at else ""
        own = [guard_formula(row.features.get(n, "")) for n in names]
        writer.writerow([when, at.get(row.action, ""), 1, row.reward, row.propensity, row.action,
                         row.unit, *own])  # fmt: skip
        yield out.getvalue()
