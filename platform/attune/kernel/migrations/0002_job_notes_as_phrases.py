from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]

    operations = [
        TextToPhrases("job", "note", "jobrow"),
    ]
