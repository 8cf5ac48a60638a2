"""The live socket of a workspace: hints that something changed, nothing more."""

from __future__ import annotations

import json

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from attune.kernel import live
from tenants import registry

NOT_ALLOWED = 4404


def _member(user_id: int, slug: str) -> registry.Member | None:
    """One unit of work: whether this person belongs to this workspace, now."""
    members = registry.memberships_of(user_id)
    return next((m for m in members if m.slug == slug), None)


class LiveConsumer(AsyncWebsocketConsumer):
    """/ws/<workspace>/live. Session-authenticated; the server speaks, the client listens."""

    group = ""

    async def member(self) -> registry.Member | None:
        user = self.scope.get("user")
        slug = self.scope["url_route"]["kwargs"]["workspace"]
        if user is None or not user.is_authenticated:
            return None
        return await database_sync_to_async(_member)(user.pk, slug)

    async def connect(self) -> None:
        member = await self.member()
        if member is None:
            await self.close(code=NOT_ALLOWED)
            return
        self.group = live.group(member.tenant_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Whatever the client sends is ignored; the socket only speaks."""

    async def live_recheck(self, event: dict[str, str]) -> None:
        """Somebody left: whoever may not be here any more hears nothing more."""
        if await self.member() is None:
            await self.close(code=NOT_ALLOWED)

    async def live_hint(self, event: dict[str, str]) -> None:
        await self.send(json.dumps({"topic": event["topic"], "id": event["id"]}))
