"""manage.py partition_table: cut a large table into parts by workspace."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from attune.kernel import partitioning
from attune.kernel.rls import catalog_findings


class Command(BaseCommand):
    help = (
        "Cut a tenant table into parts by workspace, while web and workers are stopped. Needs "
        "DATABASE_ADMIN_URL, and as much free room as the table takes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("table", help="such as event, decision or send")
        parser.add_argument("--into", type=int, default=16, help="how many parts (16)")

    def handle(self, *args: Any, **options: Any) -> None:
        table, parts = options["table"], options["into"]
        try:
            moved = partitioning.partition(connections["owner"], table, parts)
        except ValueError as wrong:
            raise CommandError(str(wrong)) from wrong
        findings = catalog_findings("owner")
        mine = [f for f in findings if "connection's role" not in f]
        if mine:
            raise CommandError("Row-level security is not complete:\n" + "\n".join(mine))
        self.stdout.write(f"{table}: {moved:,} rows in {parts} parts. Run ANALYZE {table}.")
