"""Logs of decisions as files: what is read, what is refused, and that what is written reads back."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attune.kernel.errors import Conflict
from campaigns.strategy import logformats, past, selectors, services
from campaigns.strategy.logformats import Refused, Round
from tests import make
from tests.campaigns import shop

ACTIONS = ("wait", "discount", "delivery")


def told(kind: str, *lines: str) -> list[str]:
    """What became of each line."""
    return [
        f"{row.field}: {row.reason}" if isinstance(row, Refused)
        else f"{row.action} {row.reward:g} {row.propensity:g}"
        for row in logformats.read(kind, lines, ACTIONS)
    ]  # fmt: skip


@pytest.mark.parametrize(("line", "what"), [
    ('{"action": "wait", "reward": 1, "propensity": 0.5}', "wait 1 0.5"),
    ('{"action": "wait", "reward": 1}',
     "propensity: The probability of the choice is missing. Without it nobody can say what another "
     "policy would have earned."),
    ('{"action": "wait", "propensity": 1.5}',
     "propensity: A probability is above 0, up to 1; this is 1.5."),
    ('{"action": "wait", "propensity": 0}',
     "propensity: A probability is above 0, up to 1; this is 0."),
    ('{"action": "wait", "propensities": {"wait": 0.5, "discount": 0.2}}',
     "propensities: The propensities sum to 0.7, not to 1."),
    ('{"action": "wait", "propensities": {"discount": 1}}',
     "propensities: The action “wait” was chosen with no probability."),
    ('{"action": "wait", "propensity": 1, "reward": "much"}', "reward: “much” is not a number."),
    ('{"action": "wait", "propensity": 1, "at": "2026-11-02T10:00:00",'
     ' "rewardedAt": "2026-11-01T10:00:00"}',
     "rewardedAt: The reward came before the decision: the clocks differ."),
    ('{"propensity": 1}', "action: The action is missing."),
    ("rubbish", "line: This line is not JSON."),
])  # fmt: skip
def test_a_line_of_ours(line, what):
    assert told("jsonl", line) == [what]


def test_lines_of_vowpal_wabbit():
    assert told("vw", "2:-1.5:0.25 | age=young orders:3", "7:0:0.5 |", "1:0.5:0 | a", "1 2 3") == [
        "discount 1.5 0.25", "action: There are 3 actions; this line names number 7.",
        "probability: A probability is above 0, up to 1; this is 0.",
        "line: A line is “action:cost:probability | features”.",
    ]  # fmt: skip
    row = next(logformats.read("vw", ["2:-1:0.25 | age=young orders:3 new"], ACTIONS))
    assert row.features == {"age": "young", "orders": 3.0, "new": 1.0}


def test_lines_of_open_bandit():
    head = "timestamp,item_id,position,click,propensity_score,user_feature_0"
    assert told("obp", head, "2019-11-24,1,1,0,0.25,abc", "2019-11-24,2,1,1,,abc") == [
        "discount 0 0.25",
        "propensity_score: The probability of the choice is missing. Without it nobody can say what "
        "another policy would have earned.",
    ]  # fmt: skip
    assert told("obp", "item_id,click", "1,0") == [
        "propensity_score: The column “propensity_score” is missing."
    ]


@pytest.mark.parametrize("kind", ["jsonl", "obp", "vw"])
def test_what_is_written_reads_back(kind):
    rows = [
        Round(1, "discount", 1.0, 0.25, {"wait": 0.75, "discount": 0.25},
              {"age": "young", "orders": 3.0}, "p1"),
        Round(2, "wait", 0.0, 0.75, {"wait": 0.75, "discount": 0.25}, {"age": "old"}, "p2"),
    ]  # fmt: skip
    lines = list(logformats.written(kind, rows, ACTIONS))
    back = list(logformats.read(kind, lines, ACTIONS))
    assert [(r.action, r.reward, r.propensity, r.features) for r in back] == [
        (r.action, r.reward, r.propensity, r.features) for r in rows
    ]
    if kind == "jsonl":
        assert [r.propensities for r in back] == [r.propensities for r in rows]


def test_our_log_goes_out_and_judges_a_version_when_it_comes_back(tenant):
    row = shop.explored(300, 2)
    lines = "\n".join(past.handed_out(row, "jsonl"))
    assert lines.count("\n") == 599
    assert '"unit":"p1"' in lines
    assert "p0-" not in lines  # nobody's own id
    version = services.learn(row, timezone.now())
    kept = past.bring_in(row, SimpleUploadedFile("log.jsonl", lines.encode()), "jsonl")
    make.run_jobs()
    kept = selectors.past_log(kept.pk)
    assert (kept.state, kept.rounds, kept.refused) == ("ready", 600, 0)
    own = services.judge(selectors.version(version.pk), timezone.now())
    row = selectors.version(version.pk)
    theirs = services.report(row, past.log_for(row, kept)).verdict
    assert theirs is not None
    assert theirs.others["ips"].value == pytest.approx(own.estimates["ips"][0], rel=0.02)
    assert selectors.estimate_of(version).pk == own.pk  # what came from outside lets nothing live


def test_a_file_that_cannot_be_believed_is_refused_and_listed(tenant):
    row = shop.policy()
    bad = b'{"action": "wait", "reward": 1}\n' * 60 + b'{"action": "wait", "propensity": 1}\n'
    kept = past.bring_in(row, SimpleUploadedFile("log.jsonl", bad), "jsonl")
    make.run_jobs()
    kept = selectors.past_log(kept.pk)
    assert (kept.state, kept.rounds, kept.refused, len(kept.problems)) == ("refused", 1, 60, 50)
    version = selectors.version(selectors.serving(row).pk)
    with pytest.raises(Conflict, match="cannot be used: it is Refused"):
        past.log_for(version, kept)
