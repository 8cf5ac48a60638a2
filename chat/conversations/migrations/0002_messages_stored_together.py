"""A function that stores the messages of many visitors in one transaction."""

from django.db import migrations

from chat.conversations import gathering


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]
    operations = [migrations.RunSQL(gathering.CREATE_SQL, gathering.DROP_SQL)]
