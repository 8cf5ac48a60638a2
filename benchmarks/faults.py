"""Faults while events arrive and campaigns send: workers and web killed, frozen or stalled, the broker
killed and flushed, backends terminated, PostgreSQL itself killed. The checker reads only what each
client was told, what the partner received, and the database."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import redis
from django.db import connection
from django.db.utils import Error

from attune.embedded import servers
from attune.kernel.jobs import LEASE_SECONDS
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts.models import ContactChange, Event, EventCount, Profile
from campaigns.delivery import endpoints
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Campaign, Send
from tests import make

SECONDS = float(os.environ.get("FAULT_SECONDS", "480"))
CAMPAIGNS, PEOPLE, SETTLE_SECONDS = 12, 250, 240
PORT = servers.free_port()
LOGS = bench.ROOT / "var" / "fault-logs"
FAULTS = (
    "kill light", "kill light", "freeze light", "stall light", "kill web", "kill beat", "kill broker",
    "flush broker", "end backends", "kill database",
)  # fmt: skip


class Client(threading.Thread):
    """Sends small batches, each again until it is acknowledged; keeps what it was told."""

    def __init__(self, key: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.key, self.number, self.over = key, number, stop
        self.acknowledged: set[str] = set()
        self.offered = 0

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
            for _ in range(400):
                self.offered += 1
                try:
                    bench.call(f"127.0.0.1:{PORT}", "POST", "/v1/batch", body, self.key)
                    self.acknowledged |= {i["messageId"] for i in batch}
                    break
                except Exception:  # noqa: BLE001 - whatever broke, say it again
                    time.sleep(0.1)
            time.sleep(0.02)


class Partner(BaseHTTPRequestHandler):
    """The other side of the webhooks: counts each message it was handed."""

    received: Counter[str] = Counter()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Partner.received[self.headers["webhook-id"]] += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


def start(name: str) -> subprocess.Popen:
    celery = ["-m", "celery", "-A", "attune.celery"]
    commands = {
        "web": ["-m", "uvicorn", "attune.asgi:application", "--port", str(PORT)],
        "light": [*celery, "worker", "-Q", "light", "-c", "2", "--loglevel", "ERROR"],
        "beat": [*celery, "beat", "--loglevel", "ERROR"],
    }
    with (LOGS / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *commands[name]], cwd=bench.ROOT, start_new_session=True,
            stdout=log, stderr=log,
        )  # fmt: skip


class Chaos:
    """The machine under test: its processes, and the ways to hurt it."""

    def __init__(self) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        self.redis_url = os.environ["REDIS_URL"]
        self.broker_port = int(self.redis_url.rsplit(":", 1)[1].split("/")[0])
        self.running = {name: start(name) for name in ("web", "light", "beat")}
        self.valkey: servers.Valkey | None = None
        self.stalled: list[subprocess.Popen] = []
        self.done: Counter[str] = Counter()

    def hurt(self, what: str) -> None:
        verb, target = what.split()
        self.done[what] += 1
        if verb == "stall":
            self.stall(target)
        elif target in self.running:
            process = self.running[target]
            if verb == "freeze":
                os.killpg(process.pid, signal.SIGSTOP)
                time.sleep(1)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.running[target] = start(target)
        elif what == "kill broker":
            subprocess.run(
                ["pkill", "-9", "-f", f"valkey-server.*:{self.broker_port}"], check=False
            )
            self._start_broker()
        elif what == "flush broker":
            try:
                redis.Redis.from_url(self.redis_url).flushall()
            except redis.ConnectionError:  # it is gone by itself: as lost as if it were flushed
                self._start_broker()
        elif what == "end backends":
            with bench.owner() as owner:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'attune_bench' AND pid <> pg_backend_pid()"
                )
        else:
            kill_database()

    def _start_broker(self) -> None:
        folder = bench.ROOT / "var" / "bench-valkey"
        self.valkey = servers.start_valkey(folder, port=self.broker_port)

    def stall(self, target: str) -> None:
        """A worker that sleeps until others took its jobs over, then goes on as if it held them."""
        process = self.running[target]
        os.killpg(process.pid, signal.SIGSTOP)
        self.running[target] = start(target)
        self.stalled.append(process)
        for seconds, what in ((LEASE_SECONDS + 12, signal.SIGCONT), (60, signal.SIGKILL)):
            timer = threading.Timer(seconds, os.killpg, [process.pid, what])
            timer.daemon = True
            timer.start()

    def stop(self) -> None:
        for process in [*self.running.values(), *self.stalled]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.valkey is not None:
            self.valkey.stop()


def kill_database() -> None:
    """kill -9 of the postmaster; the server recovers from its log when it starts again."""
    folder = Path(parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["host"][0])
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.3)
        try:
            servers.start_postgres(folder, database="attune_bench")
            bench.owner().close()
            return
        except Exception:  # noqa: BLE001, S112 - its children still hold the memory; again
            continue
    raise RuntimeError("PostgreSQL did not come back.")


def plan(place: make.Place, partner: int) -> list[uuid.UUID]:
    """Campaigns by webhook, ready to launch, for the same people."""
    with tenant_context(place.id):
        make.record(
            *[
                make.identify(f"reader-{n}", plan="reader", email=f"r{n}@example.com")
                for n in range(PEOPLE)
            ]
        )
        audience = make.segment({"trait": "plan", "is": "reader"})
        endpoint, _ = endpoints.create(name="p", url=f"http://127.0.0.1:{partner}/")
        make.Tenant.objects.filter(pk=place.id).update(frequency_cap=10_000)
        text = make.approved()
        return [
            make.campaign(
                audience, make.experiment([text], holdout=1e-9, running=False), via="webhook",
                endpoint=endpoint,
            ).pk
            for _ in range(CAMPAIGNS)
        ]  # fmt: skip


def launch(place: make.Place, campaign_id: uuid.UUID) -> None:
    """Launch by the service, again until the database took it."""
    while True:
        try:
            with tenant_context(place.id):
                campaign = Campaign.objects.get(pk=campaign_id)
                if campaign.state == "draft":
                    delivery.launch(campaign=campaign)
            return
        except Error:
            connection.close()
            time.sleep(0.5)


def main() -> None:
    rng = random.Random(0)
    place = make.workspace("faults")
    partner = ThreadingHTTPServer(("127.0.0.1", 0), Partner)
    threading.Thread(target=partner.serve_forever, daemon=True).start()
    waiting = plan(place, partner.server_port)
    key = make.key(place, kind="write_only")
    chaos, over = Chaos(), threading.Event()
    time.sleep(6)
    clients = [Client(key, n, over) for n in range(3)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + SECONDS
    every, next_launch = SECONDS / (CAMPAIGNS + 1), time.monotonic() + 2
    while time.monotonic() < deadline:
        time.sleep(rng.uniform(0.8, 2.2))
        chaos.hurt(rng.choice(FAULTS))
        if waiting and time.monotonic() > next_launch:
            launch(place, waiting.pop())
            next_launch += every
    over.set()
    for client in clients:
        client.join(60)
    connection.close()
    told = set().union(*(c.acknowledged for c in clients))
    settled = settle(place)
    lost, doubled, wrong = verdict(place, told)
    missing, twice, uncertain = messages(place)
    chaos.stop()
    print(dict(chaos.done), flush=True)
    bench.write(
        "faults",
        [
            bench.row("faults.injected", chaos.done.total(), "faults"),
            bench.row("faults.accepted", len(told) + Partner.received.total(), "operations"),
            bench.row("faults.retries", sum(c.offered for c in clients) - len(told) / 10, "calls"),
            bench.row("faults.lost", lost + missing, "events, messages", goal=0),
            bench.row("faults.doubled", doubled + twice, "events, messages", goal=0),
            bench.row("faults.wrong_profiles", wrong, "profiles", goal=0),
            bench.row("faults.messages", Partner.received.total(), "messages"),
            bench.row("faults.uncertain", uncertain, "messages shown to a person"),
            bench.row("faults.settled_s", settled, "s"),
        ],
        command="make prove",
    )
    assert (lost, doubled, wrong, missing, twice) == (0, 0, 0, 0, 0)
    launched = (CAMPAIGNS - len(waiting)) * PEOPLE
    assert len(told) > 10_000, "too few events were taken to prove anything"
    assert launched > 0, "no campaign was launched"
    assert Partner.received.total() > 0.9 * launched, "too few messages arrived"
    assert uncertain <= 4 * chaos.done.total(), "more messages are uncertain than faults explain"
    assert settled < SETTLE_SECONDS, "the queues did not empty"


def settle(place: make.Place) -> float:
    """Seconds until the queue of changed contacts and the light jobs are empty."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS:
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


def messages(place: make.Place) -> tuple[int, int, int]:
    """Messages missing (a person without a row, or marked sent and never received), handed over
    twice, and uncertain: shown, and sent again only by a person."""
    with tenant_context(place.id):
        states = dict(Send.objects.values_list("id", "state"))
        launched = Campaign.objects.exclude(state="draft").count()
    missing = launched * PEOPLE - len(states)
    missing += sum(
        state == "sent" and not Partner.received[str(pk)] for pk, state in states.items()
    )
    missing += sum(state not in {"sent", "uncertain"} for state in states.values())
    twice = sum(n > 1 for n in Partner.received.values())
    return missing, twice, sum(state == "uncertain" for state in states.values())
