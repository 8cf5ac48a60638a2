"""Files of spend as other programs write them, and what no file can mean."""

from __future__ import annotations

import pytest

from campaigns.budget import tables


@pytest.mark.parametrize(
    ("text", "told"),
    [("day;Search\n2026-01-05;1.234,50", [("Search", 1234.5)]),
     ("day\tSearch\n2026-01-05\t7", [("Search", 7.0)]),
     ("day,Search\n05.01.2026,7", [("Search", 7.0)])],
)  # fmt: skip
def test_files_of_other_programs_are_read(text, told):
    assert [(s.channel, s.amount) for s in tables.read(text.splitlines(keepends=True))] == told


@pytest.mark.parametrize(
    ("text", "reason"),
    [('day,Search\n2026-01-05,"100\n' + "2026-01-06,1\n" * 20_000, "A quote is not closed"),
     ("day,Search\n2026-01-05," + "1" * 200_000, "A quote is not closed"),
     ("day,Search,Search\n2026-01-05,1,2", "Two columns are called Search"),
     ("day,revenue,orders,Search\n2026-01-05,1,2,3", "Two columns say the outcome"),
     ("day,channel,spend,revenue\n2026-01-05,Radio,1,2", "has no place"),
     ("day,Search\n01/05/2026,1", "is no day"),
     ("day,Search\n2026-01-05,1_000", "Must be an amount from 0")],
)  # fmt: skip
def test_what_a_file_cannot_mean_is_refused_in_words(text, reason):
    told = list(tables.read(text.splitlines(keepends=True)))
    assert len(told) == 1
    assert reason in str(told[0].reason)
