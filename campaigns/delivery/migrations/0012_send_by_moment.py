from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The meter's index, made while messages go on being written."""

    atomic = False
    dependencies = [("delivery", "0011_paced_at")]

    operations = [
        AddIndexConcurrently(
            model_name="send",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", False)),
                fields=["tenant_id", "sent_at"],
                name="send_by_moment",
            ),
        ),
    ]
