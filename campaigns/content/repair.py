"""A blocked text mended by leaving out what blocks it. Pure; the caller checks the result again.

Only leaving out: nothing is put in, so a repair cannot claim anything new. A sentence that holds an
unsupported claim, personal data, a strange link, a banned word or left-over template goes; a part
that its channel does not need goes whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from campaigns.content.checks import REQUIRED, Finding

SENTENCE = re.compile(r".+?(?:[.!?。！？]+[\"”’']?(?=\s|$|[\u4e00-\u9fff])|$)", re.DOTALL)
KINDS = {"claims", "personal data", "links", "banned words", "placeholder", "repetition"}
LEAST = 20  # letters that a mended body must still have


def mend(
    channel: str, components: dict[str, str], findings: Sequence[Finding]
) -> tuple[dict[str, str], dict[str, str]]:
    """(the components without what blocks, the parts as they were before). Nothing is changed
    where leaving out cannot help."""
    mended, before = dict(components), {}
    wrong = [f for f in findings if f.verdict == "block" and f.component in components]
    for name in {f.component for f in wrong}:
        spans = [f.span for f in wrong if f.component == name and f.kind in KINDS and f.span]
        if name not in REQUIRED[channel]:
            before[name] = mended.pop(name)
        elif name == "body" and spans and (rest := without(components[name], spans)):
            before[name], mended[name] = components[name], rest
    return mended, before


def left_out(before: str, after: str) -> str:
    """The sentences of a text that its mended form lost."""
    return " ".join(s.strip() for s in SENTENCE.findall(before) if s.strip() not in after)


def without(text: str, spans: Sequence[str]) -> str:
    """The sentences that hold none of the spans; empty when too little would be left."""
    loose = [re.compile(r"\W+".join(map(re.escape, span.split())), re.IGNORECASE) for span in spans]
    kept = [
        sentence for sentence in SENTENCE.findall(text)
        if sentence.strip() and not any(pattern.search(sentence) for pattern in loose)
    ]  # fmt: skip
    rest = "".join(kept).strip()
    return rest if len(rest) >= LEAST else ""
