"""manage.py setup_database: roles, database, extension, migrations. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from attune.embedded import database
from attune.kernel.rls import catalog_findings


class Command(BaseCommand):
    help = "Create roles and database, migrate, and check row-level security. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        url = settings.DATABASE_ADMIN_URL
        if not url:
            raise CommandError("Set DATABASE_URL, or use `make demo` for the embedded server.")
        database.prepare(url)
        call_command("migrate", database="owner", verbosity=options["verbosity"])
        findings = catalog_findings()
        if findings:
            raise CommandError("Row-level security is not complete:\n" + "\n".join(findings))
        self.stdout.write("The database is ready; row-level security is complete.")
