"""Which language a text is written in. Pure.

Scripts decide where they can: Han without kana is Chinese, kana Japanese, Hangul Korean, Cyrillic
Russian. Latin letters are told apart by py3langid's naive Bayes over byte n-grams (Lui and Baldwin
2012), which needs some twenty letters to be sure; a shorter text takes the language of its source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from attune.kernel.phrases import Phrase, say

NAMES: dict[str, Phrase] = {
    "en": say("English"), "zh": say("Chinese"), "de": say("German"), "fr": say("French"),
    "es": say("Spanish"), "it": say("Italian"), "pt": say("Portuguese"), "nl": say("Dutch"),
    "pl": say("Polish"), "sv": say("Swedish"), "tr": say("Turkish"), "ru": say("Russian"),
    "ja": say("Japanese"), "ko": say("Korean"),
}  # fmt: skip
LATIN = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
KANA, HANGUL = re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\uac00-\ud7af]")
CYRILLIC, WORD = re.compile(r"[\u0400-\u04ff]"), re.compile(r"[^\W\d_]")
ENOUGH = 20  # letters
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Language:
    """A language code and how sure it is, 0 to 1; an empty code where nothing tells."""

    code: str
    confidence: float


def code_of(name: str) -> str:
    """`en-GB`, `ZH_hans`, `English` as the code that is kept; empty where it is none we know."""
    plain = name.strip().lower().replace("_", "-")
    first = plain.partition("-")[0]
    if first in NAMES:
        return first
    return next((code for code, said in NAMES.items() if said.lower() == plain), "")


@cache
def _identifier() -> Any:
    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    found.set_languages(list(LATIN))
    return found


def detect(text: str) -> Language:
    """The language of a text by itself."""
    sample = text[:2000]
    letters = len(WORD.findall(sample))
    if not letters:
        return Language("", 0.0)
    if KANA.search(sample) and len(KANA.findall(sample)) > 0.1 * letters:
        return Language("ja", 1.0)
    for code, script in (("zh", HAN), ("ko", HANGUL), ("ru", CYRILLIC)):
        share = len(script.findall(sample)) / letters
        if share > 0.3:
            return Language(code, min(1.0, 0.5 + share / 2))
    code, confidence = _identifier().classify(sample)
    return Language(str(code), float(confidence) * min(1.0, letters / ENOUGH))
