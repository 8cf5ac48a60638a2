"""The machine's reading of a message before a person's. Pure: text in, findings out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from attune.kernel.phrases import Phrase, as_is, known_words, say, word
from attune.kernel.privacy import EMAIL, PHONE
from attune.kernel.words import holds, visible
from campaigns.content import claims, slots

LIMITS: dict[str, dict[str, int]] = {
    "email": {"subject": 78, "preheader": 110, "body": 3000, "cta": 30, "link": 300},
    "banner": {"headline": 60, "body": 200, "cta": 25, "link": 300},
    "sms": {"body": 160},
    "push": {"title": 50, "body": 150, "link": 300},
    "ad": {"headline": 40, "body": 90, "cta": 25, "link": 300},
    "product": {"title": 80, "body": 800},
    "recommend": {"title": 60, "body": 200, "link": 300},
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "email": ("subject", "body"),
    "banner": ("headline", "body"),
    "sms": ("body",),
    "push": ("title", "body"),
    "ad": ("headline", "body"),
    "product": ("title", "body"),
    "recommend": ("title", "body"),
}
TITLES = {"subject", "headline", "title", "cta", "preheader"}
VARIABLES = {
    "first_name": say("the contact's first name"),
    "name": say("the contact's name"),
    "email": say("the contact's address"),
    "unsubscribe_url": say("the one-click unsubscribe page"),
    "workspace": say("the workspace's name"),
}
PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*(?:\|\s*default:\s*\"([^\"]*)\"\s*)?\}\}")
LEFTOVER = re.compile(
    r"\{\{|\}\}|\{%|%\}|\{\w+\}|\[(?:your|insert|name|company|product|link)[^\]]*\]|<\|[^|]*\|>"
    r"|lorem ipsum|\ufffd"
    r"|this is the way you write|\b(?:one|two|three)(?: or (?:two|three))? short sentences?\b"
    r"|as an ai\b|here(?:'s| is) (?:a|the|your) (?:subject|email|text|message)"
    r"|\b(?:this is how we write|words we like|write in the manner of)\b"
    r"|\b(?:goal|tone|facts|readers|the reader|mention|offer):|\bwrite (?:the|a|one) \w+",
    re.IGNORECASE,
)
LINK = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|net|org|info|biz|shop|store"
    r"|online|site|xyz|top|app|dev|io|co|cn|de|uk|eu|ru|us|fr|it|es|nl|pl|jp|in)\b(?:/\S*)?",
    re.IGNORECASE,
)
SHOUT = re.compile(r"\b[A-Z]{4,}\b(?:\s+\b[A-Z]{3,}\b)+|!!+")

PARTS: dict[str, Phrase] = {
    "subject": say("subject"), "preheader": say("preview line"), "body": say("text"),
    "cta": say("button"), "link": say("link of the button"), "headline": say("headline"),
    "title": say("title"),
}  # fmt: skip
known_words(*LIMITS)
known_words("length", "placeholder", "banned words", "personal data", "claims", "tone", "links")
known_words("repetition", "language", "mentions", "pass", "warn", "block")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says: pass, warn or block; the component, the words, the source."""

    kind: str
    verdict: str
    message: Phrase
    component: str = ""
    span: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the copy is judged against."""

    sources: list[dict[str, Any]]
    banned: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    locale: str = "en"


def inspect(channel: str, components: dict[str, str], ground: Ground) -> list[Finding]:
    """Every check of a message; one `pass` finding for each kind that found nothing."""
    components = {name: visible(text) for name, text in components.items()}
    found: list[Finding] = list(_shape(channel, components))
    limits = LIMITS[channel]
    components = {n: t for n, t in components.items() if len(t) <= limits.get(n, 0)}
    for name, text in components.items():
        if name == "link":
            found += _target(text, ground)
            continue
        found += _placeholders(name, text)
        found += _words(name, text, ground)
        found += _personal(name, text, ground)
        found += _claims(name, text, ground)
    found += _repetition(components)
    found += _language(components, ground.locale)
    found += _mentions(components, ground)
    kinds = ["length", "placeholder", "banned words", "personal data", "claims"]
    kinds += ["mentions"] if ground.must else []
    wrong = {f.kind for f in found if f.verdict != "pass"}
    found += [Finding(k, "pass", PASSED[k]) for k in kinds if k not in wrong]
    return found


PASSED = {
    "length": say("Every part is there and fits its channel."),
    "placeholder": say("Every placeholder is known."),
    "banned words": say("No word of the brand's banned list."),
    "personal data": say("No personal data in the text."),
    "claims": say("Every price, number, date, name, promise and health word has its source."),
    "mentions": say("It says all that the brief wants mentioned."),
}


def part_name(name: str) -> Phrase:
    """What people call a part of a message."""
    return PARTS.get(name) or as_is(name)


def blocked(findings: list[Finding]) -> bool:
    return any(f.verdict == "block" for f in findings)


def part_blocked(channel: str, name: str, text: str, ground: Ground) -> bool:
    """Whether one part alone would be blocked, whatever stands in the others."""
    alone = {**dict.fromkeys(REQUIRED[channel], "-"), name: text}
    return any(
        f.verdict == "block" and f.component == name for f in inspect(channel, alone, ground)
    )


def _shape(channel: str, components: dict[str, str]) -> list[Finding]:
    limits = LIMITS[channel]
    found = [
        Finding("length", "block", say("The %(name)s is empty.", name=part_name(name)), name)
        for name in REQUIRED[channel]
        if not components.get(name, "").strip()
    ]
    for name, text in components.items():
        if name not in limits:
            found.append(
                Finding(
                    "length",
                    "block",
                    say(
                        "The channel %(channel)s has no %(name)s.",
                        channel=word(channel),
                        name=part_name(name),
                    ),
                    name,
                )
            )
        elif len(text) > limits[name]:
            message = say(
                "%(n)s characters; the %(name)s takes %(most)s.",
                n=len(text),
                name=part_name(name),
                most=limits[name],
            )
            found.append(Finding("length", "block", message, name))
    return found


def _placeholders(name: str, text: str) -> list[Finding]:
    found = []
    for match in PLACEHOLDER.finditer(text):
        if match.group(1) not in VARIABLES:
            known = ", ".join(VARIABLES)
            message = say("Unknown placeholder; known: %(known)s.", known=known)
            found.append(Finding("placeholder", "block", message, name, match.group()))
    rest = PLACEHOLDER.sub("", text)
    found += [
        Finding("placeholder", "block", say("Left-over template text."), name, m.group())
        for m in LEFTOVER.finditer(rest)
    ]
    return found


def _words(name: str, text: str, ground: Ground) -> list[Finding]:
    found = []
    for banned in ground.banned:
        match = holds(text, banned)
        if match:
            found.append(
                Finding(
                    "banned words",
                    "block",
                    say("The brand never says this."),
                    name,
                    match.group(),
                )
            )
    found += [
        Finding(
            "tone",
            "warn",
            say("Shouting (capitals or several exclamation marks)."),
            name,
            m.group(),
        )
        for m in SHOUT.finditer(text)
    ]
    return found


def _repetition(components: dict[str, str]) -> list[Finding]:
    """A run of four words that comes back within one part: a model that went in circles."""
    found = []
    for name, text in components.items():
        words = re.findall(r"[\w'’]+", PLACEHOLDER.sub("it", text).lower())
        runs = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
        counted = Counter(runs)
        again = next((run for run in runs if counted[run] > 1), None)
        if again:
            words_again = " ".join(again)
            found.append(
                Finding("repetition", "block", say("The text goes in circles."), name, words_again)
            )
    return found


CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _language(components: dict[str, str], locale: str) -> list[Finding]:
    """A body in another script than the brief's language is not for its readers."""
    text = PLACEHOLDER.sub("", components.get("body", ""))
    letters = sum(c.isalpha() for c in text)
    share = len(CHINESE.findall(text)) / letters if letters else 0.0
    chinese = locale.startswith("zh")
    if not locale or letters < 4 or (share >= 0.3 if chinese else share <= 0.3):
        return []
    message = say("The brief asks for Chinese.") if chinese else say("The brief asks for English.")
    return [Finding("language", "block", message, "body")]


