"""Segments on 1,000,000 contacts and 5,000,000 events beside hand-written SQL: refresh, live size,
incremental update. The import of Hillstrom's customers."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from campaigns.contacts import importing
from campaigns.contacts.models import Contact
from campaigns.segments import selectors, services
from campaigns.segments.models import Segment
from tests import make

CONTACTS, EVENTS = 1_000_000, 5_000_000
RULE = {
    "all": [
        {"did": "Order Completed", "times": 2, "within_days": 30},
        {"trait": "plan", "is": "pro"},
    ]
}
FILL = """
SET session_replication_role = replica;
INSERT INTO contact (id, tenant_id, external_id, email, phone, name, locale, timezone, traits,
  status) SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, {t}, 'c' || n,
  'c' || n || '@example.com', '', '', '', '', '{{}}', 'enabled' FROM generate_series(1, {c}) n;
INSERT INTO trait (id, tenant_id, contact_id, key, text) SELECT gen_random_uuid(), {t},
  ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'plan',
  CASE WHEN n % 5 = 0 THEN 'pro' ELSE 'free' END FROM generate_series(1, {c}) n;
INSERT INTO event (id, tenant_id, message_id, type, name, contact_id, user_id, anonymous_id, properties,
  context, category, at, source, is_machine) SELECT gen_random_uuid(), {t}, 'm' || n, 'track',
  CASE WHEN n % 10 = 0 THEN 'Order Completed' ELSE 'Product Viewed' END,
  ('00000000-0000-7000-8000-' || lpad(to_hex(1 + (n::bigint * 7919) % {c}), 12, '0'))::uuid, '', '',
  '{{}}', '{{}}', '', now() - (n % 90) * interval '1 day', 'bench', false FROM generate_series(1, {e}) n;
"""
HAND = """
SELECT count(*) FROM contact c
JOIN trait t ON t.tenant_id = c.tenant_id AND t.contact_id = c.id AND t.key = 'plan' AND t.text = 'pro'
JOIN (SELECT contact_id FROM event WHERE tenant_id = {t} AND name = 'Order Completed'
      AND at > now() - interval '30 days' AND NOT is_machine GROUP BY 1 HAVING count(*) >= 2) o
  ON o.contact_id = c.id
WHERE c.tenant_id = {t} AND c.status = 'enabled'"""


def owner_sql(sql: str) -> object:
    """Run as the table's owner, without row-level security: the hand-written peer."""
    with bench.owner() as owner:
        cursor = owner.execute(sql)
        return cursor.fetchone() if cursor.description else None


def main() -> None:
    place = make.workspace("big")
    owner_sql(FILL.format(t=place.id, c=CONTACTS, e=EVENTS))  # without foreign-key triggers
    owner_sql("ANALYZE")
    hand = bench.seconds(lambda: owner_sql(HAND.format(t=place.id)), times=5)
    with tenant_context(place.id):
        live = bench.seconds(lambda: selectors.preview(RULE), times=5)
        count, want = selectors.preview(RULE).count, owner_sql(HAND.format(t=place.id))[0]
        assert count == want, (count, want)
        segment = services.create(name="bench", rule=RULE)
    with tenant_context(place.id):
        refresh = bench.seconds(
            lambda: services.refresh(Segment.objects.get(pk=segment.pk)), times=3
        )
    update = incremental(place)
    rate = hillstrom()
    bench.write(
        "segments",
        [
            bench.row("segment.sql_ratio", live / hand, "x hand-written", peer=round(hand * 1000),
                      peer_name="hand-written SQL, ms", goal=1.5, n=5),
            bench.row("segment.live_size_ms", live * 1000, "ms", n=5),
            bench.row("segment.refresh_s", refresh, "s", n=3),
            bench.row("segment.update_ms", update, "ms an event", goal=5, n=200),
            bench.row("import.rows_per_s", rate, "rows/s"),
        ],
    )  # fmt: skip


def incremental(place: make.Place) -> float:
    """Milliseconds an event, from recorded to member: fold, segments, rewards, batches of 200."""
    with tenant_context(place.id):
        make.run_jobs()
    items = [make.track(f"c{n * 5}", "Order Completed", revenue=5) for n in range(1, 201)]
    with tenant_context(place.id), connection.cursor() as cursor:
        rows = [
            (str(c.pk), c.external_id)
            for c in Contact.objects.filter(external_id__in=[i["userId"] for i in items])
        ]
        cursor.executemany(
            "INSERT INTO identity (id, tenant_id, kind, value, contact_id) "
            "VALUES (gen_random_uuid(), %s, 'user', %s, %s)",
            [(place.id, external, pk) for pk, external in rows],
        )
    began = time.perf_counter()
    with tenant_context(place.id):
        make.record(*items)
    return (time.perf_counter() - began) * 1000 / len(items)


def hillstrom() -> float:
    """Rows a second of the 64,000 customers as a file: parse, check, store; without the fold."""
    path = Path(bench.ROOT).parent / "shared/data/hillstrom/hillstrom.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    numbered = [b"id," + lines[0]] + [b"h%d," % n + line for n, line in enumerate(lines[1:])]
    place = make.workspace("import")
    with tenant_context(place.id):
        file = SimpleUploadedFile("hillstrom.csv", b"\n".join(numbered) + b"\n")
        of = importing.upload(file=file)
        importing.start(of=of, mapping=of.mapping, dry_run=False)
    began = time.perf_counter()
    for batch in importing.batches(of, skip=0):
        with tenant_context(place.id):
            importing.take_batch(of, batch, dry_run=False)
    rate = 64_000 / (time.perf_counter() - began)
    assert of.accepted == 64_000, of.accepted
    return rate
