"""What a question asks for, in words, as a query: names of the workspace, feeling, stretch of time.
Pure; English and Chinese. The query is shown beside the answer, so that a person sees what was
looked up and can ask otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

NEGATIVE = re.compile(
    r"\b(?:complain\w*|unhappy|bad|negative|hate|problems?|dislike|criti\w+|wors[et]|annoy\w*"
    r"|wrong|issues?|dissatisf\w*|angry|frustrat\w*)\b"
    r"|抱怨|不满|差评|负面|问题|投诉|批评|讨厌",
    re.IGNORECASE,
)
POSITIVE = re.compile(
    r"\b(?:love|like|prais\w*|happy|good|positive|best|enjoy\w*|satisf\w*|recommend\w*)\b"
    r"|喜欢|好评|满意|称赞|表扬|推荐",
    re.IGNORECASE,
)
SPAN = re.compile(
    r"\b(?P<way>last|past|previous)\s+(?P<n>\d+|two|three|six)?\s*"
    r"(?P<unit>day|week|month|quarter|year)s?\b"
    r"|(?:过去|最近|近)(?P<nz>\d+|一|两|三|六|半)?(?:个)?(?P<zh>天|日|周|星期|月|季度|年)",
    re.IGNORECASE,
)
THIS = re.compile(
    r"\bthis\s+(week|month|year)\b|(本周|本月|今年)|(上个月|上周|去年)", re.IGNORECASE
)
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
IN_MONTH = re.compile(r"\b(since|in|during)\s+(" + "|".join(MONTHS) + r")\b", re.IGNORECASE)
DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365, "天": 1, "日": 1, "周": 7,
        "星期": 7, "月": 30, "季度": 91, "年": 365}  # fmt: skip
MOST_DAYS = 36_500.0
LAST = {"week": "上周", "month": "上个月", "year": "去年"}  # last month is a calendar month
NUMBERS = {"two": 2, "three": 3, "six": 6, "一": 1, "两": 2, "三": 3, "六": 6}
HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked up: ids by kind (with their names), a feeling, from when until when."""

    features: tuple[tuple[str, str], ...] = ()
    topics: tuple[tuple[str, str], ...] = ()
    products: tuple[tuple[str, str], ...] = ()
    segments: tuple[tuple[str, str], ...] = ()
    feeling: str = ""
    since: str = ""
    until: str = ""

    def as_data(self) -> dict[str, Any]:
        return {k: list(map(list, v)) if isinstance(v, tuple) else v
                for k, v in asdict(self).items()}  # fmt: skip

    def apart(self) -> list[tuple[str, Query]]:
        """Where several of one kind are named they are compared: a query of each, by its name."""
        for kind in ("products", "segments", "features", "topics"):
            named = getattr(self, kind)
            if len(named) > 1:
                changes: list[dict[str, Any]] = [{kind: (one,)} for one in named]
                return [(one[1], replace(self, **c)) for one, c in zip(named, changes, strict=True)]
        return []

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Query:
        values: dict[str, Any] = {
            k: tuple((str(a), str(b)) for a, b in v) if isinstance(v, list) else v
            for k, v in data.items()
        }
        return cls(**values)


def understood(question: str, names: Mapping[str, Mapping[str, str]], now: datetime) -> Query:
    """`names` are {features|topics|products|segments: {name: id}}; the longest name wins where one
    holds another."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    taken: list[tuple[int, int]] = []
    asked = question.casefold()
    for kind in ("products", "segments", "topics", "features"):
        hits = []
        for name in sorted(names.get(kind, {}), key=len, reverse=True):
            place = _place(asked, name.casefold())
            if place and not any(a < place[1] and place[0] < b for a, b in taken):
                taken.append(place)
                hits.append((names[kind][name], name))
        found[kind] = tuple(hits[:4])
    rest = _without(question, taken)
    feeling = "negative" if NEGATIVE.search(rest) else "positive" if POSITIVE.search(rest) else ""
    since, until = _span(question, now)
    return Query(**found, feeling=feeling, since=since, until=until)


def _without(question: str, taken: list[tuple[int, int]]) -> str:
    kept = list(question)
    for start, end in taken:
        kept[start:end] = " " * (end - start)
    return "".join(kept)


def _place(asked: str, name: str) -> tuple[int, int] | None:
    """Where a name stands, as whole words (also with a plural s); Chinese anywhere."""
    if len(name) < 2:
        return None
    if HAN.search(name):
        at = asked.find(name)
        return (at, at + len(name)) if at >= 0 else None
    if name not in asked:
        return None
    match = re.search(rf"(?<!\w){re.escape(name)}(?:e?s)?(?!\w)", asked)
    return match.span() if match else None


def _span(question: str, now: datetime) -> tuple[str, str]:
    if match := SPAN.search(question):
        many = match["n"] or match["nz"] or "1"
        n = 0.5 if many == "半" else NUMBERS.get(many.lower()) or int(many[:6])
        unit = (match["unit"] or match["zh"]).lower()
        if match["way"] and match["way"].lower() != "past" and not match["n"] and unit in LAST:
            return _calendar(LAST[unit], now)
        n = min(n, MOST_DAYS / DAYS[unit])
        return (now - timedelta(days=n * DAYS[unit])).date().isoformat(), ""
    if match := THIS.search(question):
        return _calendar(match.group().lower(), now)
    if match := IN_MONTH.search(question):
        month = MONTHS.index(match[2].lower()) + 1
        year = now.year if month <= now.month else now.year - 1
        first = datetime(year, month, 1, tzinfo=UTC)
        after = (first + timedelta(days=32)).replace(day=1)
        open_end = match[1].lower() == "since"
        return first.date().isoformat(), "" if open_end else after.date().isoformat()
    return "", ""


def _calendar(words: str, now: datetime) -> tuple[str, str]:
    today = now.date()
    week = today - timedelta(days=today.weekday())
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    spans = {
        "week": (week, None), "本周": (week, None), "month": (month, None), "本月": (month, None),
        "year": (year, None), "今年": (year, None), "上周": (week - timedelta(days=7), week),
        "上个月": (last_month, month), "去年": (year.replace(year=year.year - 1), year),
    }  # fmt: skip
    since, until = spans[words.split()[-1]]
    return since.isoformat(), until.isoformat() if until else ""
