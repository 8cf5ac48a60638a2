from django.db import migrations

from attune.kernel.phrases import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]

    operations = [
        TextToPhrases("job", "note", "jobrow"),
    ]
