from django.db import migrations

SQL = """
CREATE FUNCTION attune_forget_decisions(people uuid[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH done AS (
    UPDATE decision SET context = '{}', profile = '{}', shadow = '{}', excluded = '[]'
    WHERE tenant_id = attune_tenant() AND contact_id = ANY(people) RETURNING 1)
  SELECT count(*) FROM done $$;
REVOKE EXECUTE ON FUNCTION attune_forget_decisions(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_forget_decisions(uuid[]) TO attune_app;
"""


class Migration(migrations.Migration):
    dependencies = [("decisions", "0003_withdrawals")]
    operations = [
        migrations.RunSQL(SQL, "DROP FUNCTION attune_forget_decisions(uuid[])"),
    ]
