"""manage.py check_project: no migration is missing, every template compiles. Needs no database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.template import TemplateSyntaxError
from django.template.loader import get_template


class Command(BaseCommand):
    help = "Find missing migrations and templates that do not compile."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        problems = [*missing_migrations(), *broken_templates()]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("No migration is missing; every template compiles.")


def own_apps() -> list[Any]:
    return [app for app in apps.get_app_configs() if Path(app.path).is_relative_to(settings.ROOT)]


def missing_migrations() -> list[str]:
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    labels = {app.label for app in own_apps() if ".venv" not in Path(app.path).parts}
    changed = set(detector.changes(graph=loader.graph)) & labels
    return [f"a migration is missing in {label}" for label in sorted(changed)]


def broken_templates() -> list[str]:
    found = []
    for app in own_apps():
        folder = Path(app.path) / "templates"
        if ".venv" in folder.parts:
            continue
        for path in sorted(folder.rglob("*.html")):
            try:
                get_template(str(path.relative_to(folder)))
            except TemplateSyntaxError as wrong:
                found.append(f"{path}: {wrong}")
    return found
