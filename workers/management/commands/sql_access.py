"""manage.py sql_access WORKSPACE [--close]: a read-only SQL schema of one workspace."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from attune.kernel.tenancy import tenant_context
from insights.dashboards import access
from tenants import registry
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Open (or open anew, with a new password) or close read-only SQL for a workspace."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("workspace", help="its name in addresses, /w/<workspace>/")
        parser.add_argument("--close", action="store_true", help="end the login, drop the schema")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant_id = self._found(options["workspace"])
        if options["close"]:
            access.close_access(tenant_id)
            self.stdout.write("Closed.")
            return
        try:
            password = access.open_access(tenant_id)
        except ProgrammingError as refused:
            raise CommandError(
                f"{refused} DATABASE_ADMIN_URL must name a login that may create roles."
            ) from refused
        database, name = settings.DATABASES["owner"], access.name_of(tenant_id)
        host = quote(database["HOST"] or "localhost", safe="")
        port = f":{database['PORT']}" if database["PORT"] else ""
        self.stdout.write("Read-only; the password is shown once:")
        self.stdout.write(f"postgresql://{name}:{password}@{host}{port}/{database['NAME']}")

    def _found(self, slug: str) -> int:
        """The id of the workspace; each is asked inside itself."""
        for tenant_id in registry.active_tenants():
            with tenant_context(tenant_id):
                if Tenant.objects.filter(pk=tenant_id, slug=slug).exists():
                    return tenant_id
        raise CommandError(f"There is no workspace {slug!r}.")
