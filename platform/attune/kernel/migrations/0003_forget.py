from django.db import migrations

SQL = """
CREATE FUNCTION attune_forget_audit(people uuid[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH done AS (
    UPDATE audit_entry SET object_label = '', details = '{}'
    WHERE tenant_id = attune_tenant() AND object_id = ANY(people::text[]) RETURNING 1)
  SELECT count(*) FROM done $$;
REVOKE EXECUTE ON FUNCTION attune_forget_audit(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attune_forget_audit(uuid[]) TO attune_app;
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0002_job_notes_as_phrases")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION attune_forget_audit(uuid[])")]
