"""What waits to be read, in portions: the model reads outside any transaction."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any

from insights.reading import services
from insights.reading.services import Named, Read
from insights.reading.summing import Felt
from insights.sources.jobs import READ_TEXTS, ReadTexts
from insights.sources.models import Document
from workers import models
from workers.engines import senses
from workers.engines.process_client import ModelAway
from workers.engines.protocol import DeadlinePassed
from workers.model_tasks import topics
from workers.runner import Run, handles

logger = logging.getLogger(__name__)
PORTION, LETTERS = 256, 100_000
SECONDS = 15.0  # of one job; then others of the queue have their turn


@handles(READ_TEXTS)
def read_texts(payload: ReadTexts, run: Run) -> None:
    """Read for a while, then ask for the next turn. What was kept stays kept, whatever happens."""
    began, done = time.monotonic(), 0
    with run.unit():
        services.sweep()
    while True:
        with run.unit():
            rows = services.waiting(PORTION)
            services.unreadable(rows)
        rows = _some([row for row in rows if row.language in services.READ_IN])
        if rows:
            ids, found = _read_what_can(run, [(row.pk, row.text, row.language) for row in rows])
            with run.unit():
                services.keep(ids, found)
            done += len(rows)
            run.progress(done=done)
            topics.place_new(run)
        with run.unit():
            if not services.waiting(1):
                return
            if time.monotonic() - began > SECONDS:
                READ_TEXTS.enqueue(ReadTexts(), dedupe_key="read")
                return


def _some(rows: list[Document]) -> list[Document]:
    """As many of the rows as are read in seconds; one in any case."""
    letters = 0
    for n, row in enumerate(rows):
        letters += len(row.text)
        if n and letters > LETTERS:
            return rows[:n]
    return rows


def _read_what_can(
    run: Run, rows: Sequence[tuple[uuid.UUID, str, str]]
) -> tuple[list[uuid.UUID], list[Read]]:
    """As `_read`; where the model fails at the portion its texts are read one by one, and that at
    which it fails is set aside for a person to see."""
    try:
        return _read(rows)
    except (ModelAway, DeadlinePassed):
        raise
    except Exception:
        logger.exception("a portion of %s texts could not be read; one by one", len(rows))
    ids: list[uuid.UUID] = []
    found: list[Read] = []
    for row in rows:
        try:
            one = _read([row])
        except (ModelAway, DeadlinePassed):
            raise
        except Exception:
            logger.exception("text %s could not be read", row[0])
            with run.unit():
                services.unread(row[0])
        else:
            ids += one[0]
            found += one[1]
    return ids, found


def _read(rows: Sequence[tuple[uuid.UUID, str, str]]) -> tuple[list[uuid.UUID], list[Read]]:
    """Readings of the rows; a text that comes several times is read once."""
    texts = list(dict.fromkeys((text, language) for _, text, language in rows))
    told = dict(zip(texts, models.opinions(texts), strict=True))
    return [pk for pk, _, _ in rows], [_understood(told[text, spoken]) for _, text, spoken in rows]


def _understood(told: dict[str, Any]) -> Read:
    return Read(
        told["model"], tuple(Felt(*row) for row in told["sentences"]),
        tuple(Named(*row) for row in told["terms"]),
        senses.unpacked(told["vector"]),
    )  # fmt: skip
