import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    dependencies = [
        ("automations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="TurnedAway",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=attune.kernel.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "tenant_id",
                    models.BigIntegerField(
                        default=attune.kernel.tenancy.current_tenant, editable=False
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("event_id", models.UUIDField()),
                (
                    "journey",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="turned_away",
                        to="automations.journey",
                    ),
                ),
            ],
            options={
                "db_table": "automation_turned_away",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "journey", "event_id"), name="turned_away_once"
                    )
                ],
            },
        ),
        rls.ProtectTenantTables("automations"),
    ]
