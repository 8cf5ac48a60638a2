from django.db import migrations

from tenants import registry


class Migration(migrations.Migration):
    dependencies = [("tenants", "0011_roles_teams_clients_meter")]

    operations = [migrations.RunSQL(registry.PARTED_SQL, registry.DROP_PARTED_SQL)]
