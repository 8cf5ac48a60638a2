"""Live hints to open pages. At most once, by design: a page that missed one refetches."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def group(tenant_id: int) -> str:
    """The channel group of a workspace; every group name starts with its tenant."""
    return f"t{tenant_id}.live"


def push(tenant_id: int, topic: str, object_id: str = "") -> None:
    """Tell open pages of the workspace that `topic` changed, once this transaction commits."""
    transaction.on_commit(lambda: push_now(tenant_id, topic, object_id))


def push_now(tenant_id: int, topic: str, object_id: str = "") -> None:
    send_now(group(tenant_id), {"type": "live.hint", "topic": topic, "id": object_id})


def recheck(tenant_id: int) -> None:
    """Have every open page of the workspace ask again whether its person may be there."""
    send(group(tenant_id), {"type": "live.recheck"})


def send(name: str, message: dict[str, Any]) -> None:
    """Send to a channel group, whose name starts with its tenant, once this transaction commits."""
    transaction.on_commit(lambda: send_now(name, message))


def send_now(name: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(name, message)
    except (RedisError, OSError) as unreachable:
        logger.warning("live message lost: %s", unreachable)
