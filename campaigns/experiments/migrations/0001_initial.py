import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("content", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Experiment",
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
                ("hypothesis", models.CharField(blank=True, default="", max_length=300)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("fixed", "Fixed split"),
                            ("thompson", "Bandit (Thompson sampling)"),
                        ],
                        default="fixed",
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                        ],
                        default="draft",
                        max_length=8,
                    ),
                ),
                (
                    "floor",
                    models.FloatField(default=0.05, help_text="Least share of an arm in a bandit."),
                ),
                ("window_hours", models.PositiveIntegerField(default=168)),
                (
                    "target_lift",
                    models.FloatField(
                        default=0.1, help_text="Smallest relative effect worth finding."
                    ),
                ),
                ("version", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                ("winner", models.CharField(blank=True, default="", max_length=60)),
            ],
            options={
                "db_table": "experiment",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "key"), name="one_experiment_a_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("floor__gte", 0), ("floor__lte", 0.5)),
                        name="a_floor_is_a_share",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Arm",
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
                ("weight", models.FloatField()),
                ("is_control", models.BooleanField(default=False)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "revision",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="content.revision",
                    ),
                ),
                (
                    "experiment",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="arms",
                        to="experiments.experiment",
                    ),
                ),
            ],
            options={
                "db_table": "arm",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "experiment", "key"), name="one_arm_a_key"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_control", True)),
                        fields=("tenant_id", "experiment"),
                        name="one_control_an_experiment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Allocation",
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
                ("version", models.PositiveIntegerField()),
                ("weights", models.JSONField()),
                ("reason", models.CharField(max_length=200)),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "experiment",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="allocations",
                        to="experiments.experiment",
                    ),
                ),
            ],
            options={
                "db_table": "allocation",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "experiment", "version"),
                        name="one_allocation_a_version",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
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
                ("at", models.DateTimeField()),
                ("decided", models.IntegerField()),
                ("verdict", models.CharField(max_length=10)),
                ("sentence", models.CharField(max_length=500)),
                ("srm_p", models.FloatField(null=True)),
                ("results", models.JSONField()),
                (
                    "experiment",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="snapshots",
                        to="experiments.experiment",
                    ),
                ),
            ],
            options={
                "db_table": "snapshot",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "experiment", "at"], name="snapshot_by_time")
                ],
            },
        ),
        rls.ProtectTenantTables("experiments"),
    ]
