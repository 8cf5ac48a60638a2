"""The Dockerfile and the compose file, as far as they can be checked without an engine: what they
name exists, and nothing that must run is missing."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from attune.kernel import jobs
from attune.settings import environment

FILE = (settings.ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((settings.ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if "build" in one}


def test_what_the_images_copy_is_there():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", FILE, re.MULTILINE)
    named = [name for line in copied for name in line.split()]
    assert len(named) >= 10
    assert [name for name in named if not (settings.ROOT / name).exists()] == []
    packages = {p.name for p in settings.ROOT.iterdir() if (p / "__init__.py").exists()} - {
        "tests",
        "benchmarks",
    }
    assert packages <= set(named)
    ignored = (settings.ROOT / ".dockerignore").read_text().split()
    assert not set(named) & set(ignored)


def test_every_target_that_is_built_exists():
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", FILE, re.MULTILINE))
    assert {one["build"]["target"] for one in OURS.values()} <= targets


def test_nobody_runs_as_root():
    last = {}
    stage = ""
    for line in FILE.splitlines():
        if line.startswith("FROM"):
            stage = line.split()[-1]
        if line.startswith("USER"):
            last[stage] = line.split()[1]
    assert last == {"web": "attune", "model": "attune"}


def test_every_queue_has_a_worker_and_one_clock_ticks():
    commands = [one.get("command", []) for one in OURS.values()]
    queues = [c[c.index("-Q") + 1] for c in commands if "-Q" in c]
    assert sorted(queues) == sorted(
        {jobs.LIGHT, jobs.MODEL, jobs.TRAINING, jobs.FITTING, jobs.CHAT}
    )
    assert sum("beat" in c for c in commands) == 1


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_one_that_attune_reads_and_every_module_is_there(name):
    service = OURS[name]
    outside = {
        "DATABASE_ADMIN_URL",  # read by setup_database alone
        "FORWARDED_ALLOW_IPS",  # by the web server
    }
    assert set(service["environment"]) - set(environment.VARIABLES) <= outside
    command = service.get("command", [])
    modules = [command[i + 1] for i, word in enumerate(command) if word in {"-m", "-I", "-A"}]
    assert [m for m in modules if importlib.util.find_spec(m) is None] == []


def test_secrets_are_asked_for_and_never_written_down():
    text = (settings.ROOT / "compose.yaml").read_text()
    for line in text.splitlines():
        if re.search(r"^\s+\w*(KEY|PASSWORD)\w*:", line):
            assert ":?" in line or ":-}" in line, line


def test_who_serves_nothing_is_not_asked_whether_it_serves():
    served = [name for name, one in OURS.items() if one["build"]["target"] == "web"]
    asked = [n for n in served if not OURS[n].get("healthcheck", {}).get("disable")]
    assert asked == ["web"]
