"""A message as the widget and the desk read it, and how it gets to open sockets."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from attune.kernel import live
from attune.kernel.tenancy import current_tenant
from chat.conversations.appending import Receipt, Said
from chat.conversations.models import Message

logger = logging.getLogger(__name__)
HINT_EVERY = 0.25  # seconds
SECONDS = 2.0  # as long as a socket waits for the channel layer


def group(tenant_id: int, conversation: uuid.UUID) -> str:
    """The channel group of a conversation's open sockets."""
    return f"t{tenant_id}.chat.{conversation.hex}"


def message(row: Message) -> dict[str, Any]:
    return {
        "seq": row.seq, "client_id": row.client_id, "kind": row.kind, "author": row.author,
        "author_name": row.author_name, "body": row.body, "payload": row.payload,
        "at": row.created_at.isoformat(),
    }  # fmt: skip


def fresh(said: Said, receipt: Receipt) -> dict[str, Any]:
    """A message that was stored a moment ago."""
    return {
        "seq": receipt.seq, "client_id": said.client_id, "kind": said.kind,
        "author": said.author, "author_name": said.author_name, "body": said.body,
        "payload": said.payload or {}, "at": receipt.at.isoformat(),
    }  # fmt: skip


def event(value: dict[str, Any], *, but: str = "") -> dict[str, Any]:
    """What the channel layer carries to a conversation's sockets, written once; `but` is the
    channel of the one that said it, which was told already."""
    last = value["type"] == "closed"
    return {"type": "chat.event", "text": orjson.dumps(value).decode(), "but": but, "last": last}


def push(conversation: uuid.UUID, value: dict[str, Any], *, hint: bool = True) -> None:
    """To the open sockets of a conversation once this transaction commits; agents' pages get a
    hint."""
    live.send(group(current_tenant(), conversation), event(value))
    if hint:
        live.push(current_tenant(), "conversations", str(conversation))


async def push_directly(
    tenant_id: int, conversation: uuid.UUID, value: dict[str, Any], *, but: str = ""
) -> None:
    """The same from a socket. A layer that is away loses the push, never the message: clients
    notice by number, and ask."""
    await _send(group(tenant_id, conversation), event(value, but=but))
    loop = asyncio.get_running_loop()
    waiting = _hinted.setdefault(loop, set())
    if tenant_id not in waiting:  # agents' pages look once a second at most: one hint is enough
        waiting.add(tenant_id)
        loop.call_later(HINT_EVERY, _hint, tenant_id, conversation)


_hinted: WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]] = WeakKeyDictionary()
_tasks: set[asyncio.Task[None]] = set()


def _hint(tenant_id: int, conversation: uuid.UUID) -> None:
    loop = asyncio.get_running_loop()
    _hinted[loop].discard(tenant_id)
    hint = {"type": "live.hint", "topic": "conversations", "id": str(conversation)}
    task = loop.create_task(_send(live.group(tenant_id), hint))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _send(name: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async with asyncio.timeout(SECONDS):
            await layer.group_send(name, message)
    except (RedisError, OSError, TimeoutError) as away:
        logger.warning("chat push lost: %s", repr(away))
