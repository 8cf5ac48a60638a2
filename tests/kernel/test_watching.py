"""Logs that say whose they are, and what Prometheus reads."""

from __future__ import annotations

import json
import logging
import re
import time
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families
from pythonjsonlogger.json import JsonFormatter

from attune.kernel import housekeeping, tracing
from attune.settings.base import _FIELDS
from tests import make
from workers import runner
from workers.runner import HANDLERS


def written(message: str) -> dict[str, str]:
    record = logging.LogRecord("attune", logging.WARNING, "x", 1, message, None, None)
    assert tracing.Ids().filter(record)
    told: dict[str, str] = json.loads(JsonFormatter(_FIELDS).format(record))
    return told


def test_a_line_of_the_log_names_request_workspace_and_job(tenant):
    with tracing.tracing(request="r-1"), tracing.tracing(job="j-1"):
        told = written("it broke")
    assert (told["message"], told["request"], told["job"]) == ("it broke", "r-1", "j-1")
    assert told["tenant"] == str(tenant.id)
    assert told["levelname"] == "WARNING"
    assert written("outside")["request"] == ""


def test_a_job_is_named_while_it_runs(tenant, monkeypatch):
    make.segment()  # its refresh is a job that was done
    seen: list[str] = []
    kind = "segments.refresh"
    usual = HANDLERS[kind]

    def watched(payload: object, run: runner.Run) -> None:
        seen.append(written("in it")["job"])
        usual(payload, run)

    monkeypatch.setitem(HANDLERS, kind, watched)
    row = make.segment(name="again")
    assert len(seen) == 1
    assert re.fullmatch(r"[0-9a-f-]{36}", seen[0])
    assert row.name == "again"


def test_an_answer_carries_the_id_of_its_request(tenant, client):
    assert client.get("/health/live", headers={"X-Request-ID": "abc.1"})["X-Request-ID"] == "abc.1"
    made = client.get("/health/live", headers={"X-Request-ID": "no good\r\n"})["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{12}", made)
    client.force_login(tenant.owner)
    lost = client.get(f"/w/{tenant.slug}/nowhere", headers={"X-Request-ID": "seek-me"})
    assert "seek-me" in lost.content.decode()  # the reference that a person can tell us


def sample(text: str, name: str, **labels: str) -> float | None:
    return next((s.value for family in text_string_to_metric_families(text)
                 for s in family.samples if s.name == name and s.labels == labels), None)  # fmt: skip


def test_metrics_are_for_who_knows_the_token(db, settings):
    client = Client()
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "scrape"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer \u00e9"}).status_code == 401


def test_metrics_count_requests_and_jobs_of_all_workspaces(tenant, client, settings):
    settings.METRICS_TOKEN = "scrape"
    asked = {"Authorization": "Bearer scrape"}
    labels = {"view": "health-live", "method": "GET", "status": "200"}
    before = sample(client.get("/metrics", headers=asked).content.decode(),
                    "attune_http_requests_total", **labels) or 0  # fmt: skip
    client.get("/health/live")
    make.segment(name="waits")
    from campaigns.segments import services  # noqa: PLC0415

    services.create(name="pending", rule={"trait": "email", "exists": True})
    text = client.get("/metrics", headers=asked).content.decode()
    assert sample(text, "attune_http_requests_total", **labels) == before + 1
    assert sample(text, "attune_jobs", queue="light", state="pending") == 1
    assert sample(text, "attune_job_waiting_seconds", queue="light") >= 0
    assert sample(text, "attune_database_up") == 1
    assert str(tenant.slug) not in text
    unknown = {"view": "none", "method": "GET", "status": "404"}
    client.get("/no/such/page")
    again = client.get("/metrics", headers=asked).content.decode()
    assert sample(again, "attune_http_requests_total", **unknown) >= 1
    assert "no/such/page" not in again


@pytest.mark.parametrize("bad", ["", "a" * 65, "a b", "a\n"])
def test_an_id_that_is_not_sound_is_not_taken(bad):
    assert tracing.SOUND.fullmatch(bad) is None


@pytest.mark.parametrize("name", ["ready", "health-ready"])
def test_ready_tells_what_will_soon_be_in_the_way(db, name, monkeypatch):
    cache.delete(housekeeping.SWEPT)
    told = Client().get(reverse(name)).json()
    assert (told["ready"], told["problems"]) == (True, [])
    assert any("sweeper has not run" in line for line in told["warnings"])
    housekeeping.note_sweep()
    full = SimpleNamespace(total=100, free=4)
    monkeypatch.setattr("attune.web.health.shutil.disk_usage", lambda _: full)
    told = Client().get(reverse(name)).json()
    assert (told["ready"], told["warnings"]) == (True, ["4% of the disk is free"])
    cache.set(housekeeping.SWEPT, time.time() - 31)
    assert len(Client().get(reverse(name)).json()["warnings"]) == 2


@pytest.mark.parametrize("name", ["live", "health-live"])
def test_live_asks_nobody(name):
    assert Client().get(reverse(name)).content == b"ok"
