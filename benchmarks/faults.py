"""Faults while events arrive: workers and web killed, the broker killed and flushed, backends
terminated. The checker reads only what each client was told, and the database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid

import orjson
from django.db import connection

from attune.embedded import servers
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts.models import ContactChange, Event, EventCount, Profile
from tests import make

SECONDS = float(os.environ.get("FAULT_SECONDS", "75"))
PORT = servers.free_port()


class Client(threading.Thread):
    """Sends small batches, each again until it is acknowledged; keeps what it was told."""

    def __init__(self, key: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.key, self.number, self.over = key, number, stop
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        n = 0
        while not self.over.is_set():
            batch = [
                {
                    "type": "track",
                    "event": "Beat",
                    "userId": f"p{self.number}-{(n + i) % 40}",
                    "messageId": uuid.uuid4().hex,
                }
                for i in range(10)
            ]
            n += 10
            body = orjson.dumps({"batch": batch})
            for _ in range(200):
                try:
                    bench.call(f"127.0.0.1:{PORT}", "POST", "/v1/batch", body, self.key)
                    self.acknowledged |= {i["messageId"] for i in batch}
                    break
                except (OSError, RuntimeError, Exception):  # noqa: BLE001 - whatever broke, say it again
                    time.sleep(0.1)
            time.sleep(0.02)


def start(name: str) -> subprocess.Popen:
    commands = {
        "web": [
            "-m",
            "uvicorn",
            "attune.asgi:application",
            "--port",
            str(PORT),
            "--log-level",
            "critical",
        ],
        "light": [
            "-m",
            "celery",
            "-A",
            "attune.celery",
            "worker",
            "-Q",
            "light",
            "-c",
            "2",
            "--loglevel",
            "ERROR",
        ],
        "beat": ["-m", "celery", "-A", "attune.celery", "beat", "--loglevel", "ERROR"],
    }
    return subprocess.Popen(
        [sys.executable, *commands[name]], cwd=bench.ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    rng = random.Random(0)
    place = make.workspace("faults")
    key = make.key(place, kind="write_only")
    port = int(os.environ["REDIS_URL"].rsplit(":", 1)[1].split("/")[0])
    running = {name: start(name) for name in ("web", "light", "beat")}
    time.sleep(6)
    over = threading.Event()
    clients = [Client(key, n, over) for n in range(3)]
    for client in clients:
        client.start()
    faults, deadline, valkey = 0, time.monotonic() + SECONDS, None
    while time.monotonic() < deadline:
        time.sleep(rng.uniform(1.0, 2.5))
        what = rng.choice(["light", "light", "web", "beat", "broker", "backends"])
        faults += 1
        if what == "broker":
            subprocess.run(["pkill", "-9", "-f", f"valkey-server.*:{port}"], check=False)
            valkey = servers.start_valkey(bench.ROOT / "var" / "bench-valkey", port=port)
        elif what == "backends":
            with bench.owner() as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'attune_bench' AND pid <> pg_backend_pid()"
                )
        else:
            kill(running[what])
            running[what] = start(what)
    over.set()
    for client in clients:
        client.join(60)
    connection.close()
    told = set().union(*(c.acknowledged for c in clients))
    settled = settle(place)
    lost, doubled, wrong = verdict(place, told)
    for process in running.values():
        kill(process)
    if valkey is not None:
        valkey.stop()
    bench.write(
        "faults",
        [
            bench.row("faults.injected", faults, "faults"),
            bench.row("faults.accepted", len(told), "events"),
            bench.row("faults.lost", lost, "events", goal=0),
            bench.row("faults.doubled", doubled, "events", goal=0),
            bench.row("faults.wrong_profiles", wrong, "profiles", goal=0),
            bench.row("faults.settled_s", settled, "s"),
        ],
    )
    assert (lost, doubled, wrong) == (0, 0, 0)


def settle(place: make.Place) -> float:
    """Seconds until the queue of changed contacts and the light jobs are empty."""
    began = time.monotonic()
    while time.monotonic() - began < 180:
        with tenant_context(place.id):
            waiting = (
                ContactChange.objects.exists()
                or JobRow.objects.filter(state__in=["pending", "running"]).exists()
            )
        if not waiting:
            break
        time.sleep(0.5)
    return time.monotonic() - began


def verdict(place: make.Place, told: set[str]) -> tuple[int, int, int]:
    """Lost events, doubly counted events, profiles that disagree with their events."""
    with tenant_context(place.id):
        stored = list(Event.objects.filter(name="Beat").values_list("message_id", flat=True))
        counted = sum(EventCount.objects.filter(name="Beat").values_list("n", flat=True))
        people: dict[object, int] = {}
        for contact in Event.objects.values_list("contact_id", flat=True):
            people[contact] = people.get(contact, 0) + 1
        profiles = dict(Profile.objects.values_list("contact_id", "events"))
    lost = len(told - set(stored))
    doubled = len(stored) - len(set(stored)) + abs(counted - len(stored))
    return lost, doubled, sum(profiles.get(c) != n for c, n in people.items())
