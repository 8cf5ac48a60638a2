"""manage.py storefront: the demo shop's own site with the chat embedded."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attune.embedded import storefront


class Command(BaseCommand):
    help = "Serve the demo shop's site, which embeds the chat of the demo workspace."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--port", type=int, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.VAR / "demo.json"
        if not path.exists():
            raise CommandError("There is no demo workspace; run `make demo` first.")
        demo = orjson.loads(path.read_bytes())
        storefront.serve(
            options["port"], attune=settings.PUBLIC_URL, key=demo["inbox_key"],
            secret=demo["inbox_secret"],
        )  # fmt: skip
