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
        ("content", "0001_initial"),
        ("decisions", "0001_initial"),
        ("experiments", "0001_initial"),
        ("kernel", "0001_initial"),
        ("segments", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
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
                ("url", models.URLField(max_length=500)),
                ("sealed_secret", models.CharField(max_length=300)),
                ("enabled", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "endpoint",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Campaign",
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
                (
                    "via",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("webhook", "Signed webhook"),
                            ("decide", "Your own channel, by POST /v1/decide"),
                        ],
                        default="email",
                        max_length=8,
                    ),
                ),
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("loading", "Loading"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("finished", "Finished"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("launched_at", models.DateTimeField(blank=True, null=True)),
                ("planned", models.IntegerField(default=0)),
                (
                    "audience",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="segments.segment",
                    ),
                ),
                (
                    "experiment",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="experiments.experiment",
                    ),
                ),
                (
                    "job",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="kernel.jobrow",
                    ),
                ),
                (
                    "endpoint",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="delivery.endpoint",
                    ),
                ),
            ],
            options={
                "db_table": "campaign",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Send",
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
                            ("pending", "Pending"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("uncertain", "Uncertain"),
                            ("suppressed", "Suppressed"),
                            ("capped", "Capped"),
                            ("aborted", "Aborted"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("address", models.CharField(blank=True, default="", max_length=254)),
                ("message_id", models.CharField(blank=True, default="", max_length=200)),
                ("components", models.JSONField(default=dict)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "campaign",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sends",
                        to="delivery.campaign",
                    ),
                ),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sends",
                        to="contacts.contact",
                    ),
                ),
                (
                    "decision",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sends",
                        to="decisions.decision",
                    ),
                ),
                (
                    "revision",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sends",
                        to="content.revision",
                    ),
                ),
            ],
            options={
                "db_table": "send",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Suppression",
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
                ("channel", models.CharField(default="email", max_length=10)),
                ("address_hash", models.CharField(max_length=64)),
                ("hint", models.CharField(blank=True, default="", max_length=60)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("unsubscribed", "Unsubscribed"),
                            ("bounced", "Bounced"),
                            ("complaint", "Complaint"),
                            ("manual", "Manual"),
                        ],
                        max_length=12,
                    ),
                ),
                ("source", models.CharField(blank=True, default="", max_length=120)),
            ],
            options={
                "db_table": "suppression",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "channel", "address_hash"),
                        name="one_suppression_an_address",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "name"), name="one_campaign_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "experiment"), name="one_campaign_an_experiment"
            ),
        ),
        migrations.AddIndex(
            model_name="send",
            index=models.Index(fields=["tenant_id", "campaign", "state"], name="send_by_state"),
        ),
        migrations.AddIndex(
            model_name="send",
            index=models.Index(fields=["tenant_id", "contact", "sent_at"], name="send_by_contact"),
        ),
        migrations.AddConstraint(
            model_name="send",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "campaign", "contact"), name="one_send_a_person_and_campaign"
            ),
        ),
        migrations.AddConstraint(
            model_name="send",
            constraint=models.CheckConstraint(
                condition=models.Q(("components", {}), ("state", "sent"), _negated=True),
                name="what_is_sent_has_a_text",
            ),
        ),
        rls.ProtectTenantTables("delivery"),
    ]
