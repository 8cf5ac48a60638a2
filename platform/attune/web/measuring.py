"""What Prometheus reads: requests of the web processes, and the jobs that wait.

Requests are counted in each process; with several behind one port, PROMETHEUS_MULTIPROC_DIR names a
folder in which they add up. Jobs are counted over all workspaces by one database function, which
tells numbers and no rows.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from attune.kernel import tracing

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
REQUESTS = Counter("attune_http_requests", "Requests answered.", ["view", "method", "status"])
TOOK = Histogram("attune_http_seconds", "Seconds until the answer.", ["view"], buckets=SECONDS)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Each request gets an id (the caller's, where it is sound), which its log lines and its answer
    name, and is counted by view, never by address."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = request.headers.get("X-Request-ID", "")
        own = asked if tracing.SOUND.fullmatch(asked) else tracing.new_id()
        began = time.perf_counter()
        with tracing.tracing(request=own):
            response = self.answer(request)
        match = request.resolver_match
        view = match.view_name or "unnamed" if match is not None else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(view, method, str(response.status_code)).inc()
        TOOK.labels(view).observe(time.perf_counter() - began)
        response.headers.setdefault("X-Request-ID", own)
        return response


class Jobs:
    """Jobs by queue and state, and how long the oldest that is due has waited, when it is asked."""

    def collect(self) -> Iterator[Metric]:
        many = GaugeMetricFamily(
            "attune_jobs", "Jobs of all workspaces.", labels=["queue", "state"]
        )
        late = GaugeMetricFamily("attune_job_waiting_seconds", "The oldest job that is due.",
                                 labels=["queue"])  # fmt: skip
        up = GaugeMetricFamily("attune_database_up", "Whether the database answered.")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT queue, state, n, waiting FROM attune_job_counts()")
                rows = cursor.fetchall()
        except DatabaseError:
            rows = None
        up.add_metric([], 0 if rows is None else 1)
        for queue, state, n, waiting in rows or ():
            many.add_metric([queue, state], n)
            if state == "pending":
                late.add_metric([queue], float(waiting))
        yield from (many, late, up)


def metrics(request: HttpRequest) -> HttpResponse:
    """For a scraper that knows METRICS_TOKEN (a bearer token); not there where none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse("Send the token: Authorization: Bearer …\n", status=401,
                            content_type="text/plain; charset=utf-8",
                            headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
    registry = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, settings.PROMETHEUS_MULTIPROC_DIR)
    own = CollectorRegistry()
    own.register(Jobs())
    body = generate_latest(registry) + generate_latest(own)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
