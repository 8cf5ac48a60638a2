import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("kernel", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RejectedEvent",
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
                ("raw", models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ("field", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=300)),
                ("source", models.CharField(blank=True, default="", max_length=40)),
                ("replayed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "rejected_event",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Contact",
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
                ("external_id", models.CharField(blank=True, default="", max_length=120)),
                ("email", models.CharField(blank=True, default="", max_length=254)),
                ("phone", models.CharField(blank=True, default="", max_length=40)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("locale", models.CharField(blank=True, default="", max_length=20)),
                ("timezone", models.CharField(blank=True, default="", max_length=50)),
                (
                    "traits",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("enabled", "Enabled"),
                            ("blocklisted", "Blocklisted"),
                            ("merged", "Merged"),
                        ],
                        default="enabled",
                        max_length=12,
                    ),
                ),
                ("no_profiling", models.BooleanField(default=False)),
            ],
            options={
                "db_table": "contact",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "email"], name="contact_by_email"),
                    models.Index(fields=["tenant_id", "-id"], name="contact_newest"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("external_id", ""), _negated=True),
                        fields=("tenant_id", "external_id"),
                        name="one_contact_an_external_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContactChange",
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
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="contacts.contact"
                    ),
                ),
            ],
            options={
                "db_table": "contact_change",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ContactImport",
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
                ("filename", models.CharField(max_length=200)),
                (
                    "format",
                    models.CharField(choices=[("csv", "CSV"), ("jsonl", "JSONL")], max_length=5),
                ),
                ("file", models.FileField(max_length=300, upload_to="imports/%Y/%m")),
                ("columns", models.JSONField(default=list)),
                ("sample", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("uploaded", "Uploaded"),
                            ("checked", "Checked"),
                            ("running", "Running"),
                            ("finished", "Finished"),
                            ("failed", "Failed"),
                        ],
                        default="uploaded",
                        max_length=10,
                    ),
                ),
                ("rows", models.IntegerField(default=0)),
                ("next_row", models.IntegerField(default=0)),
                ("accepted", models.IntegerField(default=0)),
                ("rejected", models.IntegerField(default=0)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                (
                    "job",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="kernel.jobrow",
                    ),
                ),
            ],
            options={
                "db_table": "contact_import",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="EventCount",
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
                ("day", models.DateField()),
                ("name", models.CharField(max_length=200)),
                ("n", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "event_count",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "day", "name"), name="one_count_a_day_and_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IdentityMerge",
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
                ("identities", models.JSONField(default=list)),
                ("reason", models.CharField(max_length=200)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                (
                    "source",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="merged_away",
                        to="contacts.contact",
                    ),
                ),
                (
                    "target",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="merged_in",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "identity_merge",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ImportProblem",
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
                ("line", models.IntegerField()),
                ("field", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=300)),
                ("raw", models.TextField()),
                ("dry", models.BooleanField(default=False)),
                (
                    "of",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="problems",
                        to="contacts.contactimport",
                    ),
                ),
            ],
            options={
                "db_table": "import_problem",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Consent",
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
                ("channel", models.CharField(default="email", max_length=20)),
                ("purpose", models.CharField(default="marketing", max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[("given", "Given"), ("refused", "Refused")], max_length=8
                    ),
                ),
                ("lawful_basis", models.CharField(default="consent", max_length=20)),
                ("source", models.CharField(max_length=80)),
                ("wording", models.CharField(blank=True, default="", max_length=300)),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="consents",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "consent",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["tenant_id", "contact", "channel", "-created_at"],
                        name="consent_latest",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
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
                ("message_id", models.CharField(max_length=120)),
                ("type", models.CharField(max_length=10)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("user_id", models.CharField(blank=True, default="", max_length=120)),
                ("anonymous_id", models.CharField(blank=True, default="", max_length=120)),
                (
                    "properties",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                (
                    "context",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                ("value_cents", models.BigIntegerField(blank=True, null=True)),
                ("category", models.CharField(blank=True, default="", max_length=100)),
                ("at", models.DateTimeField()),
                ("client_at", models.DateTimeField(blank=True, null=True)),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("source", models.CharField(blank=True, default="", max_length=40)),
                ("is_machine", models.BooleanField(default=False)),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "event",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "contact", "at"], name="event_by_contact"),
                    models.Index(fields=["tenant_id", "name", "at"], name="event_by_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "message_id"), name="one_event_a_message_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
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
                        choices=[("user", "User"), ("anonymous", "Anonymous")], max_length=10
                    ),
                ),
                ("value", models.CharField(max_length=120)),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identities",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "identity",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "kind", "value"), name="one_contact_an_identity"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Profile",
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
                ("first_seen_at", models.DateTimeField(null=True)),
                ("last_seen_at", models.DateTimeField(null=True)),
                ("events", models.IntegerField(default=0)),
                ("orders", models.IntegerField(default=0)),
                ("revenue_cents", models.BigIntegerField(default=0)),
                ("last_order_at", models.DateTimeField(null=True)),
                ("categories", models.JSONField(default=dict)),
                ("top_category", models.CharField(blank=True, default="", max_length=100)),
                ("messages", models.IntegerField(default=0)),
                ("clicks", models.IntegerField(default=0)),
                ("lifecycle", models.CharField(default="visitor", max_length=12)),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="profiles",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "db_table": "profile",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "lifecycle"], name="profile_by_lifecycle"),
                    models.Index(fields=["tenant_id", "orders"], name="profile_by_orders"),
                    models.Index(
                        fields=["tenant_id", "last_order_at"], name="profile_by_last_order"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "contact"), name="one_profile_a_contact"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Trait",
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
                ("key", models.CharField(max_length=80)),
                ("text", models.CharField(blank=True, default="", max_length=300)),
                ("number", models.FloatField(blank=True, null=True)),
                (
                    "contact",
                    attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="contacts.contact"
                    ),
                ),
            ],
            options={
                "db_table": "trait",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "key", "text"], name="trait_by_text"),
                    models.Index(fields=["tenant_id", "key", "number"], name="trait_by_number"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "contact", "key"), name="one_value_a_trait"
                    )
                ],
            },
        ),
        rls.ProtectTenantTables("contacts"),
        migrations.RunSQL(
            """REVOKE UPDATE ON event FROM attune_app;
            GRANT UPDATE (contact_id) ON event TO attune_app;
            REVOKE UPDATE, DELETE ON consent FROM attune_app""",
            migrations.RunSQL.noop,
        ),
    ]
