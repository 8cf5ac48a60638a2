"""What somebody sent, row by row, as documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil import parser

from attune.kernel import privacy
from attune.kernel.phrases import Phrase, known_words, say, word
from attune.kernel.storable import unstorable
from campaigns.content import injection
from insights.sources import cleaning, languages

TARGET_NAMES = {
    "text": say("the text"), "title": say("its title"), "external_id": say("its id there"),
    "author": say("who wrote it"), "at": say("when it was written"),
    "product": say("the product it is about"), "rating": say("its rating"),
    "language": say("its language"), "user_id": say("the customer’s user id"),
}  # fmt: skip
TARGETS = tuple(TARGET_NAMES)
known_words("email", "iban", "id", "card", "ip", "phone", "name")  # what is masked in a text
GUESSES = {
    "review": "text", "content": "text", "body": "text", "comment": "text", "message": "text",
    "feedback": "text", "answer": "text", "description": "text", "verbatim": "text",
    "评论": "text", "内容": "text", "评价": "text", "subject": "title", "summary": "title",
    "headline": "title", "标题": "title", "id": "external_id", "review_id": "external_id",
    "ticket_id": "external_id", "reviewer": "author", "user_name": "author", "username": "author",
    "name": "author", "作者": "author", "date": "at", "created_at": "at", "time": "at",
    "timestamp": "at", "submitted_at": "at", "日期": "at", "时间": "at", "sku": "product",
    "product_id": "product", "product_name": "product", "item": "product", "asin": "product",
    "产品": "product", "stars": "rating", "score": "rating", "overall": "rating", "nps": "rating",
    "评分": "rating", "lang": "language", "locale": "language", "语言": "language",
    "userid": "user_id", "customer_id": "user_id",
}  # fmt: skip
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d{1,3})?")
MOST_ATTRIBUTES, MOST_VALUE = 20, 200
LEAST_RATING, MOST_RATING = 0, 100
UNKNOWN_PRODUCT = "product"  # the attribute of a text whose product the catalogue does not know


class Wrong(ValueError):
    """A row that cannot be taken: the field and what to do."""

    def __init__(self, field: str, why: Phrase) -> None:
        super().__init__(field)
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True)
class Item:
    """One text as it was sent: its line or place, our fields, and how it looked."""

    line: int
    cells: Mapping[str, Any]
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text that can be kept. `aside` is why no model may read it, and what was found."""

    line: int
    text: str
    at: datetime
    title: str = ""
    external_id: str = ""
    author: str = ""
    product: str = ""
    rating: float | None = None
    language: str = ""
    user_id: str = ""
    masked: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    aside: tuple[str, str] = ("", "")


def guess(columns: list[str]) -> dict[str, str]:
    """What each column probably is; each of our fields once, the others are left out."""
    mapping: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"[\s.-]+", "_", column.strip().lower())
        target = name if name in TARGETS else GUESSES.get(name, "")
        mapping[column] = "" if target in mapping.values() else target
    return mapping


