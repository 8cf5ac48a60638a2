"""manage.py restore_workspace FILE: put a copy of a workspace back, proved to be the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, transaction

from attune.kernel.errors import AttuneError
from tenants import portable


class Command(BaseCommand):
    help = "Put a copy of a workspace (Settings, Leave) back. Needs the owner of the tables."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with (
                options["file"].open("rb") as file,
                transaction.atomic(using="owner"),
                connections["owner"].cursor() as cursor,
            ):
                told = portable.restore(cursor, file)
        except (AttuneError, OSError) as refusal:
            raise CommandError(str(getattr(refusal, "detail", refusal))) from refusal
        rows = sum(n for n, _ in told["tables"].values())
        self.stdout.write(
            f"“{told['tenant']['name']}” is back: {rows} rows in {len(told['tables'])} tables, "
            "each with the checksum of the copy."
        )
