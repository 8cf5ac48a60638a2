from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_notices_and_saved_views")]

    operations = [
        TextToPhrases("tenants_notice", "text", "notice"),
    ]
