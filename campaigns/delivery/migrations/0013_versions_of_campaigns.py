import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0012_send_by_moment"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="timed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="send",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.CreateModel(
            name="CampaignVersion",
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
                ("number", models.PositiveIntegerField()),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("changes", models.JSONField(default=list)),
                ("left", models.IntegerField()),
                ("waits", models.IntegerField()),
                ("by_label", models.CharField(blank=True, default="", max_length=120)),
                (
                    "campaign",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="delivery.campaign",
                    ),
                ),
            ],
            options={
                "db_table": "campaign_version",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "campaign", "number"),
                        name="one_campaign_version_a_number",
                    )
                ],
            },
        ),
        rls.ProtectTenantTables("delivery"),
    ]
