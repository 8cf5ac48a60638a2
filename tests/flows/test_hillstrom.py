"""A slice of the real test, replayed and resumed: counts and effects equal the file's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attune.kernel.errors import Invalid
from campaigns.contacts.models import Contact, Event
from campaigns.decisions.models import Decision
from campaigns.experiments import services as experiments
from workers import replay

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "hillstrom" / "hillstrom.csv.gz"
ROWS = 4_000


@pytest.fixture
def real() -> Path:
    if not FILE.exists():
        reason = "../shared/data/hillstrom is absent"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return FILE


@pytest.mark.data
def test_a_stopped_replay_goes_on_and_finds_what_the_file_says(tenant, real):
    experiment = replay.prepare(author_id=None, reviewer_id=0)
    taken: list[replay.Row] = []
    for _ in range(2):  # the second round finds out by itself where the first one stopped
        for count, batch in enumerate(replay.batches(real, skip=replay.done_so_far(experiment))):
            replay.replay(experiment, batch, replay.now())
            taken += batch
            if count == 1:
                break
    replay.replay(experiment, taken[:500], replay.now())  # offered again: nothing doubles
    assert [r.number for r in taken] == list(range(ROWS))
    assert (Contact.objects.count(), Decision.objects.count()) == (ROWS, ROWS)
    visits = sum(r.cells["visit"] == "1" for r in taken)
    orders = sum(r.cells["conversion"] == "1" for r in taken)
    assert Event.objects.filter(type="track").count() == visits + orders

    snapshot = experiments.analyse(experiment=experiment, now=replay.now())
    found = {(a["arm"], m["key"]): a for m in snapshot.results["metrics"] for a in m["arms"]}
    for arm in ("none", "mens", "womens"):
        rows = [r for r in taken if r.arm == arm]
        visited = sum(r.cells["visit"] == "1" for r in rows)
        spend = sum(float(r.cells["spend"]) for r in rows)
        assert found[arm, "hillstrom-visit"]["n"] == len(rows)
        assert found[arm, "hillstrom-visit"]["total"] == visited
        assert found[arm, "hillstrom-spend"]["total"] == pytest.approx(spend)
    assert snapshot.srm_p > 0.001


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(Invalid, match="lacks the columns"):
        list(replay.read(path))
    with pytest.raises(Invalid, match="cannot be read"):
        list(replay.read(tmp_path / "none.csv"))
