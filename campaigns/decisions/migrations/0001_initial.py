import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
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
                ("source", models.CharField(max_length=12)),
                ("source_id", models.UUIDField()),
                ("eligible", models.JSONField()),
                ("excluded", models.JSONField(default=list)),
                ("propensities", models.JSONField()),
                ("action", models.CharField(max_length=60)),
                ("propensity", models.FloatField()),
                ("draw", models.FloatField()),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("experiment", "Experiment"),
                            ("explore", "Explore"),
                            ("fallback", "Fallback"),
                            ("imported", "Imported"),
                        ],
                        default="experiment",
                        max_length=10,
                    ),
                ),
                ("context", models.JSONField(default=dict)),
                ("profile", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
                ("window_closes_at", models.DateTimeField()),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "decision",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Metric",
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
                ("key", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                ("event_name", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("conversion", "Did it at least once (0 or 1)"),
                            ("count", "How many times"),
                            ("value", "Money of the events"),
                        ],
                        max_length=10,
                    ),
                ),
                ("higher_is_better", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "metric",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "key"), name="one_metric_a_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="Goal",
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
                ("source_id", models.UUIDField()),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("primary", "Primary"),
                            ("secondary", "Secondary"),
                            ("guardrail", "Guardrail"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "metric",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="decisions.metric"
                    ),
                ),
            ],
            options={
                "db_table": "goal",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Reward",
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
                ("value", models.FloatField()),
                ("observed_at", models.DateTimeField()),
                (
                    "decision",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rewards",
                        to="decisions.decision",
                    ),
                ),
                (
                    "event",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="contacts.event"
                    ),
                ),
                (
                    "metric",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="decisions.metric"
                    ),
                ),
            ],
            options={
                "db_table": "reward",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["tenant_id", "contact", "at"], name="decision_by_contact"),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "source_id", "contact"), name="one_sticky_decision_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("propensity__gt", 0), ("propensity__lte", 1)),
                name="a_propensity_is_a_probability",
            ),
        ),
        migrations.AddConstraint(
            model_name="goal",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "source_id", "metric"), name="a_metric_once_a_source"
            ),
        ),
        migrations.AddConstraint(
            model_name="reward",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "decision", "metric", "event"), name="one_reward_an_event"
            ),
        ),
        rls.ProtectTenantTables("decisions"),
        migrations.RunSQL(
            """REVOKE UPDATE, DELETE ON decision FROM attune_app;
            REVOKE UPDATE, DELETE ON reward FROM attune_app""",
            migrations.RunSQL.noop,
        ),
    ]
