"""Variants by a model: bounded, checked, honest about falling short."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from campaigns.catalog import services as catalog
from campaigns.content import selectors, services
from campaigns.content.models import Revision
from campaigns.generators import registry
from tests import make
from tests.workers import tiny as tiny_model
from workers import model_tasks, models, runner
from workers.engines import copywriting
from workers.engines.copywriting import Assignment
from workers.engines.protocol import Completion, DeadlinePassed, Likelihood, Request
from workers.engines.transformers_runtime import PACKAGED, TransformersRuntime

assert model_tasks


class Scripted:
    """A model that says what the test wrote; only the network is doubled."""

    name = "scripted"

    def __init__(self, bodies: list[str], fail: bool = False) -> None:
        self.bodies, self.fail, self.asked = iter(bodies), fail, []
        self.brought: dict[str, dict[str, bytes]] = {}

    def generate_many(self, requests: list[Request], heard: object = None):
        self.asked += requests
        if self.fail:
            raise DeadlinePassed("Nothing was finished within 1 seconds.")
        return [self._samples(request) for request in requests]

    def _samples(self, request: Request) -> list[Completion]:
        last = request.messages[-1]["content"]
        if "two or three short sentences" in last:
            return [Completion(next(self.bodies), 20, True) for _ in range(request.n)]
        return [Completion("Taste Mountain Oolong", 4, True) for _ in range(request.n)]

    def score(self, messages, texts, adapter=""):
        return [Likelihood(-float(len(text)), 10) for text in texts]

    def count(self, messages) -> int:
        return sum(len(m["content"]) for m in messages) // 4

    def has(self, adapter: str) -> bool:
        return adapter in self.brought

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        self.brought[adapter] = files


def generate(monkeypatch: pytest.MonkeyPatch, model: object, wanted: int = 2):
    monkeypatch.setattr(models, "runtime", lambda: model)
    run = services.request_variants(brief=make.brief(), wanted=wanted, author_id=5)
    end = runner.run_job(run.tenant_id, run.job_id)
    run.refresh_from_db()
    return run, end


GOOD = [
    "Mountain Oolong is a lightly roasted oolong tea.",
    "Come in for a quiet cup of Mountain Oolong this evening.",
    "Mountain Oolong costs 14.00 EUR, and a cup takes a minute.",
    "Something warm waits on the shelf for you, lightly roasted.",
]


def test_variants_that_pass_are_kept_with_all_that_made_them(tenant, monkeypatch):
    run, end = generate(monkeypatch, Scripted(GOOD))
    assert (end, run.state, run.passed, run.tried) == ("done", "finished", 4, 4)
    assert run.model == "scripted"
    assert run.prompt[-1]["content"].startswith("Goal: tell tea lovers about the oolong")
    revision = Revision.objects.filter(run=run).first()
    assert (revision.origin, revision.author_id, revision.blocked) == ("model", 5, False)
    assert revision.components["subject"] == "Taste Mountain Oolong"


def test_too_few_good_ones_are_sampled_again_within_the_budget_and_said(tenant, monkeypatch):
    words = ["apple", "brook", "cedar", "dune", "ember", "fjord", "grove", "heath"]
    bad = [f"{w.title()} {w} costs {n} EUR near the {w} {w}." for n, w in enumerate(words, 1)]
    run, end = generate(monkeypatch, Scripted(bad))
    assert (end, run.state, run.tried, run.passed) == ("done", "short", 8, 0)
    assert "Only 0 of the 2 wanted passed" in run.note
    blocked = Revision.objects.filter(run=run)
    assert blocked.count() == 8
    assert all(r.blocked for r in blocked)


def test_a_copy_of_a_copy_is_dropped(tenant, monkeypatch):
    run, _ = generate(monkeypatch, Scripted([GOOD[0]] * 4 + GOOD[1:] + [GOOD[0]]))
    assert Revision.objects.filter(run=run).count() == 4


def test_a_model_that_runs_out_of_time_fails_with_a_sentence(tenant, monkeypatch):
    run, end = generate(monkeypatch, Scripted([], fail=True))
    assert (end, run.state, run.passed) == ("done", "failed", 0)
    assert run.note.startswith("Nothing was finished")


def test_nothing_about_a_single_person_reaches_the_prompt(tenant, monkeypatch):
    make.contact("c1", name="Ada Lovelace", email="ada@example.com", plan="pro")
    segment = make.segment({"trait": "plan", "is": "pro"}, name="Pro people")
    monkeypatch.setattr(models, "runtime", lambda: model)
    model = Scripted(GOOD)
    run = services.request_variants(brief=make.brief(audience=segment), wanted=1, author_id=None)
    runner.run_job(run.tenant_id, run.job_id)
    told = " ".join(m["content"] for request in model.asked for m in request.messages)
    assert "Pro people" in told
    assert "Ada" not in told
    assert "example.com" not in told


def test_samples_are_tidied_into_parts():
    assert copywriting.tidy('Subject: "A quiet cup"\nmore', "subject") == "A quiet cup"
    assert copywriting.tidy("First line is whole. Second is bro", "body") == "First line is whole."
    assert copywriting.tidy("", "body") == ""
    for said, kept in (("A quiet cup waits. A short", "A quiet cup waits"),
                       ("A cup of mountain o", "A cup of mountain"), ("Oolong", "Oolong")):  # fmt: skip
        assert copywriting.tidy(said, "subject", whole=False) == kept
        assert copywriting.tidy(said, "subject") == said


def test_candidates_are_composed_from_sound_parts_first():
    parts = {"subject": ["bad", "good"], "body": ["bad body", "good body"], "cta": ["bad"]}
    found = copywriting.compose(
        parts, lambda name, text: "bad" not in text, required=("subject", "body")
    )
    assert found == [
        {"subject": "good", "body": "good body"}, {"subject": "good", "body": "bad body"},
    ]  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("tiny"))


def ask(n: int, seconds: float = 60.0, tokens: int = 12) -> Request:
    task = Assignment("email", "sell tea", "", "warm", "", ("Tea is hot.",))
    return Request(copywriting.prompt("subject", task), n, tokens, 0.8, 0.9, 7, seconds)


def test_the_runtime_samples_n_texts_and_repeats_itself_for_a_seed(tiny: Path, tmp_path: Path):
    runtime = TransformersRuntime(str(tiny), tmp_path)
    seen: list[tuple[int, int]] = []
    first = runtime.generate(ask(3), lambda done, most: seen.append((done, most)))
    assert len(first) == 3
    assert all(0 < c.new_tokens <= 12 for c in first)
    assert [c.text for c in runtime.generate(ask(3))] == [c.text for c in first]
    assert seen
    assert seen[-1][1] == 36


def test_the_runtime_keeps_its_deadline(tiny: Path, tmp_path: Path):
    runtime = TransformersRuntime(str(tiny), tmp_path)
    with pytest.raises(DeadlinePassed):
        runtime.generate(ask(2, seconds=0.0, tokens=400))


@pytest.mark.real_model
def test_the_packaged_model_loads_offline_and_speaks_of_the_facts():
    runtime = TransformersRuntime(PACKAGED, settings.VAR / "models")
    task = Assignment(
        "email", "tell people about the oolong", "tea drinkers", "plain", "",
        ("Mountain Oolong is a lightly roasted oolong tea.",),
    )  # fmt: skip
    made = runtime.generate(Request(copywriting.prompt("cta", task), 4, 8, 0.5, 0.9, 1, 120))
    assert any("Oolong" in c.text for c in made)


def test_candidates_are_ranked_with_the_score_of_each_part(tenant, monkeypatch):
    catalog.save_voice(tone="warm", audience="", banned_words=[], preferred_words=[],
                       samples=["A slow cup for the morning."], signature="")  # fmt: skip
    run, _ = generate(monkeypatch, Scripted(GOOD))
    rows = list(Revision.objects.filter(run=run))
    assert sorted(r.scores["place"] for r in rows) == [1, 2, 3, 4]
    assert all(set(r.scores["parts"]) == {"voice", "likelihood"} for r in rows)
    assert sum(r.scores["p"] for r in rows) == pytest.approx(1, abs=1e-3)
    shown = selectors.newest_revisions(run.brief_id)
    assert [r.scores["place"] for r in shown] == [1, 2, 3, 4]


def test_a_version_in_canary_writes_its_share_beside_the_base(tenant, monkeypatch):
    version = make.version(1)
    registry.move(row=version, verb="canary")
    model = Scripted([f"A slow cup of Mountain Oolong, {c * 3}." for c in "abcdefgh"])
    run, _ = generate(monkeypatch, model, wanted=4)
    wrote = [r.version_id for r in Revision.objects.filter(run=run)]
    assert (wrote.count(None), wrote.count(version.pk)) == (4, 4)
    assert set(model.brought) == {version.digest}
    tuned = [r for r in model.asked if r.adapter]
    assert {len(r.messages) for r in tuned} == {2}  # asked without examples, as it learned
    assert {len(r.messages) for r in model.asked if not r.adapter} == {6}


def test_a_version_in_shadow_is_counted_and_shown_to_nobody(tenant, monkeypatch):
    version = make.version(1)
    registry.move(row=version, verb="shadow")
    model = Scripted([*GOOD, *[f"Unseen cup of Mountain Oolong, {c * 3}." for c in "abcd"]])
    run, _ = generate(monkeypatch, model)
    assert not Revision.objects.filter(run=run, version=version).exists()
    assert not Revision.objects.filter(run=run, components__icontains="Unseen").exists()
    assert (run.trial["version"], run.trial["tried"], run.trial["passed"]) == (
        str(version.pk),
        4,
        4,
    )


def test_a_live_version_writes_most_and_the_base_stays_as_control(tenant, monkeypatch):
    version = make.version(1)
    for verb in ("canary", "go_live"):
        registry.move(row=registry.version(version.pk), verb=verb)
    model = Scripted([f"A slow cup of Mountain Oolong, {c * 3}." for c in "abcdefghijklmnop"])
    run, _ = generate(monkeypatch, model, wanted=8)
    wrote = [r.version_id for r in Revision.objects.filter(run=run)]
    assert (wrote.count(None), wrote.count(version.pk)) == (4, 12)


def test_what_a_check_blocks_is_mended_by_leaving_out_and_says_so(tenant, monkeypatch):
    bodies = ["Mountain Oolong waits for a slow day. It costs only 3.00 EUR."] * 8
    run, _ = generate(monkeypatch, Scripted(bodies), wanted=1)
    row = Revision.objects.get(run=run)
    assert row.components["body"] == "Mountain Oolong waits for a slow day."
    assert row.repaired == {"body": bodies[0]}
    assert not row.blocked
    assert row.checks.filter(kind="repaired", verdict="warn").count() == 1


def test_a_chinese_brief_is_asked_for_in_chinese(tenant, monkeypatch):
    model = Scripted([])
    monkeypatch.setattr(models, "runtime", lambda: model)
    model._samples = lambda request: [Completion("高山乌龙，慢慢喝的一杯茶。", 9, True)] * request.n
    run = services.request_variants(
        brief=make.brief("sms", locale="zh-hans"), wanted=1, author_id=None
    )
    runner.run_job(run.tenant_id, run.job_id)
    assert "只回答文案本身" in model.asked[0].messages[0]["content"]
    assert Revision.objects.get(run=run).blocked is False


def test_personal_data_in_a_brief_is_masked_in_the_prompt(tenant, monkeypatch):
    model = Scripted(GOOD)
    monkeypatch.setattr(models, "runtime", lambda: model)
    brief = make.brief(goal="write to ada@example.com or +49 40 1234567 about tea")
    run = services.request_variants(brief=brief, wanted=1, author_id=None)
    runner.run_job(run.tenant_id, run.job_id)
    told = str([r.messages for r in model.asked])
    assert "write to [email] or [phone] about tea" in told
    assert "ada@" not in told


def test_a_product_text_of_ten_thousand_words_fits_the_prompt(tenant, monkeypatch):
    model = Scripted(GOOD)
    monkeypatch.setattr(models, "runtime", lambda: model)
    product = make.product(description="A fine tea for you. " * 2500)
    run = services.request_variants(brief=make.brief(products=[product]), wanted=1, author_id=None)
    assert runner.run_job(run.tenant_id, run.job_id) == "done"
    assert max(len(r.messages[-1]["content"]) for r in model.asked) < 1500
