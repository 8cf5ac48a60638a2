"""Every function that runs with its owner's rights looks for tables in one place alone, and for
temporary ones last: nobody's own table stands in for ours."""

from django.db import migrations

SQL = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
             WHERE prosecdef AND pronamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = public, pg_temp', one.name);
  END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("kernel", "0003_forget"),
        ("tenants", "0010_leaving"),
        ("contacts", "0009_erased_people"),
        ("decisions", "0004_forget"),
        ("inboxes", "0001_initial"),
        ("sources", "0003_import_digest"),
    ]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
