from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        TextToPhrases("send", "reason", "send"),
    ]
