"""manage.py setup_database: roles, database, extension, migrations. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from attune.embedded import database
from attune.kernel.rls import catalog_findings


class Command(BaseCommand):
    help = "Create roles and database, migrate, and check row-level security. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--empty", action="store_true",
            help="roles, database and extension alone, for a dump to be restored into",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        url = settings.DATABASE_ADMIN_URL
        if not url:
            raise CommandError("Set DATABASE_URL, or use `make demo` for the embedded server.")
        database.prepare(url)
        if options["empty"]:
            self.stdout.write("The database is empty and ready for pg_restore.")
            return
        call_command("migrate", database="owner", verbosity=options["verbosity"])
        findings = catalog_findings()
        if findings:
            raise CommandError("Row-level security is not complete:\n" + "\n".join(findings))
        self.stdout.write("The database is ready; row-level security is complete.")
