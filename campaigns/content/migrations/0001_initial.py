import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        ("kernel", "0001_initial"),
        ("segments", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Brief",
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
                ("name", models.CharField(max_length=120)),
                ("goal", models.CharField(max_length=300)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("banner", "Web banner"),
                            ("sms", "SMS"),
                            ("push", "Push"),
                        ],
                        default="email",
                        max_length=10,
                    ),
                ),
                ("offer", models.CharField(blank=True, default="", max_length=300)),
                ("notes", models.TextField(blank=True, default="")),
                ("locale", models.CharField(default="en", max_length=10)),
                ("author_id", models.BigIntegerField(null=True)),
                (
                    "audience",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="segments.segment",
                    ),
                ),
            ],
            options={
                "db_table": "brief",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Asset",
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
                ("name", models.CharField(max_length=160)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("banner", "Web banner"),
                            ("sms", "SMS"),
                            ("push", "Push"),
                        ],
                        max_length=10,
                    ),
                ),
                ("locale", models.CharField(default="en", max_length=10)),
                (
                    "brief",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assets",
                        to="content.brief",
                    ),
                ),
            ],
            options={
                "db_table": "asset",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="GenerationRun",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("finished", "Finished"),
                            ("short", "Short"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("wanted", models.PositiveSmallIntegerField()),
                ("budget", models.PositiveSmallIntegerField()),
                ("tried", models.PositiveSmallIntegerField(default=0)),
                ("passed", models.PositiveSmallIntegerField(default=0)),
                ("model", models.CharField(blank=True, default="", max_length=120)),
                ("prompt", models.JSONField(default=list)),
                ("grounding", models.JSONField(default=list)),
                ("audience_profile", models.JSONField(default=dict)),
                ("parameters", models.JSONField(default=dict)),
                ("seed", models.BigIntegerField(default=0)),
                ("new_tokens", models.IntegerField(default=0)),
                ("seconds", models.FloatField(default=0)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                ("author_id", models.BigIntegerField(null=True)),
                (
                    "brief",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="content.brief",
                    ),
                ),
                (
                    "job",
                    attune.kernel.tenancy.TenantForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to="kernel.jobrow"
                    ),
                ),
            ],
            options={
                "db_table": "generation_run",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Revision",
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
                ("components", models.JSONField()),
                ("hash", models.CharField(max_length=64)),
                (
                    "origin",
                    models.CharField(
                        choices=[("model", "Model"), ("person", "Person")], max_length=6
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("in_review", "In Review"),
                            ("changes_requested", "Changes Requested"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("superseded", "Superseded"),
                        ],
                        default="draft",
                        max_length=18,
                    ),
                ),
                ("author_id", models.BigIntegerField(null=True)),
                ("blocked", models.BooleanField(default=False)),
                (
                    "asset",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="content.asset",
                    ),
                ),
                (
                    "parent",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="content.revision",
                    ),
                ),
                (
                    "run",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="revisions",
                        to="content.generationrun",
                    ),
                ),
            ],
            options={
                "db_table": "revision",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Check",
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
                ("kind", models.CharField(max_length=30)),
                (
                    "verdict",
                    models.CharField(
                        choices=[("pass", "Pass"), ("warn", "Warn"), ("block", "Block")],
                        max_length=5,
                    ),
                ),
                ("component", models.CharField(blank=True, default="", max_length=20)),
                ("message", models.CharField(max_length=300)),
                ("span", models.CharField(blank=True, default="", max_length=200)),
                ("evidence", models.CharField(blank=True, default="", max_length=300)),
                (
                    "revision",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
                        to="content.revision",
                    ),
                ),
            ],
            options={
                "db_table": "content_check",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="BriefProduct",
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
                (
                    "brief",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="content.brief",
                    ),
                ),
                (
                    "product",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="catalog.product"
                    ),
                ),
            ],
            options={
                "db_table": "brief_product",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "brief", "product"), name="a_product_once_a_brief"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(fields=["tenant_id", "state", "-id"], name="revision_by_state"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "asset", "number"), name="one_revision_a_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(("blocked", True), ("state", "approved"), _negated=True),
                name="a_blocked_revision_is_not_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "approved")),
                fields=("tenant_id", "asset"),
                name="one_approved_revision_an_asset",
            ),
        ),
        rls.ProtectTenantTables("content"),
    ]
