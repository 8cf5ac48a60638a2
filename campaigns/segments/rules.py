"""The rule tree of a segment: its grammar, checked with errors that name the place. Pure.

{"all": [node, …]}   {"any": [node, …]}   {"not": node}
{"trait": "plan", "is": "pro"}                    is, is_not, in, contains, starts_with,
                                                  above, below, exists
{"profile": "orders", "above": 2}                 typed fields of the profile
{"did": "Order Completed", "times": 2, "within_days": 30, "value_above": 50, "category": "tea"}
{"did_not": "Page Viewed", "within_days": 14}
{"consent": "email", "is": "given", "topic": "news"}     # without a topic: the whole channel
{"score": "will-order", "above": 0.5}             what a prediction says, from 0 to 1
{"bucket": "holdout-2026", "from": 0, "to": 10}   stable share of people, in percent
{"segment": "<id>"}                               another segment
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from attune.kernel import limits
from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import Phrase, known_words, say, word

TRAIT_TESTS = ("is", "is_not", "in", "contains", "starts_with", "above", "below", "exists")
PROFILE_NUMBERS = {"orders", "revenue", "events", "messages", "clicks"}
PROFILE_TEXTS = {"lifecycle", "top_category"}
PROFILE_AGES = {"last_seen_days", "last_order_days", "first_seen_days"}
PROFILE_FIELDS = PROFILE_NUMBERS | PROFILE_TEXTS | PROFILE_AGES
known_words(*PROFILE_FIELDS, *TRAIT_TESTS)
LEAVES = ("trait", "profile", "did", "did_not", "consent", "score", "bucket", "segment")
ALLOWED: dict[str, set[str]] = {
    "all": set(),
    "any": set(),
    "not": set(),
    "trait": set(TRAIT_TESTS),
    "profile": {"is", "in", "above", "below"},
    "did": {"times", "within_days", "value_above", "category"},
    "did_not": {"within_days", "category"},
    "consent": {"is", "topic"},
    "score": {"above", "below"},
    "bucket": {"from", "to"},
    "segment": set(),
}


def check(rule: Any) -> list[FieldError]:
    """Every mistake in a rule tree; empty when it can be compiled."""
    errors: list[FieldError] = []
    nodes = _check(rule, "rule", 1, errors)
    if nodes > limits.RULE_NODES:
        errors.append(
            FieldError("rule", say("%(nodes)s conditions are too many (60 at most).", nodes=nodes))
        )
    return errors


def checked(rule: Any) -> dict[str, Any]:
    """The rule, or Invalid with every mistake."""
    errors = check(rule)
    if errors:
        raise Invalid(errors)
    return dict(rule)


def referenced_segments(rule: Any) -> set[str]:
    """Ids of the segments a rule includes."""
    return _referenced(rule, "segment")


def referenced_scores(rule: Any) -> set[str]:
    """Keys of the predictions a rule asks for."""
    return _referenced(rule, "score")


def _referenced(rule: Any, leaf: str) -> set[str]:
    if isinstance(rule, dict):
        found = {str(rule[leaf])} if leaf in rule else set()
        return found.union(*(_referenced(v, leaf) for v in rule.values()))
    if isinstance(rule, list):
        return set().union(*(_referenced(v, leaf) for v in rule))
    return set()


def depends_on_time(rule: Any) -> bool:
    """Whether membership changes as time passes, with no new event."""
    if isinstance(rule, dict):
        if "within_days" in rule or rule.get("profile") in PROFILE_AGES | {"lifecycle"}:
            return True
        return any(depends_on_time(v) for v in rule.values())
    return isinstance(rule, list) and any(depends_on_time(v) for v in rule)


def place(path: str) -> Phrase:
    """Where a mistake stands, as people count: rule.all[1].any[0].times is condition 2.1, times."""
    numbers = [str(int(n) + 1) for n in re.findall(r"\[(\d+)\]", path)]
    last = path.rpartition(".")[2]
    if not numbers:
        return say("The rule")
    condition = say("Condition %(number)s", number=".".join(numbers))
    if "[" in last or last in {"not", "all", "any", "rule"}:
        return condition
    return say("%(condition)s, %(field)s", condition=condition, field=word(last))


def _check(node: Any, path: str, depth: int, errors: list[FieldError]) -> int:
    if depth > limits.RULE_DEPTH:
        errors.append(
            FieldError(path, say("Nested deeper than 6 levels."), say("Use a segment inside."))
        )
        return 1
    kinds = [k for k in ALLOWED if isinstance(node, dict) and k in node]
    if len(kinds) != 1:
        known = ", ".join(ALLOWED)
        errors.append(
            FieldError(path, say("A condition has exactly one of: %(known)s.", known=known))
        )
        return 1
    kind = kinds[0]
    extra = set(node) - {kind} - ALLOWED[kind]
    if extra:
        errors.append(
            FieldError(
                f"{path}.{sorted(extra)[0]}", say("“%(kind)s” does not know this word.", kind=kind)
            )
        )
    if kind in {"all", "any"}:
        return _check_list(node[kind], f"{path}.{kind}", depth, errors)
    if kind == "not":
        return 1 + _check(node["not"], f"{path}.not", depth + 1, errors)
    _CHECKS[kind](node, path, errors)
    return 1


def _check_list(children: Any, path: str, depth: int, errors: list[FieldError]) -> int:
    if not isinstance(children, list) or not children:
        errors.append(FieldError(path, say("Give at least one condition.")))
        return 1
    return sum(_check(c, f"{path}[{i}]", depth + 1, errors) for i, c in enumerate(children))


def _check_trait(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    _text(node, "trait", path, errors)
    tests = [t for t in TRAIT_TESTS if t in node]
    if len(tests) != 1:
        errors.append(
            FieldError(path, say("A trait has one test: %(names)s.", names=", ".join(TRAIT_TESTS)))
        )
        return
    _test_value(node, tests[0], path, errors)


def _test_value(node: dict[str, Any], test: str, path: str, errors: list[FieldError]) -> None:
    value = node[test]
    if test in {"above", "below"} and not _number(value):
        errors.append(FieldError(f"{path}.{test}", say("Must be a number.")))
    elif test == "in" and not (isinstance(value, list) and value and all(map(_storable, value))):
        errors.append(FieldError(f"{path}.in", say("Must be a list of values.")))
    elif test in {"contains", "starts_with"} and not (
        isinstance(value, str) and value and _storable(value)
    ):
        errors.append(FieldError(f"{path}.{test}", say("Must be text.")))
    elif test == "exists" and not isinstance(value, bool):
        errors.append(FieldError(f"{path}.exists", say("Must be true or false.")))
    elif test in {"is", "is_not"} and not _storable(value):
        errors.append(FieldError(f"{path}.{test}", say("Must be text, a number, true or false.")))


def _check_profile(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    field = node["profile"]
    if not isinstance(field, str) or field not in PROFILE_FIELDS:
        known = ", ".join(sorted(PROFILE_FIELDS))
        errors.append(
            FieldError(f"{path}.profile", say("Unknown field; known: %(known)s.", known=known))
        )
        return
    tests = [t for t in ("is", "in", "above", "below") if t in node]
    if not tests:
        errors.append(FieldError(path, say("Give a test: is, in, above or below.")))
    for test in tests:
        if field in PROFILE_TEXTS and test in {"above", "below"}:
            errors.append(
                FieldError(f"{path}.{test}", say("%(field)s is text; use is or in.", field=field))
            )
        elif field in PROFILE_AGES:
            if test == "in" or not (_number(node[test]) and 0 <= node[test] <= 36_500):
                errors.append(FieldError(f"{path}.{test}", say("Must be days, from 0 to 36,500.")))
        elif field in PROFILE_NUMBERS:
            values = node[test] if test == "in" else [node[test]]
            if not (isinstance(values, list) and values and all(map(_number, values))):
                errors.append(FieldError(f"{path}.{test}", say("Must be a number.")))
        else:
            _test_value(node, test, path, errors)


def _check_did(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    kind = "did" if "did" in node else "did_not"
    _text(node, kind, path, errors)
    times, days = node.get("times", 1), node.get("within_days", 1)
    if not (isinstance(times, int) and not isinstance(times, bool) and 1 <= times <= 10_000):
        errors.append(FieldError(f"{path}.times", say("Must be a whole number from 1 to 10,000.")))
    if not (_number(days) and 0 < days <= 3650):
        errors.append(
            FieldError(f"{path}.within_days", say("Must be days, more than 0, up to 3650."))
        )
    if "value_above" in node and not _number(node["value_above"]):
        errors.append(FieldError(f"{path}.value_above", say("Must be an amount.")))
    if "category" in node:
        _text(node, "category", path, errors)


def _check_consent(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    _text(node, "consent", path, errors)
    if node.get("is") not in ("given", "refused"):
        errors.append(FieldError(f"{path}.is", say("Must be given or refused.")))
    if "topic" in node:
        _text(node, "topic", path, errors)


def _check_score(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    _text(node, "score", path, errors)
    tests = [t for t in ("above", "below") if t in node]
    if not tests:
        errors.append(FieldError(path, say("Give a test: above or below.")))
    errors.extend(
        FieldError(f"{path}.{test}", say("Must be a chance from 0 to 1."))
        for test in tests
        if not (_number(node[test]) and 0 <= node[test] <= 1)
    )


def _check_bucket(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    _text(node, "bucket", path, errors)
    low, high = node.get("from", 0), node.get("to")
    if high is None or not (_number(low) and _number(high) and 0 <= low < high <= 100):
        errors.append(FieldError(path, say("A bucket goes from 0 to 100 percent, from below to.")))


def _check_segment(node: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    try:
        sound = str(uuid.UUID(str(node["segment"]))) == str(node["segment"]).lower()
    except ValueError:
        sound = False
    if not sound:
        errors.append(FieldError(f"{path}.segment", say("Must be a segment's id.")))


def _text(node: dict[str, Any], key: str, path: str, errors: list[FieldError]) -> None:
    value = node[key]
    if not isinstance(value, str) or not value or len(value) > 200 or "\x00" in value:
        errors.append(FieldError(f"{path}.{key}", say("Must be text of 1 to 200 characters.")))


def _storable(value: Any) -> bool:
    """Text without NUL up to 300 characters, a number, or a truth value."""
    if isinstance(value, str):
        return len(value) <= 300 and "\x00" not in value
    return isinstance(value, bool) or _number(value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


_CHECKS = {
    "trait": _check_trait,
    "profile": _check_profile,
    "did": _check_did,
    "did_not": _check_did,
    "consent": _check_consent,
    "score": _check_score,
    "bucket": _check_bucket,
    "segment": _check_segment,
}
