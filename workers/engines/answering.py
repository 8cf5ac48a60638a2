"""A customer's question answered from passages: evidence, a draft, and a check of every sentence.

1. The sentences of the passages are ranked by likeness to the question (cosine of the encoder's
   vectors, 0 to 1), by how many of the question's content words they hold, and by whether they look
   like what was asked for: an amount, a time, a count.
2. Where nothing is like enough, or what the question is about is near no word of it, nothing is
   answered (`Answer.route` is "none").
3. An approved answer (FAQ) whose question is close is said as it stands.
4. Else the model drafts from the best sentences alone. Each sentence of the draft is kept only
   while it is supported: all its numbers and names, and nearly all its content words, stand in one
   and the same sentence of the evidence (a small model joins halves of two into what neither
   says). The first that is not ends the draft.
5. Where no sentence of a draft holds, the best sentences themselves are the answer.

Pure: the encoder and the model come in as functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from chat.knowledge.passages import HAN, sentences
from workers.engines.protocol import Messages

Encode = Callable[[list[str]], np.ndarray]
Draft = Callable[[Messages], str]
Said = Callable[[str], None]

FAQ_ALIKE = 0.74  # likeness of a question to an approved one, from which its answer is said
SURE, ENOUGH = 0.6, 0.45  # likeness of a sentence: answers alone; answers with the words as well
COVERED = 0.4  # share of the question's content words that the evidence must hold then
KNOWN, WELL_KNOWN = 0.65, 0.7  # share of its content words that must be near some word of it
CLOSE = 8  # sentences that are looked at closely
SUPPORTED = 0.8  # share of a draft sentence's content words that must stand in the evidence
MOST_EVIDENCE, MOST_SENTENCES = 5, 3
NEAR_WORD = 0.45  # likeness of two words, from which one stands for the other
NEAR = 0.05  # below the best sentence: what a draft may stand on
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
COMMON = (
    "a an and are as at be been but by can could did do does for from get had has have hello "
    "hi how i if in into is it its like may me might mine more most much must my need no not "
    "of off on one or our out please shall she should so some such than thank thanks that the "
    "their them then there these they this those to too us very want was we were what when "
    "where which who why will with would yes you your yours about any also am just let know "
    "tell say said really"
)
STOP = frozenset(COMMON.split())
DENIES = re.compile(
    r"\b(?:no|not|never|none|neither|nor|cannot|without|closed|only)\b|n['’]t\b|[不没无未]",
    re.IGNORECASE,
)
GENERIC = frozenset({"i", "eu"})  # written with capitals, and no name of what is asked
STOP_HAN = frozenset("的了吗呢是我你您们在有和就都请问怎么什可以能会要吧啊这那")
SYSTEM = {
    "en": "You answer customers of a shop. Use only the facts given. Answer in one or two short, "
    "friendly sentences. Do not add anything that is not in the facts.",
    "zh": "你回答商店顾客的问题。只使用给出的事实，用一两句简短友好的话回答，不要添加事实以外的内容。",  # noqa: E501
}
ASK = {"en": "Facts:\n{facts}\n\nCustomer: {question}", "zh": "事实：\n{facts}\n\n顾客：{question}"}
SHOT = {
    "en": (
        "Facts:\n- Parcels to Norway take 4 working days.\n- Delivery to Norway costs 8 EUR."
        "\n\nCustomer: How long does it take to Oslo in Norway?",
        "A parcel to Norway takes 4 working days.",
    ),
    "zh": (
        "事实：\n- 寄往挪威的包裹需要4个工作日。\n\n顾客：寄到挪威要多久？",
        "寄往挪威的包裹需要4个工作日。",
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as the answer may use it. `faq` holds an approved answer's question."""

    title: str
    text: str
    faq: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence, of which source, how like the question, and the share of its words it holds."""

    text: str
    source: int
    likeness: float
    covered: float

    fits: float = 0.0

    @property
    def score(self) -> float:
        return self.likeness + 0.25 * self.covered + self.fits


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say. `route`: faq, generated, quoted or none; `confidence` 0 to 1; `used` are the
    indices of the sources that it stands on."""

    text: str
    route: str
    confidence: float
    used: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())


def stem(word: str) -> str:
    """A word without its commonest English endings: enough to find it again."""
    for ending, least in (("ations", 5), ("ation", 5), ("ingly", 5), ("ings", 5), ("ing", 4),
                          ("edly", 5), ("ies", 4), ("ied", 4), ("ed", 4), ("es", 4), ("ly", 5),
                          ("s", 4), ("e", 4), ("y", 4)):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= least - 1:
            return word[: -len(ending)]
    return word


