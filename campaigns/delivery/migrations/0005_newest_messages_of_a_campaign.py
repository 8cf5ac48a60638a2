from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("delivery", "0004_newest_messages")]

    operations = [
        AddIndexConcurrently(
            "send",
            models.Index(
                "tenant_id",
                "campaign",
                models.F("sent_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="send_newest_of_campaign",
            ),
        ),
    ]
