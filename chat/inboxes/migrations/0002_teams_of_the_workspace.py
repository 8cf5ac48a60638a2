from django.db import migrations


class Migration(migrations.Migration):
    """Teams moved to the workspace; their tables stay as they are."""

    dependencies = [
        ("inboxes", "0001_initial"),
        ("tenants", "0011_roles_teams_clients_meter"),
        ("conversations", "0005_teams_of_the_workspace"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(name="TeamMember"),
                migrations.DeleteModel(name="Team"),
            ]
        )
    ]