def terms(text: str) -> set[str]:
    """The content words of a text, stemmed; of Chinese the pairs of characters; and its numbers."""
    low = text.lower()
    words = (w.replace("’", "'").removesuffix("'s") for w in WORD.findall(HAN.sub(" ", low)))
    found = {stem(w) for w in words if w not in STOP and len(w) > 1}
    for run in HAN.findall(low):
        kept = "".join(c for c in run if c not in STOP_HAN)
        found |= {kept[i : i + 2] for i in range(max(1, len(kept) - 1))} - {""}
    return found | set(numbers(low))


def numbers(text: str) -> list[str]:
    return [n.replace(",", ".").rstrip(".0") or "0" if "." in n or "," in n else n
            for n in NUMBER.findall(text)]  # fmt: skip


def names(text: str) -> set[str]:
    """Capitalised words that do not begin their sentence."""
    found = set()
    for sentence in sentences(text):
        for match in WORD.finditer(sentence):
            if match.start() and match.group()[0].isupper():
                found.add(stem(match.group().lower().replace("’", "'").removesuffix("'s")))
    return found


MONEY = r"\bhow much\b|\bcosts?\b|\bprices?\b|\bfee\b|\bcharge|\bexpensive|多少钱|价格|费用"
AMOUNT = r"\d\s?(?:EUR|USD|GBP|CNY|€|\$|£|¥|元|percent|%)|[€$£¥]\s?\d|\bfree\b|免费"
TIME = (
    r"\bhow long\b|\bwhen\b|\bhow (?:soon|fast|quick)|\bwhat time|\bdeadline"
    r"|多久|几天|什么时候|何时"
)
SPAN = (
    r"\d\s*(?:to \d+\s*)?(?:working |business )?(?:minute|hour|day|week|month|year)s?\b"
    r"|\d{1,2}:\d\d|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|[天日时周月年]"
)
COUNT = r"\bhow (?:many|hot|big|large|heavy)\b|\bwhat (?:temperature|size|weight)|多少|几个"
KINDS = tuple(  # what a question asks for, and how an answer to it looks
    (re.compile(asked), re.compile(looks))
    for asked, looks in ((MONEY, AMOUNT), (TIME, SPAN), (COUNT, r"\d"))
)


def fits(question: str, sentence: str) -> float:
    """A bonus for a sentence that looks like what was asked for, a malus for one that does not."""
    low = question.lower()
    for asked, looks in KINDS:
        if asked.search(low):
            return 0.12 if looks.search(sentence) else -0.12
    return 0.0


def supported(sentence: str, grounds: Sequence[tuple[str, str]]) -> bool:
    """Whether one of the grounds (title, text) says all that the sentence says, and denies what it
    denies. Of a ground that lists several numbers nothing is picked out: which belongs to what, a
    small model mixes up."""
    said, figures, called = terms(sentence), set(numbers(sentence)), names(sentence)
    for title, ground in grounds:
        known = terms(ground) | names(f"of {title}")
        listed = set(numbers(ground))
        if not (figures <= listed and called <= known):
            continue
        if len(listed) > 1 and figures != listed:
            continue
        if bool(DENIES.search(sentence)) != bool(DENIES.search(ground)):
            continue
        if not said or len(said & known) / len(said) >= SUPPORTED:
            return True
    return False


def weigh(question: str, sources: Sequence[Source], encode: Encode) -> list[Evidence]:
    """Every sentence of the sources, best first."""
    asked = terms(question)
    rows = [(s, n) for n, source in enumerate(sources) for s in sentences(source.text)]
    if not rows:
        return []
    vectors = encode([question, *(s for s, _ in rows)])
    likeness = vectors[1:] @ vectors[0]
    found = []
    for (text, n), alike in zip(rows, likeness, strict=True):
        held = terms(f"{sources[n].title} {text}")
        covered = len(asked & held) / len(asked) if asked else 0.0
        found.append(Evidence(text, n, float(alike), covered, fits(question, text)))
    return sorted(found, key=lambda e: (-e.score, e.source))


def understood(question: str, found: Sequence[Evidence], sources: Sequence[Source],
               encode: Encode) -> list[float]:  # fmt: skip
    """Of each sentence, the share of the question's content words that it holds, or holds a word
    near in sense (cosine of the two words at least NEAR_WORD, counted by that much). What the
    question is about and the sentence never heard of shows here: "vegan", "dishwasher"."""
    asked = {stem(w): w for w in contents(question)}
    if not asked or not found:
        return [0.0] * len(found)
    held = [{stem(w): w for w in contents(f"{sources[e.source].title} {e.text}")} for e in found]
    words = sorted({*asked.values(), *(w for one in held for w in one.values())})
    vectors = dict(zip(words, encode(words), strict=True))
    shares = []
    for one in held:
        total = 0.0
        for key, word in asked.items():
            if key in one:
                total += 1
            elif one:
                near = max(float(vectors[word] @ vectors[other]) for other in one.values())
                total += near if near >= NEAR_WORD else 0.0
        shares.append(total / len(asked))
    return shares


