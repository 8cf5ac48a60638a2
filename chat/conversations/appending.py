"""Numbered messages: one statement that stores, numbers and acknowledges.

`attune_chat_append` locks the conversation, so that the order of commits is the order of numbers:
no gap, no double, and a client id that came before answers with the number it got then. In the same
transaction it moves the conversation's clocks and puts the assistant's jobs in the job table. It
refuses instead of writing when the inbox is closed, the visitor blocked, or the bot speaks in a
conversation that a person owns; then `refused` says so and nothing changed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from attune.kernel import direct
from attune.kernel.models import new_id
from attune.kernel.tenancy import current_tenant

WATCH_SECONDS = 45  # after which a customer who waits for the assistant gets a person
ANSWER, WATCH = "chat.answer", "chat.watch"  # job names; jobs.py declares them

CREATE_SQL = f"""
CREATE FUNCTION attune_chat_append(
  t bigint, c uuid, v uuid, cid text, m uuid, k text, who text, who_id bigint, who_name text,
  b text, p jsonb, short text, answer uuid, watch uuid)
RETURNS TABLE (o_seq int, o_at timestamptz, o_fresh boolean, o_state text, o_handler text,
               o_job uuid, o_refused text)
LANGUAGE plpgsql AS $$
DECLARE
  conv conversation%ROWTYPE;
  place record;
  old record;
  job_id uuid;
  now_at timestamptz := clock_timestamp();
  next_state text;
BEGIN
  PERFORM attune_enter(t);
  SELECT * INTO conv FROM conversation x WHERE x.tenant_id = t AND x.id = c
    AND (v IS NULL OR x.visitor_id = v) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 0, now_at, false, ''::text, ''::text, NULL::uuid, 'unknown'::text; RETURN;
  END IF;
  IF cid <> '' THEN
    SELECT x.seq, x.created_at INTO old FROM message x
      WHERE x.tenant_id = t AND x.conversation_id = c AND x.client_id = cid;
    IF FOUND THEN
      RETURN QUERY SELECT old.seq, old.created_at, false, conv.state::text, conv.handler::text,
        NULL::uuid, ''::text;
      RETURN;
    END IF;
  END IF;
  SELECT i.state AS inbox_state, i.bot_enabled, y.blocked_at INTO place FROM inbox i
    JOIN visitor y ON y.tenant_id = t AND y.id = conv.visitor_id
    WHERE i.tenant_id = t AND i.id = conv.inbox_id;
  IF who = 'visitor' AND (place.inbox_state <> 'active' OR place.blocked_at IS NOT NULL) THEN
    RETURN QUERY SELECT 0, now_at, false, conv.state::text, conv.handler::text, NULL::uuid,
      CASE WHEN place.blocked_at IS NOT NULL THEN 'blocked' ELSE 'closed' END; RETURN;
  END IF;
  IF who = 'bot' AND conv.handler <> 'bot' THEN
    RETURN QUERY SELECT 0, now_at, false, conv.state::text, conv.handler::text, NULL::uuid,
      'owned'::text; RETURN;
  END IF;
  next_state := conv.state;
  IF k = 'incoming' AND conv.state IN ('resolved', 'snoozed') THEN
    next_state := CASE WHEN conv.handler = 'bot' THEN 'pending' ELSE 'open' END;
  END IF;
  UPDATE conversation x SET
    last_seq = x.last_seq + 1, last_at = now_at,
    last_text = CASE WHEN k = 'notice' AND x.last_seq > 0 THEN x.last_text ELSE short END,
    last_kind = CASE WHEN k = 'notice' AND x.last_seq > 0 THEN x.last_kind ELSE k END,
    state = next_state,
    incoming = x.incoming + CASE WHEN k = 'incoming' THEN 1 ELSE 0 END,
    reopened = x.reopened + CASE WHEN k = 'incoming' AND conv.state = 'resolved' THEN 1 ELSE 0 END,
    resolved_at = CASE WHEN k = 'incoming' THEN NULL ELSE x.resolved_at END,
    snoozed_until = CASE WHEN k = 'incoming' THEN NULL ELSE x.snoozed_until END,
    waiting_since = CASE WHEN k = 'incoming' THEN coalesce(x.waiting_since, now_at)
                         WHEN k = 'outgoing' THEN NULL ELSE x.waiting_since END,
    first_reply_at = CASE WHEN k = 'outgoing' THEN coalesce(x.first_reply_at, now_at)
                          ELSE x.first_reply_at END,
    first_person_reply_at = CASE WHEN k = 'outgoing' AND who = 'agent'
      THEN coalesce(x.first_person_reply_at, now_at) ELSE x.first_person_reply_at END,
    visitor_seen_seq = CASE WHEN who = 'visitor' THEN x.last_seq + 1 ELSE x.visitor_seen_seq END,
    agent_seen_seq = CASE WHEN who IN ('agent', 'bot') AND x.agent_seen_seq = x.last_seq
      THEN x.last_seq + 1 ELSE x.agent_seen_seq END
    WHERE x.tenant_id = t AND x.id = c;
  INSERT INTO message (id, tenant_id, conversation_id, seq, client_id, kind, author, author_id,
                       author_name, body, payload, created_at)
  VALUES (m, t, c, conv.last_seq + 1, cid, k, who, who_id, who_name, b, p, now_at);
  IF k = 'incoming' AND conv.handler = 'bot' THEN
    INSERT INTO job (id, tenant_id, kind, queue, payload, run_at, dedupe_key, requested_by, state,
                     attempts, done, total, note, error, result)
    VALUES (answer, t, '{ANSWER}', 'chat', jsonb_build_object('conversation_id', c), now_at,
            c::text, 'chat', 'pending', 0, 0, 0, '{{"text": ""}}', '', '{{}}'),
           (watch, t, '{WATCH}', 'light', jsonb_build_object('conversation_id', c),
            now_at + interval '{WATCH_SECONDS} seconds', c::text, 'chat', 'pending', 0, 0, 0,
            '{{"text": ""}}', '', '{{}}')
    ON CONFLICT (tenant_id, kind, dedupe_key) WHERE state = 'pending' AND NOT (dedupe_key = '')
    DO UPDATE SET dedupe_key = excluded.dedupe_key;
    SELECT j.id INTO job_id FROM job j WHERE j.tenant_id = t AND j.kind = '{ANSWER}'
      AND j.dedupe_key = c::text AND j.state = 'pending';
  END IF;
  RETURN QUERY SELECT conv.last_seq + 1, now_at, true, next_state, conv.handler::text, job_id,
    ''::text;
