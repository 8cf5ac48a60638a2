import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls
from tenants import registry

PARENT_SQL = """
ALTER TABLE tenants_tenant ADD CONSTRAINT tenants_tenant_parent_fk FOREIGN KEY (parent_id)
  REFERENCES tenants_tenant (id) ON DELETE SET NULL;
ALTER TABLE tenants_tenant ADD CONSTRAINT nobody_is_their_own_parent CHECK (parent_id <> id);
CREATE INDEX tenant_by_parent ON tenants_tenant (parent_id) WHERE parent_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    """Roles of a workspace's own, teams (which come here from the inboxes), agencies and their
    clients, the meter."""

    dependencies = [("tenants", "0010_leaving"), ("inboxes", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="brand_colour",
            field=models.CharField(blank=True, default="", max_length=7),
        ),
        migrations.AddField(
            model_name="tenant",
            name="brand_logo",
            field=models.FileField(blank=True, max_length=300, upload_to="logos/%Y/%m"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="brand_url",
            field=models.URLField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="tenant",
            name="client_link",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="tenant",
            name="agency_caps",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="tenant",
            name="house_caps",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="membership",
            name="for_agency",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="apikey",
            name="for_agency",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="own_caps",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="tenant",
            name="parent_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="warned",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RunSQL(PARENT_SQL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Meter",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("messages", "Messages sent"),
                            ("events", "Events taken in"),
                            ("contacts", "Contacts"),
                            ("conversations", "Conversations"),
                            ("tokens", "Tokens of models"),
                        ],
                        max_length=13,
                    ),
                ),
                ("n", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "meter",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="meter",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "day", "kind"), name="one_meter_a_day"
            ),
        ),
        migrations.CreateModel(
            name="Allowance",
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
                ("month", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("messages", "Messages sent"),
                            ("events", "Events taken in"),
                            ("contacts", "Contacts"),
                            ("conversations", "Conversations"),
                            ("tokens", "Tokens of models"),
                        ],
                        max_length=13,
                    ),
                ),
                ("n", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "allowance",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "month", "kind"), name="one_allowance_a_month"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomRole",
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
                ("name", models.CharField(max_length=60)),
                ("about", models.CharField(blank=True, default="", max_length=200)),
                ("verbs", models.JSONField(default=list)),
            ],
            options={
                "db_table": "custom_role",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "name"), name="one_role_a_name")
                ],
            },
        ),
        migrations.AlterField(
            model_name="invitation",
            name="role",
            field=models.CharField(
                choices=[
                    ("owner", "owner"),
                    ("admin", "admin"),
                    ("marketer", "marketer"),
                    ("reviewer", "reviewer"),
                    ("sender", "sender"),
                    ("analyst", "analyst"),
                    ("agent", "agent"),
                    ("developer", "developer"),
                    ("custom", "custom"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="custom_role",
            field=attune.kernel.tenancy.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="tenants.customrole",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("custom_role__isnull", False), ("role", "custom")),
                    models.Q(models.Q(("role", "custom"), _negated=True), ("custom_role", None)),
                    _connector="OR",
                ),
                name="invitation_has_one_role",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[
                    ("owner", "owner"),
                    ("admin", "admin"),
                    ("marketer", "marketer"),
                    ("reviewer", "reviewer"),
                    ("sender", "sender"),
                    ("analyst", "analyst"),
                    ("agent", "agent"),
                    ("developer", "developer"),
                    ("custom", "custom"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="custom_role",
            field=attune.kernel.tenancy.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="tenants.customrole",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("custom_role__isnull", False), ("role", "custom")),
                    models.Q(models.Q(("role", "custom"), _negated=True), ("custom_role", None)),
                    _connector="OR",
                ),
                name="membership_has_one_role",
            ),
        ),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        rls.ProtectTenantTables("tenants"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Team",
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
                        ("name", models.CharField(max_length=60)),
                    ],
                    options={
                        "db_table": "team",
                        "abstract": False,
                        "base_manager_name": "objects",
                        "default_manager_name": "objects",
                    },
                ),
                migrations.CreateModel(
                    name="TeamMember",
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
                    ],
                    options={
                        "db_table": "team_member",
                        "abstract": False,
                        "base_manager_name": "objects",
                        "default_manager_name": "objects",
                    },
                ),
                migrations.AddField(
                    model_name="teammember",
                    name="team",
                    field=attune.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="tenants.team",
                    ),
                ),
                migrations.AddField(
                    model_name="teammember",
                    name="user",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="teams",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="team",
                    constraint=models.UniqueConstraint(
                        fields=("tenant_id", "name"), name="one_team_a_name"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="teammember",
                    constraint=models.UniqueConstraint(
                        fields=("tenant_id", "team", "user"), name="in_a_team_once"
                    ),
                ),
            ]
        ),
        migrations.AddField(
            model_name="team",
            name="role",
            field=models.CharField(
                blank=True,
                choices=[
                    ("owner", "owner"),
                    ("admin", "admin"),
                    ("marketer", "marketer"),
                    ("reviewer", "reviewer"),
                    ("sender", "sender"),
                    ("analyst", "analyst"),
                    ("agent", "agent"),
                    ("developer", "developer"),
                    ("custom", "custom"),
                ],
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="custom_role",
            field=attune.kernel.tenancy.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="tenants.customrole",
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("custom_role__isnull", False), ("role", "custom")),
                    models.Q(models.Q(("role", "custom"), _negated=True), ("custom_role", None)),
                    _connector="OR",
                ),
                name="team_has_one_role",
            ),
        ),
        *(
            migrations.RunSQL(statement, migrations.RunSQL.noop)
            for statement in rls.foreign_key_sql("team", "custom_role_id", "custom_role")
        ),
        migrations.RunSQL(registry.AGENCIES_SQL, migrations.RunSQL.noop),
    ]
