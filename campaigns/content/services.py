"""Briefs, generation, revisions: every change to content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from attune.kernel import audit, jobs, live
from attune.kernel.errors import Conflict, FieldError, Invalid
from attune.kernel.phrases import say, word
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from attune.kernel.words import holds
from campaigns.catalog import services as catalog_services
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact
from campaigns.content import checks, grounding
from campaigns.content.jobs import GENERATE_VARIANTS, GenerateVariants
from campaigns.content.models import (
    Asset,
    Brief,
    BriefProduct,
    Channel,
    Check,
    GenerationRun,
    Locale,
    Revision,
)
from campaigns.generators import meter, registry, servers
from campaigns.generators.models import ModelVersion
from campaigns.segments.models import Segment

MOST_VARIANTS = 8
BUDGET_FACTOR = 4
REVISION = Machine(
    "revision",
    {
        ("draft", "submit"): "in_review",
        ("changes_requested", "submit"): "in_review",
        ("in_review", "approve"): "approved",
        ("in_review", "reject"): "rejected",
        ("in_review", "request_changes"): "changes_requested",
        ("draft", "supersede"): "superseded",
        ("in_review", "supersede"): "superseded",
        ("changes_requested", "supersede"): "superseded",
        ("approved", "supersede"): "superseded",
        ("rejected", "supersede"): "superseded",
    },
)


def save_brief(
    *,
    name: str,
    goal: str,
    channel: str,
    products: list[Product],
    audience: Segment | None = None,
    offer: str = "",
    notes: str = "",
    locale: str = "en",
    must_mention: Sequence[str] = (),
    tone: str = "",
    banned_words: Sequence[str] = (),
    samples: Sequence[str] = (),
    author_id: int | None = None,
    brief: Brief | None = None,
) -> Brief:
    """Create or change a brief. A brief without products has nothing to write about, one that
    wants said what it bans cannot be met: Invalid."""
    wrong = [*_faults(name, goal, channel, products), *_clashes(must_mention, banned_words)]
    if locale not in Locale.values:
        wrong.append(FieldError("locale", say("Choose one of %(names)s.", names=list(Locale))))
    if wrong:
        raise Invalid(wrong)
    row = brief or Brief(author_id=author_id)
    row.name, row.goal, row.channel, row.audience = name[:120], goal[:300], channel, audience
    row.offer, row.notes, row.locale, row.tone = offer[:300], notes, locale, tone[:200]
    row.must_mention, row.banned_words = list(must_mention), list(banned_words)
    row.samples = list(samples)
    row.save()
    BriefProduct.objects.filter(brief=row).delete()
    BriefProduct.objects.bulk_create(BriefProduct(brief=row, product=p) for p in products)
    audit.record("content.save_brief", row)
    return row


def _faults(name: str, goal: str, channel: str, products: list[Product]) -> Iterator[FieldError]:
    if not name.strip():
        yield FieldError("name", say("Give the brief a name."))
    if not goal.strip():
        yield FieldError("goal", say("Say what the message is for."))
    if channel not in Channel.values:
        known = ", ".join(Channel.values)
        yield FieldError("channel", say("Choose one of %(names)s.", names=known))
    if not products:
        yield FieldError(
            "products",
            say("A brief needs at least one product."),
            say("Copy may only state facts."),
        )


def _clashes(must: Sequence[str], banned: Sequence[str]) -> Iterator[FieldError]:
    """What a brief wants mentioned, against what it or the workspace never says."""
    never = [*banned, *catalog_services.voice().banned_words]
    for phrase in must:
        for word_never in never:
            if holds(phrase, word_never):
                yield FieldError(
                    "must_mention",
                    say("“%(phrase)s” holds a banned word: %(word)s.", phrase=phrase,
                        word=word_never),
                    say("Take it off one of the two lists."),
                )  # fmt: skip


def request_variants(
    *, brief: Brief, wanted: int, author_id: int | None, contact: Contact | None = None,
    like: Revision | None = None,
) -> GenerationRun:  # fmt: skip
    """Ask the model for variants: a run and its job, in one transaction. For one person with
    `contact`, in the manner of an existing text with `like`."""
    if not 1 <= wanted <= MOST_VARIANTS:
        raise Invalid.one("wanted", say("Ask for 1 to %(most)s variants.", most=MOST_VARIANTS))
    if not grounding.products_of(brief):
        raise Invalid.one("products", say("The brief has no products any more."), say("Add one."))
    if like is not None and (like.asset.brief_id != brief.pk):
        raise Invalid.one("like", say("This text was not written for this brief."))
    meter.demand_allowance(paid=registry.writers()[0] is None and servers.costs("writing"))
    Brief.objects.select_for_update().get(pk=brief.pk)  # a double click asks once
    busy = [GenerationRun.State.QUEUED, GenerationRun.State.RUNNING]
    if GenerationRun.objects.filter(brief=brief, state__in=busy).exists():
        raise Conflict(
            say("The model is still writing for this brief; wait for it or cancel the job.")
        )
    profile = grounding.reader_profile(contact) if contact else grounding.audience_profile(brief)
    run = GenerationRun.objects.create(
        brief=brief, wanted=wanted, budget=wanted * BUDGET_FACTOR, author_id=author_id,
        grounding=grounding.ground_of(brief).sources, audience_profile=profile,
        contact=contact, like=like,
    )  # fmt: skip
    run.seed = run.pk.int % 2**31
    run.job = GENERATE_VARIANTS.enqueue(GenerateVariants(run.pk))
    run.save(update_fields=["seed", "job"])
    audit.record("content.request_variants", run, wanted=wanted)
    return run


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate of the model with what the checks said, which version wrote it (None: the base),
    and each part as it was before its repair."""

    components: dict[str, str]
    findings: list[checks.Finding]
    version: ModelVersion | None = None
    repaired: dict[str, str] = field(default_factory=dict)


