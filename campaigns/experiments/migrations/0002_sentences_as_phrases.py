from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_initial")]

    operations = [
        TextToPhrases("allocation", "reason", "allocation"),
        TextToPhrases("snapshot", "sentence", "snapshot"),
    ]
