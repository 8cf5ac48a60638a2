"""Chat while everything breaks: web, the assistant's worker, the broker and PostgreSQL killed twenty
times each (kill -9) and started again, while visitors write and the assistant answers.

The checker reads the visitors' own ledgers (what each was told) and the database: every acknowledged
message stored under its number, once; every visitor holds every message of its conversation, in
order; nobody who greeted the assistant waits for an answer at the end.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from typing import Any

from django.db import connection

from attune.kernel.tenancy import tenant_context
from benchmarks import bench, faults
from benchmarks.chat_client import ORIGIN, Visitor, settled
from chat.conversations import visiting
from chat.conversations.models import Conversation
from chat.conversations.visiting import Browser
from tests import make

EACH = int(os.environ.get("CHAT_KILLS", "20"))
VISITORS, PER_SECOND = 60, 40.0
KINDS = ("kill web", "kill chat", "kill broker", "kill database")


def start(name: str) -> subprocess.Popen:
    celery = ["-m", "celery", "-A", "attune.celery"]
    commands = {
        "web": ["-m", "uvicorn", "attune.asgi:application", "--port", str(faults.PORT),
                "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"],
        "chat": [*celery, "worker", "-Q", "chat,light", "-I", "workers.model_tasks", "-P", "solo",
                 "--loglevel", "ERROR"],
        "beat": [*celery, "beat", "--loglevel", "ERROR"],
    }  # fmt: skip
    with (faults.LOGS / f"chat-{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *commands[name]], cwd=bench.ROOT, start_new_session=True,
            stdout=log, stderr=log,
        )  # fmt: skip


class Chaos(faults.Chaos):
    """The chat's processes under test."""

    def __init__(self) -> None:
        faults.LOGS.mkdir(parents=True, exist_ok=True)
        faults.start = start  # what is killed is started again by it
        self.redis_url = os.environ["REDIS_URL"]
        self.broker_port = int(self.redis_url.rsplit(":", 1)[1].split("/")[0])
        self.running = {name: start(name) for name in ("web", "chat", "beat")}
        self.valkey = None
        self.stalled = []
        self.done = Counter()


def people() -> tuple[int, str, list[tuple[str, str]]]:
    place = make.workspace("chat faults")
    found = []
    with tenant_context(place.id):
        inbox = make.inbox(allowed_origins=[ORIGIN])
        for n in range(VISITORS):
            session, _ = visiting.start(
                inbox=inbox, visitor=None, browser=Browser(key=f"visitor-{n:020}"),
                client_id=f"start-{n:08}", body="Hello",
            )  # fmt: skip
            assert session.conversation is not None
            found.append((session.token, str(session.conversation.pk)))
    return place.id, inbox.public_key, found


async def talk(visitors: list[Visitor], over: asyncio.Event) -> None:
    """Visitors greet, at a rate, until it is over."""
    rng = random.Random(3)
    while not over.is_set():
        await rng.choice(visitors).write("Hello!")
        await asyncio.sleep(rng.expovariate(PER_SECOND))


async def beats(visitors: list[Visitor], over: asyncio.Event) -> None:
    while not over.is_set():
        await asyncio.sleep(2)
        await asyncio.gather(*(v.beat() for v in visitors))


async def run(key: str, known: list[tuple[str, str]], chaos: Chaos) -> list[Visitor]:
    address = f"ws://127.0.0.1:{faults.PORT}/chat/ws/{key}"
    visitors = [Visitor(address, token, conversation) for token, conversation in known]
    tasks = [asyncio.create_task(v.live()) for v in visitors]
    over = asyncio.Event()
    work = [asyncio.create_task(talk(visitors, over)), asyncio.create_task(beats(visitors, over))]
    plan = list(KINDS) * EACH
    random.Random(11).shuffle(plan)
    await asyncio.sleep(5)
    for n, what in enumerate(plan, start=1):
        await asyncio.to_thread(chaos.hurt, what)
        await asyncio.sleep(random.uniform(1.0, 3.5))
        if n % 10 == 0:
            print(f"{n} of {len(plan)} faults, {sum(len(v.acknowledged) for v in visitors)} "
                  f"acknowledged", flush=True)  # fmt: skip
    over.set()
    await asyncio.gather(*work)
    await settled(visitors, 120)
    for _ in range(60):  # the answers that are still to come
        await asyncio.gather(*(v.beat() for v in visitors))
        await asyncio.sleep(2)
        if await asyncio.to_thread(nobody_waits):
            break
    await asyncio.gather(*(v.beat() for v in visitors))
    await asyncio.sleep(3)
    for v in visitors:
        v.over = True
    for task in tasks:
        task.cancel()
    return visitors


TENANT: list[int] = []


def nobody_waits() -> bool:
    try:
        with tenant_context(TENANT[0]):
            waits = Conversation.objects.filter(waiting_since__isnull=False, handler="bot")
            return not waits.exists()
    finally:
        connection.close()


def judged(tenant_id: int, visitors: list[Visitor]) -> dict[str, int]:
    """What went wrong, counted."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT conversation_id::text, seq, client_id FROM message "
                       "WHERE tenant_id = %s ORDER BY 1, 2", [tenant_id])  # fmt: skip
        rows = cursor.fetchall()
        waiting = Conversation.objects.filter(waiting_since__isnull=False, handler="bot").count()
    by: dict[str, dict[int, str]] = {}
    for conversation, seq, client_id in rows:
        by.setdefault(conversation, {})[seq] = client_id
    lost = doubled = gaps = unseen = 0
    for v in visitors:
        stored = by[v.conversation]
        gaps += set(stored) != set(range(1, len(stored) + 1))
        lost += sum(stored.get(seq) != client_id for client_id, seq in v.acknowledged.items())
        ids = [c for c in stored.values() if c]
        doubled += len(ids) - len(set(ids)) + v.doubled
        unseen += sum(v.seen.get(seq) != client_id for seq, client_id in stored.items())
    return {"lost": lost, "doubled": doubled, "gaps": gaps, "unseen": unseen, "waiting": waiting,
            "out_of_order": sum(v.out_of_order for v in visitors),
            "unacknowledged": sum(len(v.waiting) for v in visitors)}  # fmt: skip


def main() -> None:
    tenant_id, key, known = people()
    TENANT.append(tenant_id)
    chaos = Chaos()
    began = time.monotonic()
    try:
        time.sleep(6)
        visitors = asyncio.run(run(key, known, chaos))
    finally:
        chaos.stop()
    connection.close()
    found = judged(tenant_id, visitors)
    n = sum(len(v.acknowledged) for v in visitors)
    rows: list[dict[str, Any]] = [
        bench.row("chat.faults", sum(chaos.done.values()), "kills", n=sum(chaos.done.values()),
                  goal=f">= {EACH} of each"),
        bench.row("chat.acknowledged", n, "messages", n=n),
        bench.row("chat.reconnects", sum(v.connects for v in visitors), "connections", n=VISITORS),
        bench.row("chat.lost", found["lost"] + found["unacknowledged"], "messages", n=n, goal="0"),
        bench.row("chat.doubled", found["doubled"], "messages", n=n, goal="0"),
        bench.row("chat.out_of_order", found["out_of_order"] + found["gaps"], "messages", n=n,
                  goal="0"),
        bench.row("chat.not_seen_by_its_visitor", found["unseen"], "messages", n=n, goal="0"),
        bench.row("chat.waits_unanswered", found["waiting"], "conversations", n=VISITORS, goal="0"),
        bench.row("chat.faults_s", time.monotonic() - began, "s"),
    ]  # fmt: skip
    bench.write("chat_faults", rows, command="make prove")
