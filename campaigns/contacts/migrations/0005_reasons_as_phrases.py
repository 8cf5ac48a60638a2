from django.db import migrations

from attune.kernel.phrase_field import TextToPhrases


class Migration(migrations.Migration):
    dependencies = [("contacts", "0004_change_by_contact")]

    operations = [
        TextToPhrases("identity_merge", "reason", "identitymerge"),
        TextToPhrases("rejected_event", "reason", "rejectedevent"),
        TextToPhrases("contact_import", "problem", "contactimport"),
        TextToPhrases("import_problem", "reason", "importproblem"),
    ]
