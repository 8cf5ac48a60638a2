"""Two web processes and a worker behind PgBouncer, as on many machines: what one is told, all know,
and nothing is lost or counted twice when one of them dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker
from websockets.sync.client import connect

from attune.embedded import servers
from attune.kernel.tenancy import tenant_context
from attune.settings import base
from tests import databases, make, pooled

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not pooled.PROGRAM and not os.environ.get("CI"),
    reason="PgBouncer is not installed (Debian: pgbouncer); CI has it",
)


@dataclass
class House:
    """Two workspaces with a key each, web processes by port, and the database behind the pool."""

    url: str
    places: list[make.Place]
    keys: list[str]
    environment: dict[str, str]
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def batch(self, port: int, which: int, items: list[dict[str, Any]]) -> requests.Response:
        return requests.post(
            f"http://127.0.0.1:{port}/v1/batch", json={"batch": items}, timeout=20,
            headers={"Authorization": f"Bearer {self.keys[which]}"},
        )  # fmt: skip

    def ask(self, query: str, *values: Any) -> Any:
        """One value, by the owner: past every policy."""
        with psycopg.connect(self.url) as direct:
            direct.execute("SET ROLE attune_owner")
            return direct.execute(query, values).fetchone()[0]  # type: ignore[index]

    def ports(self) -> list[int]:
        return list(self.webs)


def start(house: House, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env=house.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def web(house: House) -> int:
    port = servers.free_port()
    process = start(house, "uvicorn", "attune.asgi:application", "--port", str(port),
                    "--ws", "websockets-sansio")  # fmt: skip
    house.webs[port] = process
    return port


def until(true: Any, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if true():
                return
        time.sleep(0.2)
    raise AssertionError("it did not come true in time")


def ready(port: int) -> bool:
    return requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200


@pytest.fixture(scope="module")
def house(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, postgres_url: str, valkey: str,
    worker_id: str, tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:  # fmt: skip
    name = f"attune_many_{worker_id}"
    with ExitStack() as stack:
        url = stack.enter_context(databases.own(postgres_url, name, django_db_blocker))
        places = [make.workspace("one"), make.workspace("two")]
        with override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS):  # the tests' own is quick
            places[0].owner.set_password("correct horse")
            places[0].owner.save()
        keys = []
        for place in places:
            with tenant_context(place.id):
                keys.append(make.key(place, "events.write", "events.view", "workspace.view"))
        through = stack.enter_context(pooled.pgbouncer(url, name))
        environment = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "attune.settings.dev", "DATABASE_URL": through,
            "REDIS_URL": valkey, "ATTUNE_VAR": str(tmp_path_factory.mktemp("many")),
            "SECRET_KEY": "many machines share one key", "PYTHONPATH": f"{ROOT}:{ROOT}/platform",
        }  # fmt: skip
        found = House(url, places, keys, environment)
        worker = start(found, "celery", "-A", "attune.celery", "worker", "-Q", "light", "-c", "1")
        try:
            first, second = web(found), web(found)
            until(lambda: ready(first) and ready(second))
            yield found
        finally:
            for process in (worker, *found.webs.values()):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def events(user: str, n: int) -> list[dict[str, Any]]:
    return [{"type": "track", "event": "Beat", "userId": user, "messageId": uuid.uuid4().hex}
            for _ in range(n)]  # fmt: skip


def count(house: House, which: int, user: str) -> int:
    query = "SELECT count(*) FROM event WHERE tenant_id = %s AND user_id = %s"
    return int(house.ask(query, house.places[which].id, user))


def test_the_same_event_at_both_processes_counts_once(house):
    first, second = house.ports()
    items = events("twice", 20)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda port: house.batch(port, 0, items).json(), (first, second)))
    assert sum(a["accepted"] for a in answers) == 20
    assert sum(a["duplicates"] for a in answers) == 20
    assert count(house, 0, "twice") == 20


def test_what_one_takes_in_a_worker_elsewhere_works_on(house):
    assert house.batch(house.ports()[0], 0, events("folded", 3)).status_code == 200
    query = ("SELECT count(*) FROM profile p JOIN contact c ON c.id = p.contact_id WHERE "
             "c.external_id = 'folded' AND p.tenant_id = %s")  # fmt: skip
    until(lambda: house.ask(query, house.places[0].id) == 1)


def test_two_workspaces_through_one_pool_never_meet(house):
    ports = house.ports()

    def one(n: int) -> tuple[int, str]:
        which = n % 2
        house.batch(ports[n // 2 % 2], which, events(f"mixed-{which}", 1)).raise_for_status()
        seen = requests.get(
            f"http://127.0.0.1:{ports[n % 2]}/v1/workspace", timeout=20,
            headers={"Authorization": f"Bearer {house.keys[which]}"},
        ).json()  # fmt: skip
        return which, seen["slug"]

    with ThreadPoolExecutor(8) as many:
        seen = list(many.map(one, range(120)))
    assert {(w, slug) for w, slug in seen} == {(n, p.slug) for n, p in enumerate(house.places)}
    for which in (0, 1):
        assert count(house, which, f"mixed-{which}") == 60
        assert count(house, which, f"mixed-{1 - which}") == 0


def test_who_signs_in_at_one_is_known_at_the_other_and_hears_what_happens_there(house):
    first, second = house.ports()
    place, session = house.places[0], requests.Session()
    door = f"http://127.0.0.1:{first}/accounts/login/"
    session.get(door, timeout=20)
    form = {"login": place.owner.email, "password": "correct horse",
            "csrfmiddlewaretoken": session.cookies["csrftoken"]}  # fmt: skip
    assert session.post(door, form, timeout=20, headers={"Referer": door}).ok
    page = session.get(f"http://127.0.0.1:{second}/w/{place.slug}/settings", timeout=20)
    assert (page.status_code, place.tenant.name in page.text) == (200, True)
    cookies = "; ".join(f"{c.name}={c.value}" for c in session.cookies)
    with connect(
        f"ws://127.0.0.1:{second}/ws/{place.slug}/live", origin=f"http://127.0.0.1:{second}",
        additional_headers={"Cookie": cookies},
    ) as socket:  # fmt: skip
        house.batch(first, 0, events("heard", 1)).raise_for_status()
        while json.loads(socket.recv(timeout=20))["topic"] != "jobs":
            pass  # the worker tells of its fold, through the process that we did not speak to


def test_a_process_that_dies_loses_nothing_that_it_acknowledged(house):
    first, second = house.ports()
    told: list[str] = []
    batches = [events("survivor", 10) for _ in range(40)]

    def send(number: int) -> None:
        items = batches[number]
        for port in (first, *[second] * 20):  # a client goes to the other one
            with contextlib.suppress(requests.RequestException):
                if house.batch(port, 0, items).status_code == 200:
                    told.extend(i["messageId"] for i in items)
                    return

    with ThreadPoolExecutor(4) as many:
        running = [many.submit(send, n) for n in range(len(batches))]
        running[4].result()
        os.killpg(house.webs[first].pid, signal.SIGKILL)
        for one in running:
            one.result()
    house.webs.pop(first).wait()
    assert len(told) == len(set(told)) == 400
    assert count(house, 0, "survivor") == 400
    replaced = web(house)
    until(lambda: ready(replaced))
