"""Everything people read can be said in every language: marked where written, and translated."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from attune.web import translations
from tenants.models import Tenant, User
from tenants.roles import PERMISSIONS
from tests.guards.test_queries import every_path, fill

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
        for path in translations.files(settings.ROOT, "*.html")
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
        for path in translations.files(settings.ROOT, "*.py")
        if not any(part in outside for part in path.parts) and path.name != "api.py"
        if (sentences := unsaid(path.read_text()))
    }
    assert found == {}


def test_every_language_offered_has_its_catalogs() -> None:
    offered = {code for code, _ in settings.LANGUAGES} - {"en"}
    assert offered == {language.lower().replace("_", "-") for language in translations.LANGUAGES}
    for language in translations.LANGUAGES:
        folder = Path(translations.LOCALE) / language / "LC_MESSAGES"
        assert sorted(p.name for p in folder.glob("*.po")) == ["django.po", "djangojs.po"]


def said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every translation come in brackets, so that what was not translated stands outside."""
    translation.gettext("x")  # the back end is loaded with the first call
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        speak = getattr(translation._trans, name)
        monkeypatch.setattr(
            translation._trans, name, lambda *words, speak=speak: f"⟦{speak(*words)}⟧"
        )


def outside(page: str) -> set[str]:
    """Words of a page that no translation said."""
    body = re.sub(
        r"<(script|style|pre|code|kbd|option|textarea|time)\b.*?</\1>", " ", page, flags=re.S
    )
    told = [a for a in ATTRIBUTE.findall(body)] + re.findall(r">([^<>]+)<", body)
    text = html.unescape("\n".join(told))
    while "⟦" in text:
        text, n = re.subn(r"⟦[^⟦⟧]*⟧", " ", text)
        if not n:
            break
    return set(re.findall(r"[A-Za-z]{3,}", text))


def data_words() -> set[str]:
    """Every word that stands in the workspace's own rows."""
    found: set[str] = set()
    for model in apps.get_models():
        ours = hasattr(model, "tenant_id") or model in {User, Tenant}
        rows = model._default_manager.values() if ours else []
        for row in rows:
            found |= set(re.findall(r"[A-Za-z]{3,}", " ".join(map(str, row.values()))))
    return found


def test_no_page_says_a_word_that_is_neither_translated_nor_data(tenant, monkeypatch):
    fill(tenant, 0, 2)
    client = Client()
    client.force_login(tenant.owner)
    known = data_words() | {
        tenant.tenant.name,
        "Attune",
        "CSV",
        "PNG",
        "Parquet",
        "SQL",
        "JSON",
        "UTC",
        "API",
        "SKU",
    }
    known |= set(re.findall(r"[A-Za-z]{3,}", " ".join([tenant.tenant.name, *PERMISSIONS])))
    said(monkeypatch)
    wrong = {}
    for name, path in every_path(tenant).items():
        # samples are samples, files no pages, and a letter speaks its own language
        letters = name.endswith(("preview-html", "message-html")) or name == "layouts:shown"
        if name == "workspace:design" or "export" in name or letters:
            continue
        words = outside(client.get(path).content.decode()) - known
        if words:
            wrong[name] = words
    assert wrong == {}
