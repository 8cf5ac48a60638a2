from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("delivery", "0003_scheduled_launch")]

    operations = [
        AddIndexConcurrently(
            "send", models.Index(fields=["tenant_id", "-sent_at", "-id"], name="send_newest")
        ),
        AddIndexConcurrently(
            "send",
            models.Index(
                fields=["tenant_id", "campaign", "-sent_at", "-id"], name="send_newest_of_campaign"
            ),
        ),
    ]
