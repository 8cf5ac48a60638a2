"""Jobs of all workspaces as numbers, for the metrics."""

from django.db import migrations

from tenants import registry


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_spare_complaints"), ("kernel", "0002_job_notes_as_phrases")]

    operations = [migrations.RunSQL(registry.COUNTS_SQL, registry.DROP_COUNTS_SQL)]
