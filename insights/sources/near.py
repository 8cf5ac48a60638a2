"""The leaders that share a band with some texts, by an index.

`&&` of arrays is not leakproof, so under row-level security PostgreSQL would not use the index for
it; this function reads as its owner and keeps to the open workspace itself.
"""

CREATE_SQL = """
CREATE FUNCTION attune_near_texts(keys bigint[], most int)
RETURNS TABLE (id uuid, bands bigint[], text text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT d.id, d.bands, left(d.text, 4000) FROM insight_document d
  WHERE d.bands && keys AND d.tenant_id = (SELECT attune_tenant()) ORDER BY d.id LIMIT most $$;
"""
DROP_SQL = "DROP FUNCTION attune_near_texts(bigint[], int);"
