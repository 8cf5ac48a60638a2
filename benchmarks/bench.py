"""What every benchmark needs: a real durable database, a web process, and the form of a result."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]


def setup() -> str:
    """Start the embedded servers with fsync on, a fresh database, and Django on it; its URL."""
    from attune.embedded import database, servers  # noqa: PLC0415 - Django is not set up yet

    url = servers.start_postgres(ROOT / "var" / "bench-postgres", database="attune_bench")
    valkey = servers.start_valkey(ROOT / "var" / "bench-valkey")
    atexit.register(valkey.stop)
    import psycopg  # noqa: PLC0415

    with psycopg.connect(database.named(url, "postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS attune_bench WITH (FORCE)")
    database.prepare(url)
    os.environ.update(
        DATABASE_URL=url, REDIS_URL=valkey.url, DJANGO_SETTINGS_MODULE="attune.settings.dev",
        API_THROTTLE_PER_MINUTE="0", ATTUNE_VAR=str(ROOT / "var"),
        PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    )  # fmt: skip
    import django  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", database="owner", verbosity=0)
    return url


def owner() -> Any:
    """A connection of the server's own login, which row-level security does not bind."""
    import psycopg  # noqa: PLC0415

    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


@contextmanager
def web() -> Iterator[tuple[str, int]]:
    """One uvicorn process: (host:port, pid)."""
    from attune.embedded.servers import free_port  # noqa: PLC0415

    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "attune.asgi:application", "--port", str(port),
         "--log-level", "error"], cwd=ROOT,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                call(f"127.0.0.1:{port}", "GET", "/health/live")
                break
            except OSError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def call(host: str, method: str, path: str, body: bytes | None = None, key: str = "") -> bytes:
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{answer.status}: {content[:300]!r}")
    return content


def seconds(work: Callable[[], Any], *, times: int = 3) -> float:
    """Median wall time of `times` runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def row(metric: str, ours: float, unit: str, **more: Any) -> dict[str, Any]:
    known = {"peer": None, "peer_name": "", "goal": None, "n": 1, "interval": None}
    return {"metric": metric, "ours": round(ours, 4), "unit": unit, **known, **more}


def write(name: str, rows: list[dict[str, Any]], *, command: str = "make bench") -> None:
    """Keep the figures as they were seen, and print them as one table."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    result = {
        "name": name, "command": command, "machine": machine,
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "rows": rows,
    }  # fmt: skip
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for one in rows:
        peer = f"  {one['peer_name']}: {one['peer']}" if one["peer"] is not None else ""
        goal = f"  goal {one['goal']}" if one["goal"] is not None else ""
        print(f"{one['metric']:<28} {one['ours']:>12} {one['unit']}{peer}{goal}", flush=True)
