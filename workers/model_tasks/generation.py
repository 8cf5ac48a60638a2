"""Variants by the model: sample, check, mend, keep, sample again within the budget, rank."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import Any

from attune.kernel import live, privacy
from attune.kernel.phrases import Phrase, say
from campaigns.content import checks, grounding, repair, selectors, services
from campaigns.content.jobs import GENERATE_VARIANTS, GenerateVariants
from campaigns.content.models import GenerationRun, Revision
from campaigns.generators import meter, registry
from campaigns.generators.models import ModelVersion
from campaigns.generators.servers import Server
from workers import models
from workers.engines import copywriting, prompts
from workers.engines.copywriting import Assignment
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import Completion, DeadlinePassed, Request, Runtime
from workers.model_tasks import ranking
from workers.runner import Run, handles

TEMPERATURE, TOP_P = 0.6, 0.92
ROUND = 4  # samples a round: enough to choose from, soon enough to show
BEST_OF = 2  # candidates for each variant that is wanted, where the budget allows
CONTROL_SHARE = 0.25  # of what a live version's runs write, the frozen base writes this much
SHOW_EVERY = 0.4  # seconds between two looks at what is being written


@dataclass
class Writing:
    """One run's state: what was tried, what passed, how long it may go on."""

    run: GenerationRun
    task: Assignment
    ground: checks.Ground
    voice: grounding.Voice
    runtime: Runtime
    server: Server | None
    shares: dict[ModelVersion | None, float]
    shadow: ModelVersion | None = None
    tried: int = 0
    passed: int = 0
    tokens_in: int = 0
    new_tokens: int = 0
    tokens_left: int = 0
    bodies: list[str] = field(default_factory=list)
    made: list[Revision] = field(default_factory=list)
    given: dict[ModelVersion | None, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    shown: float = 0.0

    @property
    def left(self) -> float:
        return models.deadline_seconds() - (time.monotonic() - self.started)

    @property
    def wants_more(self) -> bool:
        enough = self.passed >= self.run.wanted and self.tried >= BEST_OF * self.run.wanted
        spent = self.tokens_in + self.new_tokens >= self.tokens_left
        return not enough and not spent and self.tried < self.run.budget and self.left > 1

    def turn(self) -> ModelVersion | None:
        """Who writes the next round: whoever is furthest behind their share. None is the base."""
        total = sum(self.given.values()) + 1
        behind = {w: share * total - self.given.get(w, 0) for w, share in self.shares.items()}
        chosen = max(behind, key=lambda w: behind[w])
        self.given[chosen] = self.given.get(chosen, 0) + 1
        return chosen


@handles(GENERATE_VARIANTS)
def generate_variants(payload: GenerateVariants, job: Run) -> None:
    job.progress(done=0, note=say("loading the model"))
    house = models.runtime()
    with job.unit():
        run = GenerationRun.objects.select_related(
            "brief", "brief__audience", "like", "contact"
        ).get(pk=payload.run_id)
        GenerationRun.objects.filter(pk=run.pk).update(state=GenerationRun.State.RUNNING)
        writing = _begin(run, house)
    job.progress(done=0, total=run.wanted)
    note, failed = "", False
    try:
        while writing.wants_more:
            _round(writing, writing.turn(), job)
        if writing.shadow is not None and writing.left > 1:
            _shadow(writing, job)
    except DeadlinePassed as late:
        note, failed = str(late), writing.passed == 0
    except (ServerTrouble, ModelAway) as trouble:
        if not writing.made and isinstance(trouble, ModelAway):
            raise  # nothing is written yet: the job is tried again
        note, failed = str(trouble), writing.passed == 0
    scores = ranking.scores(writing.made, writing.runtime, writing.task, writing.voice, job)
    _finish(writing, note or _note(writing), failed, scores, job)


def _begin(run: GenerationRun, house: Runtime) -> Writing:
    """What the run stands on, read in one unit of work."""
    runtime, server = models.writer() if house is models.runtime() else (house, None)
    shares, shadow = _shares(server)
    allowed = meter.month()
    return Writing(
        run=run, task=assignment(run), ground=grounding.ground_of(run.brief),
        voice=grounding.voice_of(run.brief), runtime=runtime, server=server, shares=shares,
        shadow=shadow, tokens_left=max(0, allowed.tokens_cap - allowed.tokens),
        bodies=[*(r.components.get("body", "") for r in selectors.newest_revisions(run.brief_id)),
                *grounding.voice_of(run.brief).samples],
    )  # fmt: skip


def _shares(server: Server | None) -> tuple[dict[ModelVersion | None, float], ModelVersion | None]:
    """How much each writes: the base alone; beside a live version it stays as the control; a
    version in canary gets its share of the rest. A server of others writes all."""
    live_one, trial = registry.writers() if server is None else (None, None)
    shares: dict[ModelVersion | None, float] = {None: CONTROL_SHARE if live_one else 1.0}
    if live_one:
        shares[live_one] = 1 - CONTROL_SHARE
    if trial is not None and trial.state == ModelVersion.State.CANARY:
        share = meter.settings_of().canary_share
        shares = {w: s * (1 - share) for w, s in shares.items()}
        shares[trial] = share
        return shares, None
    return shares, trial


def assignment(run: GenerationRun) -> Assignment:
    """The brief as the model is told it."""
    brief, voice = run.brief, grounding.voice_of(run.brief)
    facts = tuple(str(s["text"]) for s in run.grounding if not str(s["source"]).endswith("name")
                  and not str(s["source"]).startswith("brief"))  # fmt: skip
    profile = run.audience_profile
    audience = str(profile.get("description") or profile.get("segment") or "")
    reader = ", ".join(
        f"{name.replace('_', ' ')}: {value}" for name, value in profile.get("used", {}).items()
    )
    return masked(Assignment(
        channel=brief.channel, goal=brief.goal, audience=audience, tone=voice.tone,
        offer=brief.offer, facts=facts, locale=brief.locale, reader=reader,
        voice=voice.samples[:2], words=voice.preferred, must=tuple(brief.must_mention),
        like=run.like.components.get("body", "") if run.like else "",
    ))  # fmt: skip


def masked(task: Assignment) -> Assignment:
    """Without addresses, numbers and ids of people, whoever wrote them into a brief or a fact."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return privacy.mask(value).text
        return tuple(privacy.mask(text).text for text in value)

    kept = ("channel", "locale")
    return replace(task, **{f.name: plain(getattr(task, f.name)) for f in fields(task)
                            if f.name not in kept})  # fmt: skip


def _round(writing: Writing, version: ModelVersion | None, job: Run) -> None:
    """One sample of every part, ROUND times; each candidate is kept as it comes."""
    n = min(ROUND, writing.run.budget - writing.tried)
    job.progress(
        done=min(writing.passed, writing.run.wanted), total=writing.run.wanted,
        note=_who(writing, version),
    )  # fmt: skip
    candidates = _candidates(writing, version, n, job)
    writing.tried += n
    _keep(writing, version, copywriting.distinct(candidates, against=writing.bodies), job)


def _who(writing: Writing, version: ModelVersion | None) -> Phrase:
    if version is None:
        return say("writing; %(passed)s of %(tried)s candidates passed",
                   passed=writing.passed, tried=writing.tried)  # fmt: skip
    return say("%(version)s is writing; %(passed)s of %(tried)s candidates passed",
               version=version, passed=writing.passed, tried=writing.tried)  # fmt: skip


def _candidates(
    writing: Writing, version: ModelVersion | None, n: int, job: Run, *, show: bool = True
) -> list[dict[str, str]]:
    """Samples of all parts, asked for at once, put together."""
    parts = prompts.PARTS[writing.task.channel]
    adapter = ""
    if version is not None:
        adapter = models.ready(writing.runtime, version, job.unit)
    requests = [
        Request(
            messages=copywriting.prompt(part, writing.task, shots=version is None), n=n,
            max_new_tokens=copywriting.most_tokens(part, writing.task.channel),
            temperature=TEMPERATURE, top_p=TOP_P, seed=writing.run.seed + writing.tried,
            seconds=max(writing.left, 1), adapter=adapter,
        )
        for part in parts
    ]  # fmt: skip

    def heard(index: int, sample: int, text: str) -> None:
        if show and sample == 0:
            drafts[parts[index]] = copywriting.tidy(text, parts[index])
            _show(writing, drafts, job)

    drafts: dict[str, str] = {}
    found: list[list[Completion]] = writing.runtime.generate_many(requests, heard)
    asked = n if writing.server is not None else 1  # a server of others reads it for each sample
    writing.tokens_in += asked * sum(writing.runtime.count(r.messages) for r in requests)
    writing.new_tokens += sum(c.new_tokens for row in found for c in row)
    samples = {
        part: [copywriting.tidy(made.text, part, whole=made.finished) for made in row]
        for part, row in zip(parts, found, strict=True)
    }
    return copywriting.compose(
        samples,
        lambda part, text: (
            not checks.part_blocked(writing.task.channel, part, text, writing.ground)
        ),
        required=checks.REQUIRED[writing.task.channel],
    )


def _show(writing: Writing, drafts: dict[str, str], job: Run) -> None:
    """Let the open page see what is being written, now and then."""
    now = time.monotonic()
    if now - writing.shown < SHOW_EVERY:
        return
    writing.shown = now
    job.progress()  # raises Superseded when a person cancelled
    with job.unit():
        GenerationRun.objects.filter(pk=writing.run.pk).update(drafts=dict(drafts))
    live.push_now(job.row.tenant_id, "content", str(writing.run.brief_id))


def judged(
    channel: str, components: dict[str, str], ground: checks.Ground, version: ModelVersion | None
) -> services.Draft:
    """A candidate with its findings; mended where leaving out what blocks makes it pass."""
    findings = checks.inspect(channel, components, ground)
    if checks.blocked(findings):
        mended, before = repair.mend(channel, components, findings)
        again = checks.inspect(channel, mended, ground) if before else findings
        if before and not checks.blocked(again):
            note = [
                checks.Finding(
                    "repaired", "warn", say("Left out what no source supports."), name,
                    repair.left_out(text, mended.get(name, ""))[:200],
                )
                for name, text in before.items()
            ]  # fmt: skip
            return services.Draft(mended, [*note, *again], version, before)
    return services.Draft(components, findings, version)


def _keep(
    writing: Writing, version: ModelVersion | None, candidates: list[dict[str, str]], job: Run
) -> None:
    drafts = [judged(writing.task.channel, c, writing.ground, version) for c in candidates]
    with job.unit():
        made: list[Revision] = services.add_drafts(run=writing.run, drafts=drafts)
    writing.passed += sum(not r.blocked for r in made)
    writing.made += [r for r in made if not r.blocked]
    writing.bodies += [c.get("body", "") for c in candidates]
    job.progress(done=min(writing.passed, writing.run.wanted), total=writing.run.wanted)


def _shadow(writing: Writing, job: Run) -> None:
    """What the version in shadow would have written: counted, not shown."""
    candidates = _candidates(writing, writing.shadow, ROUND, job, show=False)
    drafts = [judged(writing.task.channel, c, writing.ground, writing.shadow) for c in candidates]
    passed = [d for d in drafts if not checks.blocked(d.findings)]
    writing.run.trial = {
        "version": str(writing.shadow.pk if writing.shadow else ""),
        "tried": len(drafts), "passed": len(passed),
        "samples": [d.components for d in passed[:2]],
        "base_tried": writing.tried, "base_passed": writing.passed,
    }  # fmt: skip


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


def _finish(
    writing: Writing, note: str, failed: bool, scores: dict[Any, dict[str, Any]], job: Run
) -> None:
    seconds = time.monotonic() - writing.started
    name = writing.runtime.name
    with job.unit():
        services.rank(scores)
        services.finish_run(
            run_id=writing.run.pk, tried=writing.tried, passed=writing.passed, model=name,
            prompt=copywriting.prompt("body", writing.task),
            parameters={"temperature": TEMPERATURE, "top_p": TOP_P, "round": ROUND,
                        "versions": sorted(str(v.pk) for v in writing.shares if v)},
            new_tokens=writing.new_tokens, seconds=seconds, note=note, failed=failed,
            trial=writing.run.trial,
        )  # fmt: skip
        micros = 0
        if writing.server is not None:
            micros = writing.server.micros(writing.tokens_in, writing.new_tokens)
        meter.record(
            task="writing", model=name, requests=1, tokens_in=writing.tokens_in,
            tokens_out=writing.new_tokens, seconds=seconds, micros=micros,
        )  # fmt: skip
