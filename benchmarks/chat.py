"""The chat path under load: 1,000 sockets in one web process, messages stored, numbered, isolated and
acknowledged at 200 and at 490 a second, beside a bare Channels echo on the same machine in one run."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import websockets
from django.db import connection

from attune.embedded.servers import free_port
from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from benchmarks.chat_client import ORIGIN, Visitor, rate, settled
from chat.conversations import visiting
from chat.conversations.visiting import Browser
from tests import make

SOCKETS = int(os.environ.get("CHAT_SOCKETS", "1000"))
SECONDS = float(os.environ.get("CHAT_SECONDS", "15"))
RATES = tuple(int(r) for r in os.environ.get("CHAT_RATES", "200,490").split(","))


@contextmanager
def served(application: str) -> Iterator[tuple[str, int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--log-level", "error",
         "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"], cwd=bench.ROOT,
    )  # fmt: skip
    try:
        for _ in range(300):
            try:
                bench.call(f"127.0.0.1:{port}", "GET", "/health/live")
                break
            except OSError:
                time.sleep(0.1)
            except RuntimeError:  # the echo serves no page: it is up
                break
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def people(n: int) -> tuple[int, str, list[tuple[str, str]]]:
    """(workspace, public key, (token, conversation) of n visitors) whom a person answers."""
    place = make.workspace("load")
    found = []
    with tenant_context(place.id):
        inbox = make.inbox(allowed_origins=[ORIGIN], bot_enabled=False)
        for _ in range(n):
            session, _ = visiting.start(
                inbox=inbox, visitor=None, browser=Browser(key=uuid.uuid4().hex),
                client_id=uuid.uuid4().hex, body="Hello",
            )  # fmt: skip
            assert session.conversation is not None
            found.append((session.token, str(session.conversation.pk)))
    return place.id, inbox.public_key, found


async def connected(visitors: list[Visitor]) -> list[asyncio.Task[None]]:
    """Every visitor's connection, opened in portions."""
    tasks = []
    for at in range(0, len(visitors), 50):
        tasks += [asyncio.create_task(v.live()) for v in visitors[at : at + 50]]
        for _ in range(400):
            if all(v.socket is not None for v in visitors[: at + 50]):
                break
            await asyncio.sleep(0.05)
    return tasks


async def load(host: str, pid: int, key: str, known: list[tuple[str, str]]) -> dict[str, Any]:
    visitors = [Visitor(f"ws://{host}/chat/ws/{key}", t, c) for t, c in known]
    before = bench.rss_mb(pid)
    tasks = await connected(visitors)
    held = sum(v.socket is not None for v in visitors)
    found: dict[str, Any] = {"held": held, "kb": (bench.rss_mb(pid) - before) * 1024 / held}
    for per_second in RATES:
        for v in visitors:
            v.took.clear()
        await rate(visitors, per_second, SECONDS)
        found[f"all_{per_second}"] = await settled(visitors, 60)
        took = sorted(t * 1000 for v in visitors for t in v.took)
        found[per_second] = (took[len(took) // 2], took[int(len(took) * 0.95)], len(took))
    found["unacknowledged"] = sum(len(v.waiting) for v in visitors)
    found["acknowledged"] = {c: s for v in visitors for c, s in v.acknowledged.items()}
    found["faults"] = sum(v.doubled + v.out_of_order for v in visitors)
    for v in visitors:
        v.over = True
    for task in tasks:
        task.cancel()
    return found


async def echo(host: str) -> dict[int, tuple[float, float, int]]:
    """The same rates over 100 sockets of the bare echo."""
    sockets = [
        await websockets.connect(f"ws://{host}/echo", ping_interval=None) for _ in range(100)
    ]
    took: list[float] = []

    async def read(socket: Any) -> None:
        async for text in socket:
            took.append((time.perf_counter() - json.loads(text)["at"]) * 1000)  # noqa: PERF401

    readers = [asyncio.create_task(read(s)) for s in sockets]
    found = {}
    for per_second in RATES:
        took.clear()
        began, n = time.perf_counter(), 0
        while (now := time.perf_counter() - began) < SECONDS:
            while n < int(now * per_second):
                frame = {
                    "type": "message",
                    "body": f"message {n} of many",
                    "at": time.perf_counter(),
                }
                await sockets[n % 100].send(json.dumps(frame))
                n += 1
            await asyncio.sleep(0.002)
        await asyncio.sleep(1)
        ordered = sorted(took)
        found[per_second] = (statistics.median(ordered), ordered[int(len(ordered) * 0.95)], n)
    for reader in readers:
        reader.cancel()
    return found


def stored(tenant_id: int, acknowledged: dict[str, int]) -> tuple[int, int]:
    """(acknowledged messages that are not stored under their number, rows too many)."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT client_id, seq FROM message WHERE tenant_id = %s", [tenant_id])
        rows = cursor.fetchall()
        cursor.execute("SELECT sum(last_seq), count(DISTINCT (c.id, m.seq)) FROM conversation c "
                       "JOIN message m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id "
                       "AND m.seq = c.last_seq WHERE c.tenant_id = %s", [tenant_id])  # fmt: skip
        total = cursor.fetchone()[0]
    known = dict(rows)
    lost = sum(known.get(client_id) != seq for client_id, seq in acknowledged.items())
    return lost, abs(len(rows) - total) + len(rows) - len(known)


def main() -> None:
    tenant_id, key, known = people(SOCKETS)
    with served("benchmarks.chat_echo:application") as (host, _):
        bare = asyncio.run(echo(host))
    with served("attune.asgi:application") as (host, pid):
        found = asyncio.run(load(host, pid, key, known))
    lost, extra = stored(tenant_id, found["acknowledged"])
    rows = []
    for per_second, goal in zip(RATES, ("<= 50", "<= 250"), strict=True):
        p50, p95, n = found[per_second]
        rows += [
            bench.row(f"chat.p50_ms_at_{per_second}", p50, "ms", n=n,
                      peer=round(bare[per_second][0], 2), peer_name="bare Channels echo"),
            bench.row(f"chat.p95_ms_at_{per_second}", p95, "ms", n=n, goal=goal,
                      peer=round(bare[per_second][1], 2), peer_name="bare Channels echo"),
        ]  # fmt: skip
    n = len(found["acknowledged"])
    rows += [
        bench.row("chat.sockets", found["held"], "sockets", n=SOCKETS),
        bench.row("chat.kb_per_socket", found["kb"], "kB", n=found["held"], goal="<= 60", peer=35,
                  peer_name="bare echo, measured before"),
        bench.row("chat.load_unacknowledged", found["unacknowledged"], "messages", n=n, goal="0"),
        bench.row("chat.load_lost", lost, "messages", n=n, goal="0"),
        bench.row("chat.load_doubled", extra + found["faults"], "messages", n=n, goal="0"),
    ]  # fmt: skip
    bench.write("chat", rows)
