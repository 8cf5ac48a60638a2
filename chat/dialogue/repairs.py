"""When a message is not understood: which of these, in other words, a person. Pure."""

from __future__ import annotations

import re

from attune.kernel.phrases import say
from chat.dialogue.domain import DATE
from chat.dialogue.turns import Act, Turn

MAYBE = 0.2
MOST_FALLBACKS, MOST_MISSES = 2, 2  # then a person
YES = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok(?:ay)?|correct|right|exactly|please do|do it|go ahead|confirm"
    r"|that'?s (?:right|correct)|是的?|好的?|对的?|可以|确认|没错)(?:[ ,.!]*(?:please|thanks?"
    r"|do it|do that|go ahead|thank you|correct|that'?s right))*\W*$", re.I)  # fmt: skip
NO = re.compile(
    r"^\W*(?:no|nope|nah|not that|wrong|don'?t|neither|none(?: of (?:these|them|those))?"
    r"|不是?|否|不要|不对|都不是)"
    r"(?:[ ,.!]*(?:thanks?|thank you|please|don'?t|wrong))*\W*$", re.I)  # fmt: skip
CANCEL = re.compile(
    r"\b(?:cancel (?:that|this|it)|never ?mind|forget (?:it|that|about it)|stop (?:that|this|it)"
    r"|leave it|changed my mind|i do(?:n'?t| not) want (?:that|this|it) any ?more)\b"
    r"|^\W*(?:cancel|stop)\W*$|算了|取消吧|不用了", re.I)  # fmt: skip


BETTER = re.compile(
    r"^\W*(?:(?:no|nope|actually|rather|instead|sorry)\b|不是?)?[ ,.:!，。]*"
    r"(?P<plain>(?:i meant?|make it)\b|改成|改为)?[ ,.:]*(?P<rest>.{2,})$", re.I)  # fmt: skip
WHEN = re.compile(DATE.pattern + r"|\d|\b(?:noon|morning|evening|afternoon)\b|上午|下午|晚上|点",
                  re.I)  # fmt: skip
MOST_WORDS = 6


def corrected(text: str) -> str:
    """What a customer says instead, where a yes was waited for: "no, tomorrow at ten", or a day
    by itself. Empty where it is nothing of the kind."""
    text = " ".join(text.split())
    if text.endswith(("?", "？")) or CANCEL.search(text):
        return ""
    if (match := BETTER.match(text)) and (match["plain"] or WHEN.search(match["rest"])):
        return match["rest"].strip()
    return text if DATE.search(text) and len(text.split()) <= MOST_WORDS else ""


def agrees(text: str) -> bool:
    """A plain yes; a doubting "sure?" is none."""
    return bool(YES.match(text)) and "?" not in text and "？" not in text


def fallback(turn: Turn) -> list[Act]:
    """What follows where the knowledge has nothing either. Empty: the assistant admits it."""
    turns, known = turn.state.fallbacks, likely(turn)
    if turns >= MOST_FALLBACKS:
        return [Act("person", name="pending_clarification")]
    if turns == 0 and known:
        return [Act("clarify", name=",".join(known))]
    if turns == 0 and not turn.domain.titles:
        return []
    return [Act("rephrase")]


def likely(turn: Turn) -> list[str]:
    """The one or two intents that it may have been."""
    return [n for n, share in turn.reading.intents[:2] if share >= MAYBE and n in
            turn.domain.titles]  # fmt: skip


def clarify(turn: Turn, options: list[str]) -> Act:
    turn.add("asked", what="clarify", options=options)
    titles = [turn.domain.titles[o] for o in options]
    if len(titles) == 1:
        return Act("clarify", say("Do you mean: %(title)s?", title=titles[0]),
                   (say("Yes"), say("No")), name="clarify")  # fmt: skip
    return Act("clarify", say("What do you mean?"), (*titles, say("None of these")), name="clarify")


def rephrase(turn: Turn) -> Act:
    turn.add("asked", what="rephrase")
    text = say("I did not understand that. Could you put it in other words?")
    return Act("rephrase", text, (say("Talk to a person"),), name="rephrase")