END $$;
CREATE FUNCTION attune_chat_hello(t bigint, v uuid, version int, c uuid, after_seq int, most int)
RETURNS TABLE (o_last int, o_state text, o_handler text, o_seen int, o_messages jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM attune_enter(t);
  RETURN QUERY
    SELECT x.last_seq::int, x.state::text, x.handler::text, x.agent_seen_seq::int, coalesce((
      SELECT jsonb_agg(to_jsonb(r) ORDER BY r.seq) FROM (
        SELECT y.seq, y.client_id, y.kind, y.author, y.author_name, y.body, y.payload,
               y.created_at AS at
        FROM message y WHERE y.tenant_id = t AND y.conversation_id = c AND y.seq > after_seq
        ORDER BY y.seq LIMIT most) r), '[]'::jsonb)
    FROM conversation x JOIN visitor w ON w.tenant_id = t AND w.id = x.visitor_id
    JOIN inbox i ON i.tenant_id = t AND i.id = x.inbox_id
    WHERE x.tenant_id = t AND x.id = c AND x.visitor_id = v AND w.token_version = version
      AND w.blocked_at IS NULL AND i.state = 'active';
END $$;
CREATE FUNCTION attune_chat_seen(t bigint, c uuid, v uuid, seen int)
RETURNS TABLE (o_last int)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM attune_enter(t);
  RETURN QUERY
    UPDATE conversation x SET visitor_seen_seq = greatest(x.visitor_seen_seq,
                                                         least(seen, x.last_seq))
    WHERE x.tenant_id = t AND x.id = c AND x.visitor_id = v RETURNING x.last_seq::int;
END $$;
"""  # noqa: S608 - constants of ours
DROP_SQL = """
DROP FUNCTION attune_chat_append(bigint, uuid, uuid, text, uuid, text, text, bigint, text, text,
                                 jsonb, text, uuid, uuid);
DROP FUNCTION attune_chat_hello(bigint, uuid, int, uuid, int, int);
DROP FUNCTION attune_chat_seen(bigint, uuid, uuid, int);
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A message to be stored. `client_id` makes a retry harmless."""

    body: str
    kind: str
    author: str
    client_id: str = ""
    author_id: int | None = None
    author_name: str = ""
    payload: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of it: its number, or why it was refused; `job` answers it, if the bot does."""

    seq: int
    at: datetime
    fresh: bool
    state: str
    handler: str
    job: uuid.UUID | None
    refused: str


def arguments(
    tenant_id: int, conversation: uuid.UUID, visitor: uuid.UUID | None, said: Said
) -> list[Any]:
    return [
        tenant_id, conversation, visitor, said.client_id, new_id(), said.kind, said.author,
        said.author_id, said.author_name[:120], said.body,
        orjson.dumps(said.payload or {}).decode(), " ".join(said.body.split())[:160], new_id(),
        new_id(),
    ]  # fmt: skip


def append(*, conversation: uuid.UUID, said: Said, visitor: uuid.UUID | None = None) -> Receipt:
    """Store a message in the open unit of work; `visitor` must own the conversation where given."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM attune_chat_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, "
            "%s, %s, %s)",
            arguments(current_tenant(), conversation, visitor, said),
        )
        return Receipt(*cursor.fetchone())


async def append_directly(
    *, tenant_id: int, conversation: uuid.UUID, visitor: uuid.UUID, said: Said
) -> Receipt:
    """The same from a socket: one round trip, one transaction, no thread."""
    rows = await direct.call(
        "attune_chat_append", *arguments(tenant_id, conversation, visitor, said)
    )
    return Receipt(*rows[0])