def add_drafts(*, run: GenerationRun, drafts: list[Draft]) -> list[Revision]:
    """Keep candidates, passed or blocked: a blocked one says why and cannot be submitted."""
    made = []
    start = Asset.objects.filter(brief=run.brief).count()
    for index, draft in enumerate(drafts, start=start + 1):
        asset = Asset.objects.create(
            name=f"{run.brief.name} · {index}"[:160],
            channel=run.brief.channel,
            brief=run.brief,
            locale=run.brief.locale,
        )
        made.append(
            _revision(
                asset,
                draft.components,
                draft.findings,
                Revision.Origin.MODEL,
                author_id=run.author_id,
                run=run,
                draft=draft,
            )
        )
    live.push(current_tenant(), "content", str(run.brief_id))
    return made


def create_asset(
    *, name: str, channel: str, components: dict[str, str], author_id: int | None,
    brief: Brief | None = None, locale: str = "en",
) -> Revision:  # fmt: skip
    """A message written by a person: an asset with its first revision."""
    if not name.strip():
        raise Invalid.one("name", say("Give the message a name."))
    if channel not in Channel.values:
        raise Invalid.one(
            "channel", say("Choose one of %(names)s.", names=", ".join(Channel.values))
        )
    asset = Asset.objects.create(name=name[:160], channel=channel, brief=brief, locale=locale)
    return _written(asset, components, author_id=author_id, parent=None)


def edit(*, revision: Revision, components: dict[str, str], author_id: int | None) -> Revision:
    """Change the text: a new revision. The old one, approved or not, is superseded."""
    newest = Revision.objects.filter(asset=revision.asset).order_by("-number").first()
    if newest is not None and newest.pk != revision.pk:
        raise Conflict(say("There is a newer revision; edit that one."))
    if _hash(components) == revision.hash:
        raise Invalid.one("components", say("Nothing was changed."))
    advance(REVISION, revision, "supersede")
    return _written(revision.asset, components, author_id=author_id, parent=revision)