def mapped(cells: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """The cells under our names; `attribute:x` stays an attribute of the document."""
    found: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for column, target in mapping.items():
        value = cells.get(column)
        if value in (None, "") or not target:
            continue
        if target.startswith("attribute:"):
            attributes[target.removeprefix("attribute:")] = value
        else:
            found[target] = value
    return {**found, "attributes": attributes} if attributes else found


def prepare(item: Item, *, now: datetime, language: str = "") -> Entry:
    """Raises Wrong, naming the field and the remedy. `language` is what the source is said to be
    written in."""
    cells = item.cells
    raw = cells.get("text")
    if raw is None or raw == "":
        raise Wrong("text", say("The text is empty."))
    if not isinstance(raw, str):
        raise Wrong("text", say("The text is not written as text."))
    author = _short(cells, "author", 200)
    try:
        clean = cleaning.clean(raw, names=(author,) if " " in author else ())
    except cleaning.Unfit as unfit:
        raise Wrong("text", unfit.why) from unfit
    title = cleaning.plain(_short(cells, "title", 2000))
    declared = _language(cells.get("language")) or language
    spoken, aside = _spoken(clean.text, declared)
    command = injection.command_in(f"{title}\n{clean.text}")
    if command:
        aside = ("command", command)
    return Entry(
        item.line, clean.text, _at(cells.get("at"), now), _masked(title)[:300],
        _short(cells, "external_id", 120), author, _short(cells, "product", 160),
        _rating(cells.get("rating")), spoken, _short(cells, "user_id", 120), clean.masked,
        _attributes(cells.get("attributes")), aside,
    )  # fmt: skip


def _masked(title: str) -> str:
    return privacy.mask(title).text if title else ""


def _spoken(text: str, declared: str) -> tuple[str, tuple[str, str]]:
    """The language a text is read in, and whether its column says another."""
    found = languages.detect(text)
    if declared and found.code != declared and found.confidence >= languages.SURE:
        named = languages.NAMES[declared], languages.NAMES[found.code]
        return found.code, ("language", f"{str.__str__(named[0])} → {str.__str__(named[1])}")
    if found.confidence >= 0.6:
        return found.code, ("", "")
    return declared or found.code or "en", ("", "")


def _short(cells: Mapping[str, Any], name: str, most: int) -> str:
    value = cells.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise Wrong(name, say("%(field)s must be a short text.", field=word(name)))
    text = str(value).strip()
    if len(text) > most:
        raise Wrong(name, say("%(field)s is longer than %(most)s characters.", field=word(name),
                              most=most))  # fmt: skip
    if problem := unstorable(text):
        raise Wrong(name, problem)  # type: ignore[arg-type]
    return text


def _language(value: Any) -> str:
    if value in (None, ""):
        return ""
    code = languages.code_of(str(value))
    if not code:
        raise Wrong("language", say("“%(value)s” is no language we know; write en, zh, de …",
                                    value=str(value)[:40]))  # fmt: skip
    return code


def _rating(value: Any) -> float | None:
    """The first number of it: 4, "4.5", "4/5", "5 stars"."""
    if value in (None, ""):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _within(float(value), value)
    match = NUMBER.search(str(value)[:40])
    if match is None and "★" in str(value):
        return float(str(value).count("★"))
    if match is None:
        raise Wrong("rating", say("The rating “%(value)s” is no number.", value=str(value)[:40]))
    return _within(float(match.group().replace(",", ".")), value)


def _within(rating: float, value: Any) -> float:
    if not LEAST_RATING <= rating <= MOST_RATING:
        told = say("The rating “%(value)s” is not between %(least)s and %(most)s.",
                   value=str(value)[:40], least=LEAST_RATING, most=MOST_RATING)  # fmt: skip
        raise Wrong("rating", told)
    return rating


def _at(value: Any, now: datetime) -> datetime:
    """ISO 8601, a date as people write it, or seconds since 1970. Without one: now."""
    if value in (None, ""):
        return now
    wrong = say("“%(value)s” is no date; write 2026-11-28.", value=str(value)[:40])
    try:
        found = _read(value)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as unread:
        raise Wrong("at", wrong) from unread
    if not 1990 <= found.year <= 2100:
        raise Wrong("at", wrong)
    if found > now + timedelta(days=1):
        raise Wrong("at", say("“%(value)s” lies in the future.", value=str(value)[:40]))
    return found


def _read(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    text = str(value).strip()
    if re.fullmatch(r"\d{10}(?:\.\d+)?|\d{13}", text):
        return datetime.fromtimestamp(float(text) / (1000 if len(text) == 13 else 1), tz=UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parser.parse(text, default=datetime(2000, 1, 1, tzinfo=UTC))


def _attributes(value: Any) -> dict[str, Any]:
    if value in (None, "", {}):
        return {}
    if not isinstance(value, Mapping) or len(value) > MOST_ATTRIBUTES:
        raise Wrong("attributes", say("Give at most %(most)s attributes as names with values.",
                                      most=MOST_ATTRIBUTES))  # fmt: skip
    found = {}
    for name, one in value.items():
        if not isinstance(one, str | int | float | bool) or len(str(one)) > MOST_VALUE:
            raise Wrong("attributes", say("The attribute “%(name)s” must be a short value.",
                                          name=str(name)[:40]))  # fmt: skip
        found[str(name)[:60]] = one
    if problem := unstorable(found):
        raise Wrong("attributes", problem)  # type: ignore[arg-type]
    return {k: privacy.mask(v).text if isinstance(v, str) else v for k, v in found.items()}
