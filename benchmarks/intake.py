"""Event intake over HTTP beside raw COPY of the same rows into the same table, and beside the
plain DRF + bulk_create way; decisions at a steady load."""

from __future__ import annotations

import statistics
import time
import uuid

import orjson
from django.db import connection
from django.utils import timezone

from attune.kernel.models import new_id
from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts import api, intake
from campaigns.contacts.models import Contact, Event
from tests import make

EVENTS = 20_000
DECISIONS = 600


def payload(n: int) -> dict:
    return {
        "type": "track", "event": "Product Viewed", "userId": f"u{n % 5000}",
        "messageId": uuid.uuid4().hex, "timestamp":
        timezone.now().isoformat(),
        "properties": {"sku": f"S-{n % 97}", "category": "tea", "price": 12.5, "list": "home",
                       "position": n % 40, "currency": "EUR"},
        "context": {"page": {"url": f"https://shop.example/p/{n % 97}", "referrer": ""},
                    "locale": "en", "userAgent": "Mozilla/5.0 (X11; Linux x86_64)"},
    }  # fmt: skip


def batches(size: int) -> list[bytes]:
    return [
        orjson.dumps({"batch": [payload(n) for n in range(start, start + size)]})
        for start in range(0, EVENTS, size)
    ]


def over_http(host: str, key: str, size: int) -> float:
    """Events a second; median of three runs with fresh message ids."""
    rates = []
    for _ in range(3):
        bodies = batches(size)
        began = time.perf_counter()
        for body in bodies:
            bench.call(host, "POST", "/v1/batch", body, key)
        rates.append(EVENTS / (time.perf_counter() - began))
    return statistics.median(rates)


def raw_copy(place: make.Place) -> float:
    """The limit: the same rows, parsed already, by COPY through a temporary table."""
    columns = (
        "id, tenant_id, message_id, type, name, contact_id, user_id, anonymous_id, properties, "
        "context, value_cents, category, at, source, is_machine"
    )
    rates = []
    for _ in range(3):
        parsed, _ = intake.parse([payload(n) for n in range(EVENTS)], now=timezone.now())
        with tenant_context(place.id), connection.cursor():
            contact = Contact.objects.first().pk
            rows = [
                (e.id, place.id, e.message_id, e.type, e.name, contact, e.user_id, "",
                 e.properties.decode(), e.context.decode(), None, e.category, e.at, "copy", False)
                for e in parsed
            ]  # fmt: skip
        with bench.owner() as owner:
            began = time.perf_counter()
            with (
                owner.transaction(),
                owner.cursor().copy(f"COPY event ({columns}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
            rates.append(EVENTS / (time.perf_counter() - began))
    return statistics.median(rates)


def plain_way(place: make.Place) -> float:
    """DRF serializer with many=True, then bulk_create(ignore_conflicts): no counters, no queue."""
    rates = []
    for _ in range(3):
        items = [payload(n) for n in range(5_000)]
        began = time.perf_counter()
        for start in range(0, len(items), 500):
            chunk = orjson.loads(orjson.dumps(items[start : start + 500]))
            with tenant_context(place.id):
                data = api.EventIn(data=chunk, many=True)
                data.is_valid(raise_exception=True)
                known = dict(Contact.objects.values_list("external_id", "pk"))
                Event.objects.bulk_create(
                    [
                        Event(
                            id=new_id(), message_id=i["messageId"], type="track", name=i["event"],
                            contact_id=known[i["userId"]], user_id=i["userId"],
                            properties=i["properties"], context=i["context"], at=i["timestamp"],
                        )
                        for i in data.validated_data
                    ],
                    ignore_conflicts=True,
                )  # fmt: skip
        rates.append(len(items) / (time.perf_counter() - began))
    return statistics.median(rates)


def decisions(host: str, place: make.Place) -> list[float]:
    """Milliseconds of each POST /v1/decide, one after the other, half of them new people."""
    with tenant_context(place.id):
        texts = [make.approved("banner") for _ in range(3)]
        make.experiment(texts, holdout=0.1, name="hero")
    key = make.key(place, "decisions.make")
    took = []
    for n in range(DECISIONS):
        body = orjson.dumps({"experiment": "hero", "userId": f"u{n // 2}"})
        began = time.perf_counter()
        bench.call(host, "POST", "/v1/decide", body, key)
        took.append((time.perf_counter() - began) * 1000)
    return took[50:]


def main() -> None:
    place = make.workspace("bench")
    key = make.key(place, kind="write_only")
    with bench.web() as (host, _):
        over_http(host, key, 500)  # makes the contacts, warms the pool
        at_500, at_100 = over_http(host, key, 500), over_http(host, key, 100)
        copy, plain = raw_copy(place), plain_way(place)
        took = decisions(host, place)
    quantiles = statistics.quantiles(took, n=100)
    bench.write(
        "intake",
        [
            bench.row("intake.events_per_s", at_500, "events/s", goal=15_000, n=3),
            bench.row("intake.events_per_s_100", at_100, "events/s", n=3),
            bench.row("intake.copy_ratio", at_500 / copy, "of COPY", peer=round(copy),
                      peer_name="raw COPY, rows/s", goal=0.2, n=3),
            bench.row("intake.plain_ratio", at_500 / plain, "x", peer=round(plain),
                      peer_name="DRF + bulk_create, events/s", n=3),
            bench.row("decide.p50_ms", statistics.median(took), "ms", n=len(took)),
            bench.row("decide.p95_ms", quantiles[94], "ms", goal=5, n=len(took)),
        ],
    )  # fmt: skip