def _written(
    asset: Asset, components: dict[str, str], *, author_id: int | None, parent: Revision | None
) -> Revision:
    unknown = set(components) - set(checks.LIMITS[asset.channel])
    if unknown:
        raise Invalid.one(
            f"components.{sorted(unknown)[0]}",
            say("The channel %(channel)s has no such part.", channel=asset.channel),
        )
    if not all(isinstance(value, str) for value in components.values()):
        raise Invalid.one("components", say("Every part is text."))
    findings = checks.inspect(asset.channel, components, grounding.ground_of(asset.brief))
    run = parent.run if parent else None
    return _revision(
        asset, components, findings, Revision.Origin.PERSON,
        author_id=author_id, parent=parent, run=run,
    )  # fmt: skip


def _revision(
    asset: Asset,
    components: dict[str, str],
    findings: list[checks.Finding],
    origin: str,
    *,
    author_id: int | None,
    run: GenerationRun | None = None,
    parent: Revision | None = None,
    draft: Draft | None = None,
) -> Revision:
    revision = Revision.objects.create(
        asset=asset,
        number=(parent.number if parent else 0) + 1,
        components=components,
        hash=_hash(components),
        origin=origin,
        run=run,
        parent=parent,
        author_id=author_id,
        blocked=checks.blocked(findings),
        version=draft.version if draft else None,
        repaired=draft.repaired if draft else {},
    )
    Check.objects.bulk_create(
        Check(
            revision=revision,
            kind=f.kind,
            verdict=f.verdict,
            component=f.component,
            message=f.message,
            span=f.span,
            evidence=f.evidence,
        )
        for f in findings
    )
    audit.record("content.revision", revision, origin=origin, hash=revision.hash)
    return revision


def _hash(components: dict[str, str]) -> str:
    """SHA-256 over the sorted components: what was approved is what is sent."""
    return hashlib.sha256(orjson.dumps(components, option=orjson.OPT_SORT_KEYS)).hexdigest()


def verify(revision: Revision) -> None:
    """Raise Conflict unless this revision may leave the house: approved, unblocked, unaltered."""
    if revision.state != Revision.State.APPROVED or revision.blocked:
        raise Conflict(
            say(
                "“%(revision)s” is %(state)s, not approved.",
                revision=revision,
                state=word(revision.state),
            )
        )
    if _hash(revision.components) != revision.hash:
        raise Conflict(say("“%(revision)s” was altered after its approval.", revision=revision))


def finish_run(
    *, run_id: UUID, tried: int, passed: int, model: str, prompt: list[dict[str, str]],
    parameters: dict[str, Any], new_tokens: int, seconds: float, note: str, failed: bool = False,
    trial: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Close a run with what it took; `short` says that fewer passed than were wanted."""
    run = GenerationRun.objects.select_for_update().get(pk=run_id)
    short = passed < run.wanted
    run.state = "failed" if failed else "short" if short else "finished"
    run.tried, run.passed, run.model, run.prompt = tried, passed, model, prompt
    run.parameters, run.new_tokens, run.seconds, run.note = (
        parameters,
        new_tokens,
        seconds,
        note,
    )
    run.trial, run.drafts = trial or {}, {}
    run.save()
    audit.record("content.finish_run", run, tried=tried, passed=passed)
    live.push(current_tenant(), "content", str(run.brief_id))


def rank(scores: dict[UUID, dict[str, Any]]) -> None:
    """Keep how candidates were ranked: the score of each part, the total, P(y|x)."""
    for revision_id, values in scores.items():
        Revision.objects.filter(pk=revision_id).update(scores=values)


@jobs.on_cancel(GENERATE_VARIANTS)
def _cancelled(payload: GenerateVariants) -> None:
    cancel_run(run=GenerationRun.objects.get(pk=payload.run_id))


def cancel_run(*, run: GenerationRun) -> None:
    """Close a run whose job was cancelled; its candidates stay."""
    GenerationRun.objects.filter(pk=run.pk, state__in=["queued", "running"]).update(
        state=GenerationRun.State.FAILED, note=say("Cancelled by a person.")
    )
    audit.record("content.cancel_run", run)
    live.push(current_tenant(), "content", str(run.brief_id))
