"""manage.py shop: the simulated street in front of the demo shop."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attune.embedded.shop import Api, Street


class Command(BaseCommand):
    help = "Let simulated visitors and mail readers live against the demo workspace."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--per-second", type=float, default=4.0)

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.VAR / "demo.json"
        if not path.exists():
            raise CommandError("There is no demo workspace; run `make demo` first.")
        demo = orjson.loads(path.read_bytes())
        api = Api(settings.PUBLIC_URL, demo["write_key"], demo["secret_key"])
        Street(api, customers=demo["customers"], per_second=options["per_second"]).live()
