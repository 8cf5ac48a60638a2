"""Personal data in text: found, and masked before a model learns from it or a server reads it.

What has a form is found by its form: addresses, telephone numbers, bank and card numbers, national
ids. Names have none; who knows them (the workspace's own contacts) passes them in. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from attune.kernel.words import whole

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
PHONE = re.compile(r"(?<![\d.])(?!\d{4}-\d{2}-\d{2})\+?\d[\d\s()/-]{8,30}\d(?!\d)")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b")
CARD = re.compile(r"\b(?:\d[ -]?){13,19}\b")
IP = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
CHINESE_ID = re.compile(r"\b\d{17}[\dXx]\b")
KINDS = (
    ("email", EMAIL), ("iban", IBAN), ("id", CHINESE_ID), ("card", CARD), ("ip", IP),
    ("phone", PHONE),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without what was found, and how many of each kind that was."""

    text: str
    found: dict[str, int]


def mask(text: str, names: Iterable[str] = ()) -> Masked:
    """Replace personal data by `[kind]`; a name of a person by `[name]`, whole words only."""
    found: dict[str, int] = {}
    for kind, pattern in KINDS:
        text, n = pattern.subn(f"[{kind}]", text)
        if n:
            found[kind] = n
    known = sorted({name.strip() for name in names if len(name.strip()) > 1}, key=len, reverse=True)
    if known:
        text, n = re.subn("|".join(whole(name) for name in known), "[name]", text)
        if n:
            found["name"] = n
    return Masked(text, found)


SENSITIVE = re.compile(
    r"health|medic|diagnos|disab|pregnan|religio|faith|church|ethnic|race|racial|origin|national"
    r"|politic|party|union|sexual|orientation|gender|\bsex\b|biometr|genetic|criminal|income|salary"
    r"|credit|debt|\bage\b|birth|\bdob\b|passport|ssn|\bid\b|identity|address|street|zip|postal"
    r"|phone|mobile|e-?mail|name|surname|latitude|longitude|\bip\b|password|token|secret"
    r"|健康|疾病|宗教|民族|政治|性别|性取向|收入|身份证|电话|手机|地址|姓名|邮箱|年龄|生日",
    re.IGNORECASE,
)


def sensitive(field: str) -> bool:
    """Whether a trait of this name must never reach a prompt: special categories of the GDPR
    (article 9), direct identifiers, age and money."""
    return bool(SENSITIVE.search(re.sub(r"(?<=[a-z])(?=[A-Z])|[_.-]", " ", field)))
