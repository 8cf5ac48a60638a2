"""What copy for a brief stands on: the facts it may state, the voice it speaks in, and what of its
readers the model is told. Nothing else of the workspace reaches a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attune.kernel import privacy
from campaigns.catalog import selectors as catalog
from campaigns.catalog import services as catalog_services
from campaigns.catalog.models import Product
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.content import injection
from campaigns.content import voice as style
from campaigns.content.checks import Ground
from campaigns.content.models import Brief, BriefProduct
from campaigns.generators import meter

OF_PROFILE = ("lifecycle", "orders", "top_category")  # said of a reader unless left out
MOST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Voice:
    """How a brief speaks: the workspace's voice, and what the brief says otherwise (`own`)."""

    tone: str
    banned: tuple[str, ...]
    preferred: tuple[str, ...]
    samples: tuple[str, ...]
    signature: str
    own: tuple[str, ...] = ()


def voice_of(brief: Brief | None) -> Voice:
    """The workspace's voice as this brief inherits it: its tone replaces, its banned words and
    samples are added."""
    row = catalog_services.voice()
    own = tuple(n for n in ("tone", "banned_words", "samples") if brief and getattr(brief, n))
    extra = brief or Brief()
    return Voice(
        extra.tone or row.tone,
        tuple(dict.fromkeys([*row.banned_words, *extra.banned_words])),
        tuple(row.preferred_words),
        tuple(dict.fromkeys([*extra.samples, *row.samples])),
        row.signature,
        own,
    )


def voice_score(text: str, voice: Voice) -> style.Score | None:
    """How near a text is to this voice; None where the voice has no samples."""
    return style.score(text, voice.samples, preferred=voice.preferred)


def products_of(brief: Brief, *, facts: bool = False) -> list[Product]:
    """What a brief is about, in its order; with `facts` those are read along."""
    lines = BriefProduct.objects.filter(brief=brief).select_related("product").order_by("id")
    if facts:
        lines = lines.prefetch_related("product__facts")
    return [line.product for line in lines]


def ground_of(brief: Brief | None) -> Ground:
    """What copy for this brief may say: facts of its products, the brief's own words. Without a
    brief: the facts of everything that is offered. Text that commands a model grounds nothing."""
    products = products_of(brief) if brief else catalog.offered()
    sources = catalog.grounding(products)
    if brief:
        for part in ("goal", "offer", "notes"):
            if getattr(brief, part):
                sources.append({"source": f"brief, {part}", "text": getattr(brief, part)})
    voice = voice_of(brief)
    if voice.signature:
        sources.append({"source": "brand voice, signature", "text": voice.signature})
    return Ground(
        [s for s in sources if not injection.command_in(str(s["text"]))],
        voice.banned,
        tuple(p.url for p in products if p.url),
        tuple(brief.must_mention) if brief else (),
        brief.locale if brief else "",
    )


def commands_in(brief: Brief) -> list[dict[str, str]]:
    """The sources that were left out as commands to a model, each with the words that say so."""
    return [
        {"source": str(source["source"]), "words": words}
        for source in catalog.grounding(products_of(brief))
        if (words := injection.command_in(str(source["text"])))
    ]


def audience_profile(brief: Brief) -> dict[str, Any]:
    """What of the audience the prompt may know: its name, description and size. No person; and no
    word of a segment that is made from a sensitive trait."""
    segment = brief.audience
    if segment is None:
        return {}
    told = {"segment": segment.name, "version": segment.version, "size": segment.size}
    traits = sorted(t for t in set(_traits(segment.rule)) if privacy.sensitive(t))
    if traits:
        return {**told, "segment": "", "description": "", "left_out": traits}
    return {**told, "description": segment.description}


def reader_profile(contact: Contact) -> dict[str, Any]:
    """What of one person the prompt may know, and which fields were kept from it."""
    used: dict[str, str] = {}
    profile = contacts.profile(contact.pk)
    for name in OF_PROFILE:
        value = getattr(profile, name, "") if profile else ""
        if value not in ("", None):
            used[name] = str(value)
    allowed = set(meter.settings_of().profile_fields)
    left_out = []
    for name, value in sorted(contact.traits.items()):
        plain = str(value)
        fit = isinstance(value, (str, int, float, bool)) and len(plain) <= MOST_VALUE
        if name in allowed and fit and not privacy.sensitive(name) and _harmless(plain):
            used[name] = plain
        else:
            left_out.append(name)
    return {"contact": str(contact.pk), "used": used, "left_out": left_out}


def _harmless(value: str) -> bool:
    return not injection.command_in(value) and not privacy.mask(value).found


def _traits(rule: Any) -> Iterator[str]:
    """Every trait that a rule names, at any depth."""
    if isinstance(rule, dict):
        if isinstance(rule.get("trait"), str):
            yield rule["trait"]
        for value in rule.values():
            yield from _traits(value)
    elif isinstance(rule, list):
        for value in rule:
            yield from _traits(value)
