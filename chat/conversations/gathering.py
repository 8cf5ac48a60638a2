"""Messages of many sockets stored by one call: what comes while a call is on its way goes together.

A commit costs the same for one message and for thirty, so the more is written the less each costs,
and nobody waits for a clock: a message that comes alone leaves at once. One whose conversation is
held by somebody else is not waited for (`busy`): it goes by itself, and so does each message of a
call that failed. Each workspace has lines of its own; row-level security holds.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import orjson
import psycopg

from attune.kernel import direct
from chat.conversations import appending
from chat.conversations.appending import Receipt, Said

logger = logging.getLogger(__name__)
MOST = 32  # messages of a call
LINES = 2  # calls of a workspace at a time, from one process
CREATE_SQL = """
CREATE FUNCTION attune_chat_append_all(t bigint, said jsonb)
RETURNS TABLE (o_n int, o_seq int, o_at timestamptz, o_fresh boolean, o_state text,
               o_handler text, o_job uuid, o_refused text)
LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  PERFORM attune_enter(t);
  FOR r IN SELECT * FROM jsonb_to_recordset(said) AS x(
    n int, c uuid, v uuid, cid text, m uuid, b text, short text, answer uuid, watch uuid)
    ORDER BY x.n
  LOOP
    PERFORM 1 FROM conversation y WHERE y.tenant_id = t AND y.id = r.c FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      RETURN QUERY SELECT r.n, a.* FROM attune_chat_append(
        t, r.c, r.v, r.cid, r.m, 'incoming', 'visitor', NULL, '', r.b, '{}'::jsonb, r.short,
        r.answer, r.watch) a;
    ELSE
      RETURN QUERY SELECT r.n, 0, clock_timestamp(), false, ''::text, ''::text, NULL::uuid,
        'busy'::text;
    END IF;
  END LOOP;
END $$;
"""
DROP_SQL = "DROP FUNCTION attune_chat_append_all(bigint, jsonb);"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A visitor's message on its way into the database."""

    conversation: uuid.UUID
    visitor: uuid.UUID
    said: Said
    receipt: asyncio.Future[Receipt]


@dataclass(slots=True)
class Line:
    """What a workspace's sockets want stored on one event loop."""

    waiting: deque[Waiting] = field(default_factory=deque)
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    alone: set[asyncio.Task[None]] = field(default_factory=set)


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Line]] = WeakKeyDictionary()


async def append(
    *, tenant_id: int, conversation: uuid.UUID, visitor: uuid.UUID, said: Said
) -> Receipt:
    """Store what a visitor says, with what others say at the moment. Raises psycopg.Error."""
    loop = asyncio.get_running_loop()
    line = _lines.setdefault(loop, {}).setdefault(tenant_id, Line())
    mine = Waiting(conversation, visitor, said, loop.create_future())
    line.waiting.append(mine)
    if len(line.calls) < LINES:
        line.calls.add(loop.create_task(_drain(tenant_id, line)))
    return await mine.receipt


async def _drain(tenant_id: int, line: Line) -> None:
    """Calls until nothing waits. It leaves the line in the same step in which it sees that."""
    me = asyncio.current_task()
    try:
        while line.waiting:
            n = min(MOST, len(line.waiting))
            await _together(tenant_id, line, [line.waiting.popleft() for _ in range(n)])
    finally:
        line.calls = {call for call in line.calls if call is not me}


async def _together(tenant_id: int, line: Line, messages: list[Waiting]) -> None:
    """One call; whatever becomes of it, each message hears of it. Who left meanwhile was told
    nothing and will send again: their message is not stored."""
    messages = [message for message in messages if not message.receipt.done()]
    if not messages:
        return
    try:
        rows = await direct.call("attune_chat_append_all", tenant_id, _written(messages))
    except (psycopg.OperationalError, OSError) as away:
        for message in messages:
            if not message.receipt.done():
                message.receipt.set_exception(away)
        return
    except (psycopg.Error, ValueError, TypeError) as trouble:
        # one of them is wrong: each finds out by itself
        logger.info("%s messages go one by one: %s", len(messages), trouble)
        rows = []
    for n, *found in rows:
        receipt = Receipt(*found)
        if receipt.refused != "busy" and not messages[n].receipt.done():
            messages[n].receipt.set_result(receipt)
    for message in messages:
        if not message.receipt.done():
            task = asyncio.create_task(_alone(tenant_id, message))
            line.alone.add(task)
            task.add_done_callback(line.alone.discard)


async def _alone(tenant_id: int, message: Waiting) -> None:
    if message.receipt.done():
        return
    try:
        receipt = await appending.append_directly(
            tenant_id=tenant_id, conversation=message.conversation, visitor=message.visitor,
            said=message.said,
        )  # fmt: skip
    except Exception as trouble:  # noqa: BLE001 - raised where the message came from
        if not message.receipt.done():
            message.receipt.set_exception(trouble)
    else:
        if not message.receipt.done():
            message.receipt.set_result(receipt)


def _written(messages: list[Waiting]) -> str:
    """The messages as `attune_chat_append_all` takes them."""
    rows: list[dict[str, Any]] = []
    for n, message in enumerate(messages):
        values = appending.arguments(0, message.conversation, message.visitor, message.said)
        _, c, v, cid, m, *_, b, _, short, answer, watch = values
        rows.append({"n": n, "c": c, "v": v, "cid": cid, "m": m, "b": b, "short": short,
                     "answer": answer, "watch": watch})  # fmt: skip
    return orjson.dumps(rows).decode()
