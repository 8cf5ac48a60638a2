"""How a short text is worded, as numbers: its shape, its punctuation, its small words.

Whom a headline speaks to, what it holds back and how loud it is decide part of its success beside
what it is about (Gligoric 2023, doi 10.1371/journal.pone.0281682). English words; in another
language only shape and punctuation speak.
"""

from __future__ import annotations

import re

import numpy as np

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE = re.compile(r"[.!?…]+(?:\s|$)")

_SMALL = """
a about after again all almost also always an and another any anyone are as at away back be
because been before being best better both but by can can't could did didn't do does doesn't
don't down even ever every everyone everything few first for from get gets go going good got
great had has have he her here he's him his how i if i'm in into is isn't it it's its just know
last least less let like little look make makes many maybe me more most much must my need never
new no nobody not nothing now of off on once one only or other our out over own part people
pretty probably quite really right same say says see she she's should show so some someone
something still such than that that's the their them then there these they they're thing things
think this those thought through time to too turns two under until up us very want was watch way
we well were what what's when where which while who why will with without won't would wrong
years yes you you'd you'll your you're
"""
SMALL = tuple(_SMALL.split())

GROUPS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "reader": "you your yours you're you'll you'd you've yourself",
        "us": "we us our ours we're we've we'll",
        "self": "i me my mine i'm i've i'd i'll",
        "she": "she her hers she's she'd herself",
        "he": "he him his he's he'd himself",
        "they": "they them their theirs they're they've",
        "pointing": "this these that those here it's there",
        "question": "who what why how when where which what's who's",
        "denial": "no not never nothing nobody none can't don't won't isn't doesn't didn't wasn't",
        "certain": "always every everyone everything all must exactly literally totally definitely",
        "guarded": "maybe perhaps might could probably almost seems kind sort somewhat may",
        "extreme": "best worst most least biggest greatest hardest simplest only ever first last",
        "glad": "love beautiful amazing awesome happy hilarious brilliant hope wonderful perfect "
        "fun great good incredible smile joy proud brave cute lovely adorable laugh inspiring free",
        "sad": "sad hate death dead kill killed die dying war rape abuse hurt cry tears fear bad "
        "ugly worst horrible terrible pain sick cancer shot bully bullied suicide violence wrong",
        "charged": "shocking insane crazy mind blown stunning heartbreaking powerful chills epic "
        "unbelievable goosebumps jaw disturbing horrifying infuriating genius secret surprising",
        "call": "watch see look check listen meet read share let try take find learn imagine",
        "kin": "mom mother dad father kid kids child children son daughter family baby girl boy "
        "wife husband sister brother parents teen woman women man men",
        "later": "then until happens happened next later end ends ending turns finally after",
        "vague": "something someone thing things stuff somebody anything reason ways one",
        "number word": "two three four five six seven eight nine ten dozen hundred million",
        "told": "says said asked told explains explained reveals tells saying asks",
    }.items()
}

NAMES: tuple[str, ...] = (
    "words", "letters", "word length", "longest word", "sentences", "words a sentence", "capitals",
    "shouted", "digits", "starts with digit", "exclamation", "question mark", "quotes", "dots",
    "comma", "colon", "dash", "brackets", "asterisk", "hash", "money", "percent", "possessive",
    "ends without stop", "starts with pointing", "starts with question", "short", "long",
    *GROUPS, *(f"first: {name}" for name in GROUPS), *SMALL,
)  # fmt: skip


def wording(text: str) -> np.ndarray:
    """(len(NAMES),) float64; zeros for a text without a word but its punctuation."""
    said = WORD.findall(text)
    plain = [word.lower().replace("’", "'") for word in said]
    have, first = set(plain), plain[0] if plain else ""
    count = len(plain)
    sentences = max(1, len(SENTENCE.findall(text)))
    shape = [
        count, len(text), sum(map(len, plain)) / max(1, count), max(map(len, plain), default=0),
        sentences, count / sentences, sum(w[0].isupper() for w in said) / max(1, count),
        sum(len(w) > 1 and w.isupper() for w in said), len(re.findall(r"\d+", text)),
        text[:1].isdigit(), text.count("!"), text.count("?"),
        len(re.findall(r"[\"“”]|'(?=\w)", text)),
        len(re.findall(r"\.\.\.|…", text)), text.count(","), text.count(":"),
        len(re.findall(r"\s[-–—]\s?|—", text)), text.count("("), text.count("*"), text.count("#"),
        len(re.findall(r"[$£€]", text)), text.count("%"), len(re.findall(r"['’]s\b", text)),
        bool(text) and text.rstrip()[-1:] not in ".!?…", first in GROUPS["pointing"],
        first in GROUPS["question"], count < 9, count > 18,
    ]  # fmt: skip
    groups = [sum(word in words for word in plain) for words in GROUPS.values()]
    opening = [first in words for words in GROUPS.values()]
    small = [word in have for word in SMALL]
    return np.array([*shape, *groups, *opening, *small], dtype=np.float64)
