"""Copy as people read it: a placeholder is shown as what it will become, not as its code."""

from __future__ import annotations

import re

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from attune.kernel.phrases import say
from campaigns.content.checks import PLACEHOLDER, VARIABLES, part_name

register = template.Library()


@register.filter
def chips(text: str) -> SafeString:
    """`Hi {{ first_name|default:"friend" }}` with the placeholder as a chip in words."""
    pieces: list[tuple[SafeString | str]] = []
    end = 0
    for match in PLACEHOLDER.finditer(str(text)):
        pieces += [(conditional_escape(text[end : match.start()]),), (_chip(match),)]
        end = match.end()
    pieces.append((conditional_escape(text[end:]),))
    return format_html_join("", "{}", pieces)


@register.filter
def part(name: str) -> str:
    """What people call a part of a message."""
    return str(part_name(name))


def _chip(match: re.Match[str]) -> SafeString:
    code, name, fallback = match.group(), match.group(1), match.group(2)
    known = VARIABLES.get(name)
    words = known or say("unknown: %(name)s", name=name)
    if known and fallback:
        words = say("%(what)s, or “%(fallback)s”", what=known, fallback=fallback)
    kind = "chip" if known else "chip chip-bad"
    return format_html('<span class="{}" title="{}">{}</span>', kind, code, str(words))
