"""The visitor's socket: hello, messages, acknowledgements; nothing is kept here.

The visitor token comes in the first frame, never in the address. A message is stored, numbered and
acknowledged by one database call before anything else happens; what others write arrives through
the channel layer, at most once, and clients ask again by number when they notice a gap.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import orjson
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from psycopg import Error as DatabaseTrouble
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from attune.kernel import direct, jobs, live
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from chat.conversations import gathering, visiting, wire
from chat.conversations.appending import Said
from chat.inboxes import identity, lookup
from chat.inboxes.identity import Pass
from chat.inboxes.services import own_origin

logger = logging.getLogger(__name__)
FRAME_BYTES = 16 * 1024
FRAMES_A_SECOND, BURST = 10.0, 30.0
HELLO_SECONDS, IDLE_SECONDS = 10.0, 90.0
SOCKETS_A_VISITOR = 5
MOST_AT_ONCE = 200  # messages of one resume; the client asks again for more
BAD_FRAME, NOT_WELCOME, TOO_MUCH, TRY_LATER = 4400, 4403, 4429, 4503
_open: Counter[str] = Counter()


class _Watched:
    """The open sockets of an event loop, and the one task that looks after them."""

    def __init__(self) -> None:
        self.sockets: WeakSet[VisitorConsumer] = WeakSet()
        self.task: asyncio.Task[None] | None = None

    async def look(self) -> None:
        while self.sockets:
            await asyncio.sleep(HELLO_SECONDS / 2)
            for socket in list(self.sockets):
                try:
                    await socket.tidy()
                except Exception:  # one that broke ends; the others are looked after
                    logger.exception("a socket could not be closed")
                    self.sockets.discard(socket)


_watched: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watched] = WeakKeyDictionary()


def _watch(socket: VisitorConsumer) -> None:
    loop = asyncio.get_running_loop()
    found = _watched.setdefault(loop, _Watched())
    found.sockets.add(socket)
    if found.task is None or found.task.done():
        found.task = loop.create_task(found.look())


class VisitorConsumer(AsyncWebsocketConsumer):
    """/chat/ws/<public key>. JSON frames; each has a `type`."""

    who: Pass | None = None
    conversation: uuid.UUID | None = None
    groups_joined: tuple[str, ...] = ()
    counted = False

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the base does it, without its look after Django's connections, which costs a thread's
        turn for each frame: nothing here holds one."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Only the site's own pages: the browser's Origin is checked before anything is said."""
        key = self.scope["url_route"]["kwargs"]["key"]
        headers = dict(self.scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        door = await database_sync_to_async(lookup.door)(key)
        if door is None or not door.admits(origin, own_origin()):
            await self.close(code=NOT_WELCOME)
            return
        self.door = door
        self.allowance, self.counted_at = BURST, time.monotonic()
        self.last_seq = 0
        await self.accept()
        self.heard_at = time.monotonic()
        _watch(self)

    async def disconnect(self, code: int) -> None:
        if (watched := _watched.get(asyncio.get_running_loop())) is not None:
            watched.sockets.discard(self)
        if self.counted and self.who is not None:
            _open[self.who.visitor_id] -= 1
            if _open[self.who.visitor_id] <= 0:
                del _open[self.who.visitor_id]
        for name in self.groups_joined:
            try:
                await self.channel_layer.group_discard(name, self.channel_name)
            except (RedisError, OSError):
                logger.info("the layer was away when a socket ended")

    async def tidy(self) -> None:
        """End a socket that never said who it is, or says nothing any more."""
        silent = time.monotonic() - self.heard_at
        if self.conversation is None and silent > HELLO_SECONDS:
            await self.close(code=NOT_WELCOME)
        elif silent > IDLE_SECONDS:
            await self.close(code=1001)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame in, at most one answer out; what cannot be read is refused with a reason."""
        if text_data is None:
            await self._refuse("binary", "Frames are JSON text.", BAD_FRAME)
            return
        if len(text_data) > FRAME_BYTES:
            await self._refuse("too_large", "A frame has at most 16 kB.", BAD_FRAME)
            return
        if not self._affords():
            return
        self.heard_at = time.monotonic()
        try:
            frame = orjson.loads(text_data)
            kind = frame["type"]
            answer = FRAMES[kind]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            await self._refuse("unreadable", "A frame is a JSON object with a known type.")
            return
        if self.conversation is None and kind != "hello":
            await self._refuse("hello_first", "Say hello first.", NOT_WELCOME)
            return
        try:
            await answer(self, frame)
        except (DatabaseTrouble, PoolTimeout, OSError) as away:
            logger.warning("chat storage away: %s", away)
            await self._say({"type": "error", "code": "try_again", "client_id": _id(frame),
                             "detail": "Not stored yet; send it again."})  # fmt: skip
        except AttuneError as refusal:
            await self._say({"type": "error", "code": refusal.code, "client_id": _id(frame),
                             "detail": str(refusal.detail)})  # fmt: skip

    def _affords(self) -> bool:
        """A bucket of frames: one visitor's flood costs nobody else anything. A frame beyond it is
        dropped; who goes on is shut out."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.counted_at) * FRAMES_A_SECOND)
        self.counted_at = now
        self.allowance -= 1
        if self.allowance >= 0:
            return True
        if -self.allowance > 2 * BURST:
            self.allowance = -1e9
            asyncio.get_running_loop().create_task(self.close(code=TOO_MUCH))
        elif -self.allowance <= 1:
            asyncio.get_running_loop().create_task(
                self._say({"type": "error", "code": "slow_down", "detail": "Too many at once."})
            )
        return False

    # -- frames -------------------------------------------------------------------------------

    async def hello(self, frame: dict[str, Any]) -> None:
        """Who it is and what it saw last; the answer is everything since then."""
        who = identity.read(str(frame.get("token", "")))
        wanted = as_uuid(str(frame.get("conversation", "")))
        mine = who.tenant_id == self.door.tenant_id and who.inbox_id == str(self.door.id)
        if not mine or wanted is None:
            await self._refuse("unknown", "This chat is not known here.", NOT_WELCOME)
            return
        if not self.counted:
            if _open[who.visitor_id] >= SOCKETS_A_VISITOR:
                await self._refuse("too_many", "Too many open windows.", TOO_MUCH)
                return
            _open[who.visitor_id] += 1
            self.counted = True
        self.who = who
        await self._join(wanted)
        if not await self._resume(wanted, _number(frame.get("after"))):
            await self._refuse("unknown", "This chat is not known here.", NOT_WELCOME)

    async def _join(self, conversation: uuid.UUID) -> None:
        """Listen before reading, so that nothing falls between."""
        names = (
            wire.group(self.door.tenant_id, conversation),
            f"t{self.door.tenant_id}.inbox.{self.door.id.hex}",
        )
        for name in set(names) - set(self.groups_joined):
            try:
                async with asyncio.timeout(wire.SECONDS):
                    await self.channel_layer.group_add(name, self.channel_name)
            except (RedisError, OSError, TimeoutError) as away:
                logger.warning("chat layer away: %s", away)  # the client polls by its heartbeat
        self.groups_joined = names

    async def _resume(self, conversation: uuid.UUID, after: int) -> bool:
        who = self.who
        if who is None:
            return False
        rows = await direct.call(
            "attune_chat_hello", self.door.tenant_id, uuid.UUID(who.visitor_id), who.version,
            conversation, after, MOST_AT_ONCE,
        )  # fmt: skip
        if not rows:
            return False
        last, state, handler, seen, messages = rows[0]
        self.conversation, self.last_seq = conversation, last
        await self._say({"type": "welcome", "conversation": str(conversation), "last_seq": last,
                         "state": state, "handler": handler, "read": seen,
                         "messages": messages})  # fmt: skip
        return True

    async def message(self, frame: dict[str, Any]) -> None:
        """Store, number, acknowledge; then tell the others."""
        client_id = _id(frame)
        if not client_id:
            raise Invalid.one("client_id", say("Give each message an id of 8 to 64 characters."))
        said = Said(visiting.checked(frame.get("body")), "incoming", "visitor", client_id)
        conversation, who = self.conversation, self.who
        if conversation is None or who is None:
            return
        receipt = await gathering.append(
            tenant_id=self.door.tenant_id, conversation=conversation,
            visitor=uuid.UUID(who.visitor_id), said=said,
        )  # fmt: skip
        if receipt.refused:
            await self._refuse(receipt.refused, str(visiting.REFUSALS[receipt.refused].detail),
                               NOT_WELCOME)  # fmt: skip
            return
        self.last_seq = max(self.last_seq, receipt.seq)
        await self._say({"type": "ack", "client_id": client_id, "seq": receipt.seq,
                         "at": receipt.at.isoformat(), "handler": receipt.handler})  # fmt: skip
        if receipt.fresh:
            event = {"type": "message", **wire.fresh(said, receipt)}
            await wire.push_directly(
                self.door.tenant_id, conversation, event, but=self.channel_name
            )
        if receipt.job is not None:
            await asyncio.to_thread(jobs.wake, self.door.tenant_id, receipt.job, jobs.CHAT)

    async def ping(self, frame: dict[str, Any]) -> None:
        """The heartbeat: the last number as the database has it, and what the client missed."""
        if self.conversation is None:
            return
        after = _number(frame.get("after"))
        if not await self._resume(self.conversation, after):
            await self._refuse("gone", "This chat ended.", NOT_WELCOME)

    async def seen(self, frame: dict[str, Any]) -> None:
        if self.conversation is None or self.who is None:
            return
        await direct.call(
            "attune_chat_seen", self.door.tenant_id, self.conversation,
            uuid.UUID(self.who.visitor_id), _number(frame.get("seq")),
        )  # fmt: skip

    async def typing(self, _: dict[str, Any]) -> None:
        """Agents see that somebody writes. Nobody waits for it, nothing is kept."""
        if self.conversation is None:
            return
        hint = {"type": "live.hint", "topic": "typing", "id": str(self.conversation)}
        try:
            async with asyncio.timeout(wire.SECONDS):
                await self.channel_layer.group_send(live.group(self.door.tenant_id), hint)
        except (RedisError, OSError, TimeoutError):
            logger.info("typing lost")

    # -- what others say ----------------------------------------------------------------------

    async def chat_event(self, event: dict[str, Any]) -> None:
        if event["but"] == self.channel_name:
            return
        await self.send(text_data=event["text"])
        if event["last"]:
            await self.close(code=NOT_WELCOME)

    async def inbox_closed(self, _: dict[str, Any]) -> None:
        await self._refuse("closed", "This chat is closed.", NOT_WELCOME)

    async def _say(self, value: dict[str, Any]) -> None:
        await self.send(text_data=orjson.dumps(value).decode())

    async def _refuse(self, code: str, detail: str, close: int | None = None) -> None:
        await self._say({"type": "error", "code": code, "detail": detail})
        if close is not None:
            await self.close(code=close)


FRAMES = {
    "hello": VisitorConsumer.hello,
    "message": VisitorConsumer.message,
    "ping": VisitorConsumer.ping,
    "seen": VisitorConsumer.seen,
    "typing": VisitorConsumer.typing,
}


def _id(frame: dict[str, Any]) -> str:
    value = frame.get("client_id")
    fine = isinstance(value, str) and 8 <= len(value) <= 64 and value.isascii()
    return value if fine and value.isprintable() else ""


def _number(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0
