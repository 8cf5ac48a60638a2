"""manage.py seed_demo: the demo workspace, through the same services as live traffic."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand

from attune.kernel.tenancy import tenant_context
from tenants import registry
from tenants.models import User
from workers import demo


class Command(BaseCommand):
    help = "Make the demo workspace, once. Running it again changes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--customers", type=int, default=3000)

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.VAR / "demo.json"
        owner = User.objects.filter(email="owner@demo.attune.example").first()
        if owner is not None and registry.memberships_of(owner.pk) and path.exists():
            self.stdout.write("The demo workspace is there already.")
            return
        place = demo.people()
        with tenant_context(place.tenant_id):
            keys = demo.workspace(place)
        for start in range(0, options["customers"], demo.BATCH):
            count = min(demo.BATCH, options["customers"] - start)
            with tenant_context(place.tenant_id):
                demo.customers(start, count)
            self.stdout.write(f"{start + count} of {options['customers']} customers")
        demo.fold(place.tenant_id)
        with tenant_context(place.tenant_id):
            demo.story(place)
        path.write_bytes(orjson.dumps({**keys, "customers": options["customers"]}))
        path.chmod(0o600)