def contents(text: str) -> list[str]:
    """The content words of a text as they are written, lower case; of Chinese the pairs."""
    low = text.lower()
    words = [w.replace("’", "'").removesuffix("'s") for w in WORD.findall(HAN.sub(" ", low))]
    pairs = [run[i : i + 2] for run in HAN.findall(low) for i in range(max(1, len(run) - 1))]
    return [w for w in words if w not in STOP and len(w) > 1] + pairs


def answer(
    question: str, sources: Sequence[Source], *, encode: Encode, draft: Draft | None,
    language: str = "en", said: Said | None = None,
) -> Answer:  # fmt: skip
    """The answer, or route "none". `draft` is None where no model is to write; `said` hears the
    text as it grows, supported sentences alone."""
    faqs = [n for n, source in enumerate(sources) if source.faq]
    if faqs:
        vectors = encode([question, *(sources[n].faq for n in faqs)])
        alike = vectors[1:] @ vectors[0]
        best = int(np.argmax(alike))
        if alike[best] >= FAQ_ALIKE:
            chosen = faqs[best]
            return Answer(sources[chosen].text, "faq", float(min(1.0, alike[best])), (chosen,))
    ranked = weigh(question, sources, encode)
    ranked = ranked[:CLOSE]
    known = understood(question, ranked, sources, encode)
    good = [
        e for e, share in zip(ranked, known, strict=True)
        if (e.likeness + e.fits >= SURE and share >= KNOWN)
        or (e.likeness >= ENOUGH and e.covered >= COVERED and share >= WELL_KNOWN)
    ]  # fmt: skip
    if not good:
        top = ranked[0].likeness if ranked else 0.0
        return Answer("", "none", float(max(0.0, top)), (), tuple(ranked[:3]))
    evidence = _gathered(good, ranked)
    confidence = float(min(1.0, good[0].score))
    if draft is not None:
        text = written(question, evidence, sources, draft, language, said)
        if text:
            used = tuple(sorted({e.source for e in evidence if _shares(text, e.text)}))
            return Answer(text, "generated", confidence, used, tuple(evidence))
    quoted = good[: MOST_SENTENCES - 1]
    text = " ".join(dict.fromkeys(e.text for e in quoted))
    return Answer(text, "quoted", confidence, tuple(sorted({e.source for e in quoted})),
                  tuple(evidence))  # fmt: skip


def _gathered(good: list[Evidence], ranked: list[Evidence]) -> list[Evidence]:
    """The good sentences, and the next ones of the same sources: what a draft may stand on."""
    near = {e.source for e in good[:2]}
    more = [e for e in ranked if e.source in near and e not in good]
    return [*good[:MOST_EVIDENCE], *more][:MOST_EVIDENCE]


def prompt(question: str, evidence: Sequence[Evidence], language: str) -> Messages:
    tongue = "zh" if language.startswith("zh") else "en"
    facts = "\n".join(f"- {text}" for text in dict.fromkeys(e.text for e in evidence))
    shown, told = SHOT[tongue]
    return [
        {"role": "system", "content": SYSTEM[tongue]},
        {"role": "user", "content": shown},
        {"role": "assistant", "content": told},
        {"role": "user", "content": ASK[tongue].format(facts=facts, question=question)},
    ]


def written(
    question: str, evidence: Sequence[Evidence], sources: Sequence[Source], draft: Draft,
    language: str, said: Said | None = None,
) -> str:  # fmt: skip
    """The supported beginning of a draft; empty where its first sentence is not supported, or does
    not speak of what was asked."""
    best = max(e.score for e in evidence)
    asked_of = names(question)
    grounds = [
        (sources[e.source].title, e.text) for e in evidence
        if e.score >= best - NEAR
        and asked_of <= terms(f"{sources[e.source].title} {e.text}") | GENERIC
    ]  # fmt: skip
    looked_for = any(e.fits > 0 for e in evidence)
    kept: list[str] = []
    for sentence in sentences(draft(prompt(question, evidence, language)))[:MOST_SENTENCES]:
        if sentence in kept or not supported(sentence, grounds) or sentence.endswith("?"):
            break
        kept.append(sentence)
        if said is not None:
            said(" ".join(kept))
    text = " ".join(kept)
    asked = terms(question)
    if kept and asked and not asked & terms(text) and not set(numbers(text)):
        return ""
    if looked_for and fits(question, text) <= 0:
        return ""
    return text if text.endswith((".", "!", "。", "！")) else ""


def _shares(text: str, sentence: str) -> bool:
    held = terms(sentence)
    return bool(held) and len(terms(text) & held) / len(held) >= 0.4
