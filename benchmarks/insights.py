"""Market insight at size.

    python -m benchmarks.run insights

- The whole pipeline (taken in, cleaned, masked, compared with what is there, read, kept) beside the
  forward pass of the bare encoder over the same texts in the same process: the limit here.
- 100,000 copies of one review: how fast they are taken, and what they weigh in the end.
- Graph and trend queries on 1,000,000 mentions of 400,000 texts, beside a count by hand that no row
  policy binds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from attune.kernel.tenancy import tenant_context
from benchmarks import bench
from benchmarks import opinion_data as data
from insights.findings import looking
from insights.graph import drawing
from insights.graph import selectors as graph
from insights.reading import selectors as reading
from insights.reading import services as kept
from insights.reading.services import Named, Read
from insights.reading.summing import Felt
from insights.sources import intake, services, weighing
from insights.sources.entries import Item
from insights.sources.models import Document
from insights.topics import selectors as topics
from tests import make
from workers.engines import senses
from workers.engines.embedding import Encoder
from workers.engines.opinion_readers import OpinionReaders

TEXTS, PORTION, COPIES = 3_072, 256, 100_000
DOCUMENTS, MENTIONS, FEATURES, PRODUCTS, TOPICS = 400_000, 1_000_000, 300, 50, 60
FLOOD = "I bought this as a present and it was broken when it came, never buy here again."
FILL = """
SET session_replication_role = replica;
INSERT INTO product (id, tenant_id, sku, name, category, url, description, price_cents, currency,
  available) SELECT ('00000000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, {t},
  'P' || n, 'Product ' || n, 'tea', '', '', 100, 'EUR', true FROM generate_series(1, {p}) n;
INSERT INTO feature (id, tenant_id, key, label, state)
  SELECT ('00000000-0000-7000-8002-' || lpad(to_hex(n), 12, '0'))::uuid, {t}, 'f' || n,
  'feature ' || n, 'active' FROM generate_series(1, {f}) n;
INSERT INTO topic (id, tenant_id, state, label, named_by, terms, examples, family, pinned, centroid,
  near) SELECT ('00000000-0000-7000-8003-' || lpad(to_hex(n), 12, '0'))::uuid, {t}, 'active',
  'topic ' || n, 'words', '[]', '[]', 0, false, '[1,0]', 0.5 FROM generate_series(1, {k}) n;
INSERT INTO insight_document (id, tenant_id, source_id, external_id, author, product_id, at, title,
  text, language, masked, attributes, state, why, found, digest, leader_id, copies, weighed, weight)
  SELECT d.id, {t}, '{s}', 'e' || n, '', ('00000000-0000-7000-8001-' ||
  lpad(to_hex(1 + n % {p}), 12, '0'))::uuid, now() - (n % 365) * interval '1 day', '', 'text ' || n,
  'en', '{{}}', '{{}}', 'read', '', '', md5(n::text), d.id, 1, 1, 1 FROM generate_series(1, {d}) n,
  LATERAL (SELECT ('00000000-0000-7000-8004-' || lpad(to_hex(n), 12, '0'))::uuid AS id) d;
INSERT INTO reading (id, tenant_id, document_id, model, feeling, negative, neutral, positive,
  intensity, sentences) SELECT gen_random_uuid(), {t}, ('00000000-0000-7000-8004-' ||
  lpad(to_hex(n), 12, '0'))::uuid, 'm', (ARRAY['negative', 'neutral', 'positive'])[1 + n % 3], .3, .3,
  .4, 0, '[]' FROM generate_series(1, {d}) n;
INSERT INTO mention (id, tenant_id, document_id, feature_id, product_id, start, "end",
  opinion_start, opinion_end, polarity, confidence, at, weight)
  SELECT gen_random_uuid(), {t}, ('00000000-0000-7000-8004-' || lpad(to_hex(1 + n % {d}), 12, '0'))::uuid,
  ('00000000-0000-7000-8002-' || lpad(to_hex(1 + (n::bigint * 7919 + n % 13 * (n % {p})) % {f}), 12, '0'))::uuid,
  ('00000000-0000-7000-8001-' || lpad(to_hex(1 + (1 + n % {d}) % {p}), 12, '0'))::uuid, 0, 4, 0, 0,
  n % 3 - 1, .9, now() - ((1 + n % {d}) % 365) * interval '1 day', 1 FROM generate_series(1, {m}) n;
INSERT INTO topic_belonging (id, tenant_id, document_id, topic_id, cosine, by_person)
  SELECT gen_random_uuid(), {t}, ('00000000-0000-7000-8004-' || lpad(to_hex(n), 12, '0'))::uuid,
  ('00000000-0000-7000-8003-' || lpad(to_hex(1 + (n / 7) % {k}), 12, '0'))::uuid, .8, false
  FROM generate_series(1, {d}) n;
"""
HAND = """SELECT feature_id, count(*), sum(weight) FILTER (WHERE polarity < 0) FROM mention
WHERE tenant_id = {t} GROUP BY feature_id ORDER BY 2 DESC LIMIT 100"""


def pipeline() -> list[dict[str, Any]]:
    """Texts a second: the encoder alone, then each part and all of them."""
    said = list(dict.fromkeys(t for _, _, t in data.rated("amazon_snippets")))[:TEXTS]
    encoder, readers = Encoder(), OpinionReaders()
    encoder.encode(said[:64])
    readers.read([(t, "en") for t in said[:64]])
    place = make.workspace("pipeline")
    with tenant_context(place.id):
        source = services.save_source(name="Bench", kind="review", language="en")
    bare = read = taken = stored = 0.0
    for at in range(0, len(said), PORTION):  # by turns, so that a slow phase meets both
        some = said[at : at + PORTION]
        bare += _timed(lambda some=some: encoder.encode(some))
        items = [Item(n, {"text": t}, t) for n, t in enumerate(some, start=1)]
        with tenant_context(place.id):
            taken += _timed(lambda items=items: intake.take(source=source, items=items,
                                                            now=timezone.now()))  # fmt: skip
            rows = list(Document.objects.filter(state="waiting").only("id", "text", "tenant_id"))
        told: list[dict[str, Any]] = []
        read += _timed(lambda rows=rows, told=told: told.extend(
            readers.read([(r.text, "en") for r in rows])))  # fmt: skip
        reads = [_understood(one) for one in told]
        with tenant_context(place.id):
            stored += _timed(lambda rows=rows, reads=reads: kept.keep([r.pk for r in rows], reads))
    n, whole = len(said), taken + read + stored
    return [
        bench.row("insight.encoder_ratio", bare / whole, "of the bare encoder",
                  peer=round(n / bare), peer_name="bare encoder, texts/s", goal=0.6, n=n),
        bench.row("insight.texts_per_s", n / whole, "texts/s", n=n),
        bench.row("insight.taken_per_s", n / taken, "texts/s", n=n),
        bench.row("insight.read_per_s", n / read, "texts/s", n=n),
        bench.row("insight.kept_per_s", n / stored, "texts/s", n=n),
    ]  # fmt: skip


def _understood(told: dict[str, Any]) -> Read:
    return Read(told["model"], tuple(Felt(*row) for row in told["sentences"]),
                tuple(Named(*row) for row in told["terms"]), senses.unpacked(told["vector"]))  # fmt: skip


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def flood() -> list[dict[str, Any]]:
    """Copies of one review, among a hundred others."""
    place = make.workspace("flood")
    with tenant_context(place.id):
        source = services.save_source(name="Flood", kind="review", language="en")
        others = [Item(n, {"text": f"Other text number {n} about tea {uuid.uuid4().hex}"}, str(n))
                  for n in range(100)]  # fmt: skip
        intake.take(source=source, items=others, now=timezone.now())
    seconds = 0.0
    for at in range(0, COPIES, 1_000):
        items = [Item(n, {"text": FLOOD + "!" * (n % 4), "external_id": f"c{at + n}"}, FLOOD)
                 for n in range(1_000)]  # fmt: skip
        with tenant_context(place.id):
            seconds += _timed(lambda items=items: intake.take(source=source, items=items,
                                                              now=timezone.now()))  # fmt: skip
    with tenant_context(place.id):
        while weighing.weigh():
            pass
        rows = Document.objects.filter(text__startswith="I bought this as a present")
        weight = sum(rows.values_list("weight", flat=True))
        n = rows.count()
    return [
        bench.row("insight.flood_per_s", COPIES / seconds, "copies/s", n=n),
        bench.row("insight.flood_weight", weight, "texts that 100,000 copies count as", n=n),
    ]


def scale() -> list[dict[str, Any]]:
    place = make.workspace("scale")
    with tenant_context(place.id):
        source = services.save_source(name="Big", kind="review")
    values = {"t": place.id, "s": source.pk, "d": DOCUMENTS, "m": MENTIONS, "f": FEATURES,
              "p": PRODUCTS, "k": TOPICS}  # fmt: skip
    with bench.owner() as owner:
        owner.execute(FILL.format(**values))
        owner.execute("ANALYZE")
    now = datetime.now(UTC)

    def by_hand() -> None:
        with bench.owner() as owner:
            owner.execute(HAND.format(t=place.id)).fetchall()

    def of(work: Callable[[], Any], times: int = 3) -> float:
        def inside() -> None:
            with tenant_context(place.id):
                work()

        return bench.seconds(inside, times=times)

    hand = bench.seconds(by_hand, times=5)
    features = of(lambda: reading.features(most=100), times=5)
    year = of(lambda: reading.features(since=now - timedelta(days=90), most=100))
    moved = of(lambda: topics.overview(now))
    with tenant_context(place.id):
        topic = topics.overview(now).rows[0].topic
    weekly = of(lambda: topics.weeks(topic, now))
    drawn = {p: of(lambda p=p: drawing.draw(p, now=now), times=1) for p in drawing.KINDS}
    with tenant_context(place.id):
        node = graph.whole().nodes[0]
    near = of(lambda: graph.around(node), times=5)
    found = of(lambda: looking.look(now), times=1)
    return [
        bench.row("insight.features_ms", 1000 * features, "ms", peer=round(1000 * hand),
                  peer_name="counted by hand, ms", n=MENTIONS),
        bench.row("insight.features_90_days_ms", 1000 * year, "ms", n=MENTIONS),
        bench.row("insight.topics_trend_ms", 1000 * moved, "ms", n=DOCUMENTS),
        bench.row("insight.topic_weeks_ms", 1000 * weekly, "ms", n=DOCUMENTS),
        bench.row("insight.graph_drawn_s", sum(drawn.values()), "s", n=MENTIONS),
        bench.row("insight.graph_slowest_s", max(drawn.values()), "s", n=MENTIONS),
        bench.row("insight.graph_around_ms", 1000 * near, "ms", n=MENTIONS),
        bench.row("insight.findings_s", found, "s", n=MENTIONS),
    ]  # fmt: skip


def main() -> None:
    bench.write("insights", [*pipeline(), *flood(), *scale()])
