"""Every sentence that people may read, found where it is written: templates, Python, TypeScript.

Translations stand in `locale/<language>/LC_MESSAGES`: django.po for what the server says,
djangojs.po for what the browser says by itself. A message is (singular, plural or "").
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.template import Engine, Node, Template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.urls import get_resolver

from attune.kernel.phrases import WORDS

Message = tuple[str, str]
LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("zh_Hans",)
SAYING = {"say": 1, "say_many": 2, "_": 1, "gettext": 1, "gettext_lazy": 1, "ngettext": 2}
LITERAL = re.compile(r"""_\((?:"([^"]+)"|'([^']+)')\)""")
STATE = re.compile(r"""\{% status (?:"([^"]+)"|'([^']+)') %\}""")
SPOKEN = re.compile(r"""\bt\(\s*"((?:[^"\\]|\\.)*)\"""")


def server(root: Path) -> dict[Message, set[str]]:
    """Messages of the server with the files that hold them."""
    found: dict[Message, set[str]] = {}
    get_resolver().url_patterns  # noqa: B018 - loads every slice, whose words are known then
    for path in files(root, "*.html"):
        _add(found, template_messages(path.read_text()), path, root)
    for path in files(root, "*.py"):
        _add(found, python_messages(path.read_text()), path, root)
    for message in {(word, "") for word in WORDS | choice_words()}:
        found.setdefault(message, set()).add("known words")
    return found


def browser(root: Path) -> dict[Message, set[str]]:
    """Messages of our TypeScript: the calls of `t("…")`."""
    found: dict[Message, set[str]] = {}
    for path in files(root, "*.ts"):
        text = path.read_text()
        spoken = ((m.encode().decode("unicode_escape") if "\\" in m else m, "")
                  for m in SPOKEN.findall(text))  # fmt: skip
        _add(found, spoken, path, root)
    return found


def template_messages(source: str) -> Iterator[Message]:
    for node in _nodes(Template(source, engine=Engine.get_default())):
        if isinstance(node, TranslateNode):
            literal = node.filter_expression.var.literal
            if isinstance(literal, str):
                yield literal.replace("%", "%%"), ""
        elif isinstance(node, BlockTranslateNode):
            one, _ = node.render_token_list(node.singular)
            many, _ = node.render_token_list(node.plural) if node.plural else ("", [])
            yield (_trimmed(one), _trimmed(many)) if node.trimmed else (one, many)
    for pattern in (LITERAL, STATE):
        for double, single in pattern.findall(source):
            yield (double or single), ""


def _nodes(template: Template) -> Iterator[Node]:
    yield from template.nodelist.get_nodes_by_type(TranslateNode)
    yield from template.nodelist.get_nodes_by_type(BlockTranslateNode)


def python_messages(source: str) -> Iterator[Message]:
    """The literal first arguments of `say`, `_` and their kin, also through `partial`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name, arguments = node.func.id, list(node.args)
        if name == "partial" and arguments and isinstance(arguments[0], ast.Name):
            name, arguments = arguments[0].id, arguments[1:]
        given = [a.value for a in arguments[: SAYING.get(name, 0)] if isinstance(a, ast.Constant)]
        texts = [value for value in given if isinstance(value, str)]
        if texts:
            one, many = (*texts, "")[:2]
            if re.search(r"[^\W\d_]", re.sub(r"%\(\w+\)s", "", one)) or one == ", ":
                yield one, many


def choice_words() -> set[str]:
    """The values of every model's choices, as `words` and `status` show them."""
    return {
        str(value).replace("_", " ")
        for model in apps.get_models()
        for field in model._meta.get_fields()
        for value, _ in getattr(field, "flatchoices", None) or []
        if re.search(r"[a-z]", str(value)) and model.__module__.split(".")[0] not in {"allauth"}
    }


def _trimmed(text: str) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines())


def files(root: Path, pattern: str) -> list[Path]:
    """Our own files of a kind, without what was generated."""
    places = ("platform/attune", "tenants", "campaigns", "chat", "insights", "workers")
    return sorted(
        path
        for place in places
        for path in (root / place).rglob(pattern)
        if not {"node_modules", "migrations", "dist"} & set(path.parts)
    )


def _add(
    found: dict[Message, set[str]], messages: Iterator[Message], path: Path, root: Path
) -> None:
    for message in messages:
        found.setdefault(message, set()).add(str(path.relative_to(root)))
