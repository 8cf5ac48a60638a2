"""Sentences that are kept, and said in each reader's language.

A program decides in English and shows to people who read other languages, often much later: a
check's finding, a verdict, a notice. A Phrase is the English text, for code, logs and the API;
it remembers its template and values, and `str()` says it in the language that is active.
`manage.py messages` finds the templates in the calls of `say` and `say_many`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from django.utils.translation import gettext, ngettext

Value = Any  # text, a number, a Phrase, or a list of these


class Phrase(str):
    """English text that knows its template and values; `str()` says it in the active language."""

    template: str
    many: str
    values: dict[str, Value]

    def __new__(cls, template: str, values: Mapping[str, Value], many: str = "") -> Self:
        kept = {name: _plain(value) for name, value in values.items()}
        chosen = many if many and kept["n"] != 1 else template
        made = super().__new__(cls, _fill(chosen, {k: _raw(v) for k, v in kept.items()}))
        made.template, made.many, made.values = template, many, kept
        return made

    def __str__(self) -> str:
        said = (
            ngettext(self.template, self.many, self.values["n"])
            if self.many
            else _translated(self.template)
        )
        return _fill(said, {k: _said(v) for k, v in self.values.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return Phrase, (self.template, self.values, self.many)

    def stored(self) -> dict[str, Any]:
        """As JSON: {"text", "many"?, "values"?}; a value may be a stored phrase or a list."""
        kept: dict[str, Any] = {"text": self.template}
        if self.many:
            kept["many"] = self.many
        if self.values:
            kept["values"] = {name: _stored(value) for name, value in self.values.items()}
        return kept


def say(template: str, **values: Value) -> Phrase:
    """A sentence with values: `say("“%(name)s” is taken.", name=name)`. Whole numbers get commas.

    Without values the template is the sentence as it is, percent signs included.
    """
    return Phrase(template, values)


def say_many(one: str, many: str, *, n: int, **values: Value) -> Phrase:
    """A sentence about n things, in the singular or plural that the reader's language needs."""
    return Phrase(one, {"n": n, **values}, many)


def word(code: str) -> Phrase:
    """A state, kind, verb or role as a word: "in_review" is said as "in review"."""
    return Phrase(str(code).replace("_", " "), {})


WORDS: set[str] = set()


def known_words(*codes: str) -> None:
    """Codes that people will read as words; `manage.py messages` asks for their translation."""
    WORDS.update(code.replace("_", " ") for code in codes)


def as_is(text: str) -> Phrase:
    """Text that has no translation: a name, what another program said."""
    return text if isinstance(text, Phrase) else Phrase("%(text)s", {"text": text})


def restored(kept: Any) -> Phrase:
    """The phrase that `stored()` wrote."""
    if not isinstance(kept, dict):
        return as_is(str(kept or ""))
    values = {name: _restored(value) for name, value in kept.get("values", {}).items()}
    return Phrase(kept.get("text", ""), values, kept.get("many", ""))


HIDDEN = "…"


def veiled(phrase: Phrase) -> Phrase:
    """The sentence without its names: what it was filled with may be somebody's address."""
    if phrase.template == "%(text)s":  # nothing but what was filled in
        return Phrase(HIDDEN, {})
    values = {name: _veiled(value) for name, value in phrase.values.items()}
    return Phrase(phrase.template, values, phrase.many)


def _veiled(value: Value) -> Value:
    if isinstance(value, list):
        return [_veiled(part) for part in value]
    if isinstance(value, Phrase):
        return veiled(value)
    return HIDDEN if isinstance(value, str) else value


LETTERS = re.compile(r"[^\W\d_]")


def _translated(template: str) -> str:
    """Glue between values, such as "%(a)s: %(b)s", has no words to translate."""
    words = LETTERS.search(re.sub(r"%\(\w+\)s", "", template))
    return gettext(template) if words else template


def _fill(template: str, values: dict[str, str]) -> str:
    return template % values if values else template


def _plain(value: Value) -> Value:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, str | int | float):
        return value
    named = getattr(value, "phrase", None)  # a row that is called by a phrase
    return named if isinstance(named, Phrase) else str(value)


def _raw(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(_raw(part) for part in value)
    if isinstance(value, str):
        return str.__str__(value)  # a Phrase as its English text
    return f"{value:,}" if isinstance(value, int) else str(value)


def _said(value: Value) -> str:
    if isinstance(value, list):
        return gettext(", ").join(_said(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _stored(value: Value) -> Any:
    if isinstance(value, list):
        return [_stored(part) for part in value]
    return value.stored() if isinstance(value, Phrase) else value


def _restored(value: Any) -> Value:
    if isinstance(value, list):
        return [_restored(part) for part in value]
    return restored(value) if isinstance(value, dict) else value
