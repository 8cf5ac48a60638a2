import django.db.models.deletion
from django.db import migrations

import attune.kernel.tenancy


class Migration(migrations.Migration):
    """The same table under another app: only what Django knows of it changes."""

    dependencies = [
        ("conversations", "0004_upset"),
        ("tenants", "0011_roles_teams_clients_meter"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="conversation",
                    name="team",
                    field=attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="tenants.team",
                    ),
                )
            ]
        )
    ]
