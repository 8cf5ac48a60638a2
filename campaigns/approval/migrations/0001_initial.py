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
            name="Review",
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
                            ("open", "Open"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("changes_requested", "Changes Requested"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="open",
                        max_length=18,
                    ),
                ),
                ("submitted_by", models.BigIntegerField(null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "revision",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="content.revision",
                    ),
                ),
            ],
            options={
                "db_table": "review",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Verdict",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("approve", "Approve"),
                            ("reject", "Reject"),
                            ("request_changes", "Request Changes"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "–"),
                            ("off_brand", "Off brand"),
                            ("unsupported", "Claims what we cannot support"),
                            ("wrong_tone", "Wrong tone"),
                            ("unclear", "Unclear or clumsy"),
                            ("repetitive", "Too much like another"),
                            ("legal", "Legal concern"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("comment", models.CharField(blank=True, default="", max_length=500)),
                ("by_id", models.BigIntegerField()),
                ("by_label", models.CharField(max_length=200)),
                ("author_id", models.BigIntegerField(null=True)),
                ("hash", models.CharField(max_length=64)),
                ("seconds", models.FloatField(default=0)),
                (
                    "review",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="verdicts",
                        to="approval.review",
                    ),
                ),
            ],
            options={
                "db_table": "verdict",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["tenant_id", "state", "id"], name="review_by_state"),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("tenant_id", "revision"),
                name="one_open_review_per_revision",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("by_id", models.F("author_id")), ("kind", "approve"), _negated=True
                ),
                name="an_author_does_not_approve",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "reject"), ("reason", ""), _negated=True),
                name="a_rejection_has_a_reason",
            ),
        ),
        rls.ProtectTenantTables("approval"),
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON verdict FROM attune_app", migrations.RunSQL.noop
        ),
    ]
