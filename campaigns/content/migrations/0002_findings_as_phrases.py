from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial")]

    operations = [
        TextToPhrases("generation_run", "note", "generationrun"),
        TextToPhrases("content_check", "message", "check"),
    ]
