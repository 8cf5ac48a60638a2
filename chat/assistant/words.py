"""What customers say that needs no model: a person please, hello, thank you; and how they feel.

Sentiment here is a lexicon with negation and emphasis, -1 to 1: a first signal for the policy,
replaced by the trained model where one is live. Pure.
"""

from __future__ import annotations

import re

from chat.knowledge import passages

PERSON = re.compile(
    r"\b(?:talk|speak|chat|connect|transfer|get|want|need|give|put|let)\b[^.?!\n]{0,40}"
    r"\b(?:human|person|agent|someone|somebody|representative|employee|staff|colleague|advisor"
    r"|operator|manager|supervisor)\b"
    r"|\b(?:real|actual|live)\s+(?:human|person|agent)\b|^\s*(?:human|agent|operator|representative)"
    r"(?:\s+please)?\s*[.!]*\s*$|转人工|人工客服|找人工|真人|人工服务|我要人工",
    re.IGNORECASE,
)
NO_BOT = re.compile(r"\b(?:not|no|hate|stupid)\b[^.?!\n]{0,20}\b(?:bot|robot|ai|machine)\b", re.I)
HELLO = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|hallo|你好|您好|早上好|嗨)"
    r"(?:[ ,]+(?:there|all|everyone|team))?\W*$", re.I)  # fmt: skip
THANKS = re.compile(
    r"^\W*(?:ok(?:ay)?[ ,]*)?(?:(?:great|perfect|super|good)[ ,]*)?(?:many )?"
    r"(?:thanks|thank you|thx|cheers|谢谢|多谢|感谢)[^?？]{0,30}$", re.I)  # fmt: skip
BYE = re.compile(r"^\W*(?:bye|goodbye|see you|ciao|再见|拜拜)\W*$", re.I)
WORST = (
    "awful terrible horrible worst broken damaged disappointed disappointing angry furious "
    "annoyed annoying useless ridiculous unacceptable scam fraud liar lies rude pathetic "
    "disgusting garbage rubbish hate"
)
BAD = (
    "bad wrong late slow missing unhappy upset frustrated frustrating problem issue complaint "
    "complain fail failed fails failing poor sad confused lost stupid wasted waste waiting"
)
BEST = "love excellent amazing wonderful fantastic perfect brilliant delighted awesome"
GOOD = "good great nice happy thanks thank helpful glad pleased fine lovely quick kind works"
VALUES = {
    **dict.fromkeys(WORST.split(), -0.7), **dict.fromkeys(BAD.split(), -0.35),
    **dict.fromkeys(BEST.split(), 0.7), **dict.fromkeys(GOOD.split(), 0.35),
}  # fmt: skip
HAN = {
    "差": -0.5, "垃圾": -0.8, "骗": -0.7, "失望": -0.6, "生气": -0.6, "太慢": -0.5, "坏了": -0.5,
    "投诉": -0.6, "糟": -0.6, "烂": -0.7, "不满": -0.6, "没收到": -0.5, "喜欢": 0.5,
    "谢谢": 0.35, "很好": 0.5, "满意": 0.5, "不错": 0.4, "棒": 0.6,
}  # fmt: skip
NEGATIONS = "not no never hardly cannot"
STRONG = "very really so extremely absolutely totally completely incredibly"
NOT, VERY = frozenset(NEGATIONS.split()), frozenset(STRONG.split())
TOKEN = re.compile(r"[a-z'’-]+|[!]+")
UPSET, SOUR = -0.6, -0.3


def wants_person(text: str) -> bool:
    return bool(PERSON.search(text) or NO_BOT.search(text))


def small_talk(text: str) -> str:
    """hello, thanks or bye, where that is all that was said; else empty."""
    for name, pattern in (("hello", HELLO), ("thanks", THANKS), ("bye", BYE)):
        if len(text) < 80 and pattern.match(text):
            return name
    return ""


def asked(text: str) -> str:
    """What is asked, without the sentences that only say how somebody feels about it."""
    parts = passages.sentences(text)
    kept = [p for p in parts if "?" in p or "？" in p or sentiment(p) >= 0]
    return " ".join(kept) if any("?" in p or "？" in p for p in kept) else text


def sentiment(text: str) -> float:
    """How a customer sounds: -1 (furious) to 1 (delighted), 0 where nothing says."""
    tokens = TOKEN.findall(text.lower().replace("’", "'"))
    total, weight = 0.0, 1.0
    for at, token in enumerate(tokens):
        value = VALUES.get(token)
        if value is None:
            continue
        before = tokens[max(0, at - 3) : at]
        if any(b in NOT or b.endswith("n't") for b in before):
            value *= -0.6
        if any(b in VERY for b in before):
            value *= 1.4
        total += value
    total += sum(v * text.count(w) for w, v in HAN.items())
    letters = [c for c in text if c.isascii() and c.isalpha()]
    if len(letters) > 12 and sum(c.isupper() for c in letters) / len(letters) > 0.7:
        weight += 0.5
    if "!!" in text:
        weight += 0.3
    if total < 0:
        total *= weight
    return max(-1.0, min(1.0, total))
