from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("experiments", "0002_sentences_as_phrases")]

    operations = [
        migrations.AddField("experiment", "prior", models.JSONField(blank=True, default=dict)),
    ]
