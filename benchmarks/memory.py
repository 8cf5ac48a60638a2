"""Resident memory of each process after it did some of its work; only the model worker knows torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.content import services as content
from campaigns.content.models import GenerationRun
from tests import make

CELERY = [sys.executable, "-m", "celery", "-A", "attune.celery"]
WORKERS = {
    "light": [*CELERY, "worker", "-Q", "light", "-c", "2"],
    "model": [*CELERY, "worker", "-Q", "model", "-I", "workers.model_tasks", "-P", "solo"],
    "beat": [*CELERY, "beat"],
}


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in family(int(child)))]


def measure(pid: int) -> tuple[float, bool]:
    """(MB over the whole family, whether any of it mapped torch). Shared pages count each time."""
    members = family(pid)
    torch = any("libtorch" in Path(f"/proc/{p}/maps").read_text() for p in members)
    return sum(bench.rss_mb(p) for p in members), torch


def main() -> None:
    place = make.workspace("memory")
    key = make.key(place, kind="write_only")
    with tenant_context(place.id):
        run = content.request_variants(brief=make.brief(), wanted=1, author_id=None)
    running = {
        name: subprocess.Popen(
            [*command, "--loglevel", "ERROR"], cwd=bench.ROOT, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name, command in WORKERS.items()
    }  # fmt: skip
    try:
        with bench.web() as (host, web):
            batch = [make.track(f"u{n % 500}", "Product Viewed") for n in range(2000)]
            for _ in range(5):
                body = orjson.dumps({"batch": batch})
                bench.call(host, "POST", "/v1/batch", body, key)
            _await(place, run.pk)
            found = {"web": measure(web)} | {n: measure(p.pid) for n, p in running.items()}
    finally:
        for process in running.values():
            os.killpg(process.pid, signal.SIGKILL)
    bench.write(
        "memory", [bench.row(f"{name}.rss_mb", mb, "MB") for name, (mb, _) in found.items()]
    )
    assert {name for name, (_, torch) in found.items() if torch} == {"model"}


def _await(place: make.Place, run_id: object) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with tenant_context(place.id):
            state = GenerationRun.objects.get(pk=run_id).state
        if state not in {"queued", "running"}:
            return
        time.sleep(1)
    raise RuntimeError("The model worker did not finish.")