def _mentions(components: dict[str, str], ground: Ground) -> list[Finding]:
    """What the brief wants said and the message does not say: a slot error each."""
    text = " ".join(v for k, v in components.items() if k != "link")
    wanted = [slots.phrase_slot(phrase) for phrase in ground.must]
    return [
        Finding("mentions", "block", say("It does not mention what the brief asks for."), "", name)
        for name in slots.errors(text, wanted).missing
    ]


def _personal(name: str, text: str, ground: Ground) -> list[Finding]:
    found = [
        Finding("personal data", "block", say("A personal address in the text."), name, m.group())
        for m in EMAIL.finditer(text)
    ]
    found += [
        Finding("personal data", "block", say("A telephone number in the text."), name, m.group())
        for m in PHONE.finditer(text)
    ]
    for match in LINK.finditer(text):
        if not any(leads_to(match.group(), allowed) for allowed in ground.links):
            message = say("A link that is not of a product of the brief.")
            found.append(Finding("links", "block", message, name, match.group()[:200]))
    return found


def leads_to(link: str, page: str) -> bool:
    """Whether a link leads to a page or below it: the same host and port, no user name, a path that
    goes on only at a slash. A link in a text may lack its https://; a query may follow."""
    link = link.rstrip(".,;:!?)]}'\"”’。，；：！？）")
    try:
        asked = urlsplit(link if "://" in link else f"https://{link}")
        known = urlsplit(page)
        same = (asked.hostname, asked.port) == (known.hostname, known.port)
    except ValueError:
        return False
    if not same or "@" in asked.netloc or asked.scheme not in {"https", known.scheme}:
        return False
    if known.query and asked.query != known.query:
        return False
    root = known.path.rstrip("/")
    return asked.path.rstrip("/") == root or asked.path.startswith(f"{root}/")


def _target(text: str, ground: Ground) -> list[Finding]:
    """Where the button leads: a page of a product."""
    if not text or any(leads_to(text, allowed) for allowed in ground.links):
        return []
    message = say("The button must lead to the page of a product.")
    return [Finding("links", "block", message, "link", text[:200])]


def _claims(name: str, text: str, ground: Ground) -> list[Finding]:
    found = []
    plain = PLACEHOLDER.sub("it", text)
    for claim in claims.find(plain, ground.sources, title_case=name in TITLES):
        if claim.supported:
            message = say(
                "The %(claim)s is supported by %(source)s.",
                claim=word(claim.kind),
                source=claim.source,
            )
            found.append(
                Finding("claims", "pass", message, name, claim.text[:200],
                        claim.evidence[:300])
            )  # fmt: skip
        else:
            message = say(
                "Unsupported %(claim)s: no fact and no line of the brief says so.",
                claim=word(claim.kind),
            )
            found.append(Finding("claims", "block", message, name, claim.text[:200]))
    return found
