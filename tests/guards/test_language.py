"""Everything people read can be said in every language: marked where written, and translated."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from attune.web import catalog

SPEAKERS = {"NotFound", "Conflict", "Forbidden", "TooLarge", "Step", "Number", "Hit", "Permission"}
TOLD_SECOND = {"one", "FieldError", "success", "error", "warning", "tell"}
SHOWN = {"label", "help_text", "note", "sentence"}
SAME_EVERYWHERE = {"Attune", "Attune ·"}
MARKED = re.compile(
    r"\{% blocktrans.*?endblocktrans\w* %\}|\{#.*?#\}|<(script|pre|code|kbd)\b.*?</\1>|<!--.*?-->",
    re.S,
)
CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
ATTRIBUTE = re.compile(r'\b(?:aria-label|placeholder|title|alt|data-confirm)="([^"]*)"')
WORD = re.compile(r"[A-Za-z]{2,}")


def test_no_sentence_is_missing_in_a_catalog() -> None:
    call_command("messages", check=True)


def unmarked(source: str) -> list[str]:
    """Words of a template that stand outside every translation."""
    text = CODE.sub("", MARKED.sub("", source))
    found = [value for value in ATTRIBUTE.findall(text) if WORD.search(value)]
    plain = re.sub(r"<[^>]*>|&\w+;", "\n", text)
    found += [line.strip() for line in plain.splitlines() if WORD.search(line)]
    return [words for words in found if words not in SAME_EVERYWHERE]


def test_a_word_outside_a_translation_is_seen() -> None:
    assert unmarked('<p>Hello <b>{{ x }}</b></p><input placeholder="Name">') == ["Name", "Hello"]
    assert unmarked('{% translate "Hello" %} <code>POST</code> {% if a %}·{% endif %}') == []


def test_every_word_of_every_template_is_marked() -> None:
    found = {
        str(path.relative_to(settings.ROOT)): words
        for path in catalog.files(settings.ROOT, "*.html")
        if path.name != "500.html"  # shown when nothing works, languages included
        if (words := unmarked(path.read_text()))
    }
    assert found == {}


def unsaid(source: str) -> list[str]:
    """Sentences that are told to people as plain strings, not through `say` or `_`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        told = [k.value for k in node.keywords if k.arg in SHOWN]
        told += node.args if name in SPEAKERS else node.args[1:] if name in TOLD_SECOND else []
        for value in told:
            text = (
                ast.unparse(value)
                if isinstance(value, ast.JoinedStr)
                else getattr(value, "value", "")
            )
            if isinstance(text, str) and re.search(r"[A-Za-z]+[.,;:]? [A-Za-z]{2,}", text):
                found.append(text)
    return found


def test_a_sentence_told_as_a_plain_string_is_seen() -> None:
    assert unsaid('Invalid.one("name", "Give a name.", "Do it now.")') == [
        "Give a name.",
        "Do it now.",
    ]
    assert unsaid('raise NotFound(f"There is no {x}.")') == ["f'There is no {x}.'"]
    assert unsaid('raise NotFound(say("There is no such thing."))') == []


def test_every_sentence_of_python_is_said() -> None:
    outside = ("embedded", "settings", "engines", "management", "replay.py", "demo.py", "api")
    found = {
        str(path.relative_to(settings.ROOT)): sentences
        for path in catalog.files(settings.ROOT, "*.py")
        if not any(part in outside for part in path.parts) and path.name != "api.py"
        if (sentences := unsaid(path.read_text()))
    }
    assert found == {}


def test_every_language_offered_has_its_catalogs() -> None:
    offered = {code for code, _ in settings.LANGUAGES} - {"en"}
    assert offered == {language.lower().replace("_", "-") for language in catalog.LANGUAGES}
    for language in catalog.LANGUAGES:
        folder = Path(catalog.LOCALE) / language / "LC_MESSAGES"
        assert sorted(p.name for p in folder.glob("*.po")) == ["django.po", "djangojs.po"]
