"""Visitors without a browser: they do what the widget does, and keep what they were told.

A message is sent with an id of its own and again until it is acknowledged; after a lost connection
a client says hello with the last number that it holds without a gap; a number that is missing is
asked for. The ledger is theirs alone: no code of the server is used.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.exceptions import WebSocketException

ORIGIN = "https://shop.example"


@dataclass
class Visitor:
    """One visitor, its conversation, and its ledger."""

    address: str
    token: str
    conversation: str
    last: int = 0
    seen: dict[int, str] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, tuple[str, float]] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    doubled: int = 0
    out_of_order: int = 0
    connects: int = 0
    socket: Any = None
    over: bool = False

    async def live(self) -> None:
        """Hold a connection until told to stop; come back after each loss."""
        pause = 0.1
        while not self.over:
            try:
                async with websockets.connect(
                    self.address, origin=ORIGIN, open_timeout=10, ping_interval=None,
                    close_timeout=1,
                ) as socket:  # fmt: skip
                    await self._say(socket, {"type": "hello", "token": self.token,
                                             "conversation": self.conversation,
                                             "after": self.last})  # fmt: skip
                    self.connects += 1
                    async for text in socket:
                        if await self._hear(socket, json.loads(text)):
                            pause = 0.1
            except (OSError, WebSocketException, TimeoutError, ValueError):
                pass
            self.socket = None
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, 2.0)

    async def _say(self, socket: Any, frame: dict[str, Any]) -> None:
        await socket.send(json.dumps(frame))

    async def _hear(self, socket: Any, frame: dict[str, Any]) -> bool:
        kind = frame["type"]
        if kind == "welcome":
            self.socket = socket
            for message in frame["messages"]:
                self._take(message["seq"], message["client_id"])
            if frame["messages"] and self.last < frame["last_seq"]:
                await self._say(socket, {"type": "ping", "after": self.last})
            for client_id, (body, _) in list(self.waiting.items()):
                await self._say(socket, {"type": "message", "client_id": client_id, "body": body})
            return True
        if kind == "ack":
            client_id, seq = frame["client_id"], frame["seq"]
            if client_id in self.waiting:
                _, began = self.waiting.pop(client_id)
                self.took.append(time.perf_counter() - began)
            if self.acknowledged.setdefault(client_id, seq) != seq:
                self.doubled += 1
            self._take(seq, client_id)
        elif kind == "message":
            self._take(frame["seq"], frame["client_id"])
        if self.seen and max(self.seen) > self.last:
            await self._say(socket, {"type": "ping", "after": self.last})
        return False

    def _take(self, seq: int, client_id: str) -> None:
        if self.seen.setdefault(seq, client_id) != client_id:
            self.out_of_order += 1
        while self.last + 1 in self.seen:
            self.last += 1

    async def write(self, body: str) -> None:
        client_id = uuid.uuid4().hex
        self.waiting[client_id] = (body, time.perf_counter())
        await self.flush(client_id)

    async def flush(self, *chosen: str) -> None:
        """Send what waits; a connection that is gone sends it when it is back."""
        for client_id in chosen or list(self.waiting):
            if self.socket is None or client_id not in self.waiting:
                continue
            try:
                await self._say(self.socket, {"type": "message", "client_id": client_id,
                                              "body": self.waiting[client_id][0]})  # fmt: skip
            except (OSError, WebSocketException):
                self.socket = None

    async def beat(self) -> None:
        """Ask for what was missed, and send again what was not acknowledged."""
        await self.flush()
        if self.socket is not None:
            try:
                await self._say(self.socket, {"type": "ping", "after": self.last})
            except (OSError, WebSocketException):
                self.socket = None


async def rate(visitors: list[Visitor], per_second: float, seconds: float) -> None:
    """An open loop: messages at their times whether or not the server keeps up, each from a
    visitor chosen by chance."""
    rng = random.Random(7)
    began, n = time.perf_counter(), 0
    while (now := time.perf_counter() - began) < seconds:
        due = int(now * per_second)
        while n < due:
            await rng.choice(visitors).write(f"message {n} of many, about as long as one is")
            n += 1
        await asyncio.sleep(0.002)


async def settled(visitors: list[Visitor], seconds: float, every: float = 5.0) -> bool:
    """Wait until nothing waits for its acknowledgement."""
    deadline, beat = time.monotonic() + seconds, time.monotonic() + every
    while time.monotonic() < deadline:
        if not any(v.waiting for v in visitors):
            return True
        if time.monotonic() > beat:
            beat = time.monotonic() + every
            await asyncio.gather(*(v.beat() for v in visitors if v.waiting))
        await asyncio.sleep(0.05)
    return False
