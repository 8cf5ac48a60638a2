from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("delivery", "0003_scheduled_launch")]

    operations = [
        AddIndexConcurrently(
            "send",
            models.Index(
                "tenant_id",
                models.F("sent_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="send_newest",
            ),
        ),
    ]
