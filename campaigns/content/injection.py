"""Text from outside that speaks to a model instead of a reader. Pure.

Such a text is data that somebody wrote as a command: it neither reaches a prompt nor grounds a
claim, and the page says so. What passes unnoticed can at most be repeated, and a claim that no
other fact supports is blocked all the same.
"""

from __future__ import annotations

import re

from attune.kernel import letters

COMMAND = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}"
    r"\b(?:instructions?|prompts?|rules?|above|previous|everything|guidelines)\b"
    r"|\byou are (?:now )?(?:a|an|the) (?:\w+ )?(?:assistant|ai|model|bot|system)\b"
    r"|\b(?:system|developer) (?:prompt|message|instructions?)\b"
    r"|\b(?:reveal|print|repeat|output) (?:your|the) (?:prompt|instructions?|system)\b"
    r"|\bas (?:a|an) (?:ai|language model)\b"
    r"|<\|[^|\n]{0,40}\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user)\s*:"
    r"|\bpay no attention to\b[^.\n]{0,40}\b(?:told|before|above|instructions?)\b"
    r"|\bfrom (?:now|here) on,? (?:only |you )?(?:write|say|answer|reply|respond)\b"
    r"|忽略[^。\n]{0,12}(?:指令|指示|提示|规则)|无视[^。\n]{0,12}(?:指令|指示|提示|规则)"
    r"|系统提示|你现在是",
    re.IGNORECASE | re.MULTILINE,
)


def command_in(text: str) -> str:
    """The words that read like a command to a model; empty when none do."""
    match = COMMAND.search(letters.bare(text))
    return match.group().strip()[:120] if match else ""
