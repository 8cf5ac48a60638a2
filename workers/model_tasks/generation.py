"""Variants by the model: sample, check, keep, sample again within the budget, say how it went."""

from __future__ import annotations

import time
from typing import Any

from attune.kernel.phrases import say, word
from campaigns.catalog import services as catalog
from campaigns.content import checks, selectors, services
from campaigns.content.jobs import GENERATE_VARIANTS, GenerateVariants
from campaigns.content.models import GenerationRun, Revision
from workers import models
from workers.engines import copywriting
from workers.engines.copywriting import Assignment
from workers.engines.protocol import Completion, DeadlinePassed, Request
from workers.runner import Run, handles

TEMPERATURE, TOP_P = 0.6, 0.92
ROUND = 4  # samples a round: enough to choose from, soon enough to show


class Writing:
    """One run's state: what was tried, what passed, how long it may go on."""

    def __init__(self, run: GenerationRun, task: Assignment, ground: checks.Ground) -> None:
        self.run, self.task, self.ground = run, task, ground
        self.channel = run.brief.channel
        self.tried = self.passed = self.new_tokens = 0
        self.bodies: list[str] = []
        self.started = time.monotonic()

    @property
    def left(self) -> float:
        return models.deadline_seconds() - (time.monotonic() - self.started)

    @property
    def wants_more(self) -> bool:
        return self.passed < self.run.wanted and self.tried < self.run.budget and self.left > 1


@handles(GENERATE_VARIANTS)
def generate_variants(payload: GenerateVariants, job: Run) -> None:
    with job.unit():
        run = GenerationRun.objects.select_related("brief", "brief__audience").get(
            pk=payload.run_id
        )
        GenerationRun.objects.filter(pk=run.pk).update(state=GenerationRun.State.RUNNING)
        ground = services.ground_of(run.brief)
        task = _assignment(run)
        already = selectors.newest_revisions(run.brief_id)
    job.progress(done=0, total=run.wanted, note=say("loading the model"))
    runtime = models.runtime()
    writing = Writing(run, task, ground)
    writing.bodies = [r.components.get("body", "") for r in already]
    note, failed = "", False
    try:
        while writing.wants_more:
            _round(writing, runtime, job)
    except DeadlinePassed as late:
        note, failed = str(late), writing.passed == 0
    _finish(writing, runtime.name, note or _note(writing), failed, job)


def _assignment(run: GenerationRun) -> Assignment:
    brief, voice = run.brief, catalog.voice()
    facts = tuple(str(s["text"]) for s in run.grounding if not str(s["source"]).endswith("name")
                  and not str(s["source"]).startswith("brief"))  # fmt: skip
    audience = brief.audience.description or brief.audience.name if brief.audience else ""
    return Assignment(
        channel=brief.channel, goal=brief.goal, audience=audience, tone=voice.tone,
        offer=brief.offer, facts=facts,
    )  # fmt: skip


def _round(writing: Writing, runtime: Any, job: Run) -> None:
    """One sample of every part, ROUND times; each passing candidate is kept as it comes."""
    n = min(ROUND, writing.run.budget - writing.tried)
    parts: dict[str, list[Completion]] = {}
    for part in copywriting.PARTS[writing.channel]:
        job.progress(
            done=writing.passed, total=writing.run.wanted,
            note=say("writing the %(part)s; %(passed)s of %(tried)s candidates passed",
                     part=word(part), passed=writing.passed, tried=writing.tried),
        )  # fmt: skip
        parts[part] = runtime.generate(
            Request(
                messages=copywriting.prompt(part, writing.task),
                n=n,
                max_new_tokens=copywriting.TOKENS[part],
                temperature=TEMPERATURE,
                top_p=TOP_P,
                seed=writing.run.seed + writing.tried,
                seconds=max(writing.left, 1),
            )
        )
        writing.new_tokens += sum(c.new_tokens for c in parts[part])
    samples = {
        part: [copywriting.tidy(made.text, part) for made in found] for part, found in parts.items()
    }
    candidates = copywriting.compose(
        samples,
        lambda part, text: not checks.part_blocked(writing.channel, part, text, writing.ground),
        required=checks.REQUIRED[writing.channel],
    )
    writing.tried += n
    _keep(writing, copywriting.distinct(candidates, against=writing.bodies), job)


def _keep(writing: Writing, candidates: list[dict[str, str]], job: Run) -> None:
    drafts = [
        services.Draft(c, checks.inspect(writing.channel, c, writing.ground)) for c in candidates
    ]
    with job.unit():
        made: list[Revision] = services.add_drafts(run=writing.run, drafts=drafts)

    writing.passed += sum(not r.blocked for r in made)
    writing.bodies += [c.get("body", "") for c in candidates]
    job.progress(done=min(writing.passed, writing.run.wanted), total=writing.run.wanted)


def _note(writing: Writing) -> str:
    if writing.passed >= writing.run.wanted:
        return ""
    return say(
        "Only %(passed)s of the %(wanted)s wanted passed the checks within the budget of "
        "%(budget)s candidates. The blocked ones say why; more facts in the catalogue, or an "
        "edit by hand, help most.",
        passed=writing.passed,
        wanted=writing.run.wanted,
        budget=writing.run.budget,
    )


def _finish(writing: Writing, model: str, note: str, failed: bool, job: Run) -> None:
    body = copywriting.PARTS[writing.channel][-1 if writing.channel in ("sms", "push") else -2]
    with job.unit():
        services.finish_run(
            run_id=writing.run.pk, tried=writing.tried, passed=writing.passed, model=model,
            prompt=copywriting.prompt(body, writing.task),
            parameters={"temperature": TEMPERATURE, "top_p": TOP_P, "round": ROUND},
            new_tokens=writing.new_tokens, seconds=time.monotonic() - writing.started,
            note=note, failed=failed,
        )  # fmt: skip
