import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import attune.kernel.models
import attune.kernel.tenancy
from attune.kernel import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="BrandVoice",
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
                ("tone", models.CharField(default="warm, plain, concrete", max_length=200)),
                ("audience", models.CharField(blank=True, default="", max_length=200)),
                ("banned_words", models.JSONField(default=list)),
                ("preferred_words", models.JSONField(default=list)),
                ("samples", models.JSONField(default=list)),
                ("signature", models.CharField(blank=True, default="", max_length=120)),
            ],
            options={
                "db_table": "brand_voice",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id",), name="one_voice_a_workspace")
                ],
            },
        ),
        migrations.CreateModel(
            name="Product",
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
                ("sku", models.CharField(max_length=60)),
                ("name", models.CharField(max_length=160)),
                ("category", models.CharField(blank=True, default="", max_length=100)),
                (
                    "price_cents",
                    models.BigIntegerField(
                        validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("currency", models.CharField(default="EUR", max_length=3)),
                ("description", models.TextField(blank=True, default="")),
                ("url", models.URLField(blank=True, default="")),
                ("available", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "product",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "sku"), name="one_product_a_sku"),
                    models.CheckConstraint(
                        condition=models.Q(("price_cents__gte", 0)), name="a_price_is_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Fact",
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
                ("text", models.CharField(max_length=300)),
                ("source", models.CharField(blank=True, default="", max_length=200)),
                ("valid_until", models.DateField(blank=True, null=True)),
                (
                    "product",
                    attune.kernel.tenancy.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="facts",
                        to="catalog.product",
                    ),
                ),
            ],
            options={
                "db_table": "fact",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        rls.ProtectTenantTables("catalog"),
    ]
