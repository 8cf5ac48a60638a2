"""What a page waits for over the socket is asked for again when the socket was away."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("platform", "tenants", "campaigns", "chat", "insights")
APART = {"chat"}  # the widget's own


def test_every_topic_that_a_page_waits_for_is_asked_for_after_a_pause():
    script = (ROOT / "platform/attune/web/frontend/src/live.ts").read_text()
    asked = set(re.findall(r'"(\w+)"', re.search(r"for \(const topic of \[(.*?)\]\)", script)[1]))
    waited: set[str] = set()
    for place in PLACES:
        for template in (ROOT / place).rglob("templates/**/*.html"):
            waited |= set(re.findall(r"\blive-(\w+)", template.read_text()))
    assert len(waited) > 10
    assert waited - APART <= asked
