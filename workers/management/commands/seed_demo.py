"""manage.py seed_demo: the demo workspace, through the same services as live traffic.

Each step is one transaction that finds out whether it was done, so a seeding that was stopped
half-way goes on where it was.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from attune.kernel.tenancy import tenant_context
from tenants.models import User
from workers import (
    demo,
    demo_budget,
    demo_chat,
    demo_forecasts,
    demo_house,
    demo_journeys,
    demo_letters,
    demo_policy,
    demo_reviews,
    demo_rhythm,
    demo_risk,
)


class Command(BaseCommand):
    help = "Make the demo workspace, once. Running it again changes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--customers", type=int, default=3000)
        parser.add_argument("--shop", default="", help="origin of the demo shop's own site")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.VAR / "demo.json"
        place = demo.people()
        told = orjson.loads(path.read_bytes()) if path.exists() else {}
        if told.get("tenant") == place.tenant_id:
            self.stdout.write("The demo workspace is there already.")
            self._chat(place, told, options["shop"])
            return
        with tenant_context(place.tenant_id):
            demo.workspace(place)
        for start in range(0, options["customers"], demo.BATCH):
            count = min(demo.BATCH, options["customers"] - start)
            with tenant_context(place.tenant_id):
                demo.customers(start, count)
            self.stdout.write(f"{start + count} of {options['customers']} customers")
        demo.fold(place.tenant_id)
        with tenant_context(place.tenant_id):
            demo.story(place)
            keys = demo.keys()
        told = {**keys, "customers": options["customers"], "tenant": place.tenant_id}
        self._chat(place, told, options["shop"])

    def _chat(self, place: demo.Demo, told: dict[str, Any], shop: str) -> None:
        """The chat and the reviews, also where an older demo has none."""
        with tenant_context(place.tenant_id):
            told |= demo_chat.chat(place.users, [shop] if shop else [])
            demo_reviews.take(timezone.now())
            demo_policy.explore(timezone.now())
            demo_rhythm.explore(timezone.now())
            demo_letters.launch()
            demo_journeys.launch()
            demo_rhythm.foretell()
            demo_budget.spend(timezone.now())
            demo_forecasts.foretell(timezone.now().date())
            demo_risk.look_out(User.objects.get(pk=place.users["owner"]))
            demo_house.settle(place)
        demo_house.take_on_a_client(place)
        path = settings.VAR / "demo.json"
        path.write_bytes(orjson.dumps(told))
        path.chmod(0o600)
