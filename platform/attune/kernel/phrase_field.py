"""Columns that hold phrases, and the migration that turns text into them."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from attune.kernel.phrases import as_is, restored


class PhraseField(models.JSONField):
    """A column of phrases. A plain string may be assigned; it is kept as it is."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, str):
            value = as_is(value).stored() if value else {"text": ""}
        return super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        return found if found is None else restored(found)


SAID_SQL = """
CREATE OR REPLACE FUNCTION pg_temp.attune_said(kept jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text := kept->>'text'; name text; value jsonb;
BEGIN
  FOR name, value IN SELECT * FROM jsonb_each(coalesce(kept->'values', '{}')) LOOP
    told := replace(told, '%(' || name || ')s', CASE jsonb_typeof(value)
      WHEN 'object' THEN pg_temp.attune_said(value)
      WHEN 'array' THEN (SELECT string_agg(CASE jsonb_typeof(part) WHEN 'object'
        THEN pg_temp.attune_said(part) ELSE part #>> '{}' END, ', ')
        FROM jsonb_array_elements(value) part)
      ELSE value #>> '{}' END);
  END LOOP;
  RETURN CASE WHEN kept ? 'values' THEN replace(told, '%%', '%') ELSE told END;
END $$;"""  # a phrase as its English text, in SQL


class TextToPhrases(migrations.RunSQL):
    """Turn a text column into one of phrases; what stands there is kept as it is. Rewrites the
    table under its lock; backwards every phrase becomes its English text."""

    def __init__(self, table: str, column: str, model: str) -> None:
        as_phrase = (
            f"CASE {column} WHEN '' THEN '{{\"text\": \"\"}}'::jsonb ELSE jsonb_build_object("
            f"'text', '%(text)s', 'values', jsonb_build_object('text', {column})) END"
        )
        self.made = (table, column, model)
        super().__init__(
            f"ALTER TABLE {table} ALTER COLUMN {column} TYPE jsonb USING {as_phrase}",
            f"{SAID_SQL}\nALTER TABLE {table} ALTER COLUMN {column} TYPE text "
            f"USING pg_temp.attune_said({column})",
            state_operations=[migrations.AlterField(model, column, PhraseField(default=str))],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, list(self.made), {}
