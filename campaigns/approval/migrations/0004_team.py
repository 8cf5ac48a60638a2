import django.db.models.deletion
from django.db import migrations

import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    dependencies = [
        ("approval", "0003_guests_and_due_dates"),
        ("tenants", "0011_roles_teams_clients_meter"),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="team",
            field=attune.kernel.tenancy.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="tenants.team",
            ),
        ),
        rls.ProtectTenantTables("approval"),
    ]
