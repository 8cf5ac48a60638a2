"""What a list shows of a conversation is what somebody said last, no notice of ours."""

from django.db import migrations

from chat.conversations import appending

REPLACED = appending.CREATE_SQL.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("conversations", "0002_messages_stored_together")]
    operations = [migrations.RunSQL(REPLACED, migrations.RunSQL.noop)]
