"""`manage.py messages`: bring the translation catalogs up to date, or only compile or check them.

Without options new messages are added with an empty translation, and those that nobody says any
more are dropped. `--compile` writes the .mo files that run; `--check` fails when a translation is
missing, left over, or loses a value.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from attune.web import translations

VALUE = re.compile(r"%\(\w+\)s")


class Command(BaseCommand):
    help = "Update, compile or check the translations of the interface."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--compile", action="store_true", help="only write the .mo files")
        parser.add_argument("--check", action="store_true", help="only look for what is missing")

    def handle(self, *arguments: Any, **options: Any) -> None:
        sources = {} if options["compile"] else found(settings.ROOT)
        problems: list[str] = []
        for language in translations.LANGUAGES:
            for domain in ("django", "djangojs"):
                path = translations.LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
                if options["check"]:
                    problems += wrong(path, sources[domain])
                elif not options["compile"]:
                    update(path, sources[domain], language)
                if not options["check"]:
                    polib.pofile(str(path)).save_as_mofile(str(path.with_suffix(".mo")))
        if problems:
            raise CommandError("\n".join(problems))


def found(root: Path) -> dict[str, dict[translations.Message, set[str]]]:
    return {"django": translations.server(root), "djangojs": translations.browser(root)}


def update(path: Path, messages: dict[translations.Message, set[str]], language: str) -> None:
    """Add what is new, drop what nobody says, keep the translations; sorted, so that diffs are."""
    old = polib.pofile(str(path)) if path.exists() else polib.POFile()
    known = {(e.msgid, e.msgid_plural): e for e in old}
    fresh = polib.POFile(wrapwidth=98)
    fresh.metadata = {
        "Language": language,
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    for one, many in sorted(messages):
        entry = known.get((one, many)) or polib.POEntry(msgid=one, msgid_plural=many)
        if many and not entry.msgstr_plural:
            entry.msgstr_plural = {0: ""}
        if VALUE.search(one) and "python-format" not in entry.flags:
            entry.flags.append("python-format")
        entry.occurrences = [(place, "") for place in sorted(messages[one, many])[:3]]
        fresh.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(path))


def wrong(path: Path, messages: dict[translations.Message, set[str]]) -> list[str]:
    """Sentences about what is missing in a catalog, left over, or says other values."""
    known = {(e.msgid, e.msgid_plural): e for e in polib.pofile(str(path))}
    told = [f"{path.name}: “{one}” is not in the catalog; run manage.py messages."
            for one, many in messages if (one, many) not in known]  # fmt: skip
    for (one, many), entry in known.items():
        said = entry.msgstr_plural.get(0, "") if many else entry.msgstr
        if (one, many) not in messages:
            told.append(f"{path.name}: nobody says “{one}” any more; run manage.py messages.")
        elif not said:
            told.append(f"{path.name}: “{one}” has no translation.")
        elif set(VALUE.findall(said)) - set(VALUE.findall(one + many)):
            told.append(f"{path.name}: the translation of “{one}” has a value it is not given.")
        elif not many and set(VALUE.findall(one)) != set(VALUE.findall(said)):
            told.append(f"{path.name}: the translation of “{one}” loses a value.")
    return told
