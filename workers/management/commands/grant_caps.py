"""manage.py grant_caps: what a workspace may use in a month, by whoever runs the house."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.tenancy import tenant_context
from tenants import caps


class Command(BaseCommand):
    help = "Grant a workspace caps: messages=100000 events=5000000 contacts=50000, or none at all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="its address, as in /w/<workspace>/")
        parser.add_argument("caps", nargs="*", help="kind=number; nothing takes the caps away")

    def handle(self, *args: Any, **options: Any) -> None:
        with connections["owner"].cursor() as cursor:  # addresses are not the application's to ask
            cursor.execute("SELECT id FROM tenants_tenant WHERE slug = %s", [options["workspace"]])
            row = cursor.fetchone()
        if row is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        wanted: dict[str, int | None] = {}
        for pair in options["caps"]:
            kind, _, number = pair.partition("=")
            if not number.isdecimal():
                raise CommandError(f"{pair!r} is no cap; write it as messages=100000.")
            wanted[kind] = int(number)
        who = audit.Actor(kind="system", id="", label="grant_caps")
        with audit.acting(who), tenant_context(row[0]):
            try:
                caps.save_house(wanted)
            except Invalid as wrong:
                raise CommandError(str(wrong)) from wrong
        self.stdout.write(f"{options['workspace']}: {wanted or 'no caps from the house'}")
