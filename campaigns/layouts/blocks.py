"""Blocks to MJML, MJML to HTML, and HTML filled in for one person. Pure.

A template holds placeholders `{{ name }}`, with `|default:"…"` where a value may be missing: the
parts of the message (subject, preheader, body, cta), the person's name and traits
(`{{ trait.city }}`), the workspace, and the links. `[[if cta]]…[[end cta]]` is left out where the
message has no such part. Every value is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mjml import mjml2html

from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import Phrase, known_words, say
from campaigns.content.checks import PLACEHOLDER
from tenants.branding import READABLE, contrast, ink_on

PARTS = ("subject", "preheader", "body", "cta")
PERSON = ("first_name", "name", "email")
LINKS = ("click_url", "unsubscribe_url", "preferences_url")
KNOWN = frozenset({*PARTS, *PERSON, *LINKS, "workspace", "postal_address", "unsubscribe_word",
                   "preferences_word"})  # fmt: skip
MUST = ("body", "unsubscribe_url", "postal_address")  # without them no e-mail may leave
OPTIONAL = re.compile(r"\[\[if (\w+)\]\](.*?)\[\[end \1\]\]", re.DOTALL)
COLOUR = re.compile(r"^#[0-9a-fA-F]{6}$")
FONTS = {
    "sans": "Helvetica, Arial, sans-serif", "serif": "Georgia, 'Times New Roman', serif",
    "mono": "'Courier New', monospace",
}  # fmt: skip
KINDS = ("header", "image", "heading", "copy", "button", "text", "divider", "space")
MOST_BLOCKS, MOST_SOURCE = 40, 100_000
known_words(*KINDS, *FONTS)


@dataclass(frozen=True, slots=True)
class Style:
    """Colours as #rrggbb, a font of FONTS."""

    accent: str = "#2f4fd0"
    background: str = "#f3f3f1"
    paper: str = "#ffffff"
    ink: str = "#1d1d1b"
    font: str = "sans"


def faults(blocks: Sequence[Mapping[str, Any]], style: Style) -> Iterator[FieldError]:
    for name in ("accent", "background", "paper", "ink"):
        if not COLOUR.match(getattr(style, name)):
            yield FieldError(name, say("Write a colour like #2f4fd0."))
    if style.font not in FONTS:
        yield FieldError("font", say("Choose one of %(names)s.", names=", ".join(FONTS)))
    if not 0 < len(blocks) <= MOST_BLOCKS:
        yield FieldError("blocks", say("A template has 1 to %(n)s blocks.", n=MOST_BLOCKS))
    if sum(one.get("kind") == "copy" for one in blocks) != 1:
        yield FieldError("blocks", say("Put the message's text in exactly once."))
    for n, one in enumerate(blocks, start=1):
        yield from _block_faults(n, one)


def _block_faults(n: int, one: Mapping[str, Any]) -> Iterator[FieldError]:
    kind, place = one.get("kind"), f"blocks.{n}"
    if kind not in KINDS:
        yield FieldError(place, say("Choose one of %(names)s.", names=", ".join(KINDS)))
    elif kind in {"header", "heading", "text"} and not str(one.get("text", "")).strip():
        yield FieldError(place, say("Write what stands here."))
    elif kind == "image":
        for name in ("url", "link"):
            address = str(one.get(name, ""))
            if (address or name == "url") and urlsplit(address).scheme != "https":
                yield FieldError(place, say("An image and its link begin with https://."))
        if not str(one.get("alt", "")).strip():
            yield FieldError(place, say("Say in words what the image shows."))
    for problem in unknown(str(one.get("text", ""))):
        yield FieldError(place, problem)


def unknown(text: str) -> Iterator[Phrase]:
    """Placeholders that nobody fills."""
    for match in PLACEHOLDER.finditer(text):
        name = match.group(1)
        if name not in KNOWN and not name.startswith("trait."):
            yield say("Nobody fills in “%(name)s”; known are %(names)s and trait.<key>.",
                      name=name, names=", ".join(sorted(KNOWN)))  # fmt: skip


def to_mjml(blocks: Sequence[Mapping[str, Any]], style: Style) -> str:
    """Sound blocks as MJML, with the footer that the law asks for."""
    inside = "\n".join(_BLOCK[one["kind"]](one, style) for one in blocks)
    return f"""<mjml><mj-head><mj-preview>{{{{ preheader }}}}</mj-preview><mj-attributes>
<mj-all font-family="{FONTS[style.font]}" color="{style.ink}" />
<mj-text font-size="16px" line-height="1.5" />
</mj-attributes></mj-head><mj-body background-color="{style.background}">
<mj-wrapper background-color="{style.paper}" padding="16px 0">
{inside}
</mj-wrapper>
<mj-section><mj-column><mj-text font-size="12px" color="#666666" align="center">
{{{{ postal_address }}}}<br />
<a href="{{{{ preferences_url }}}}">{{{{ preferences_word }}}}</a> ·
<a href="{{{{ unsubscribe_url }}}}">{{{{ unsubscribe_word }}}}</a>
</mj-text></mj-column></mj-section></mj-body></mjml>"""


def _escaped(text: str) -> str:
    """Text as HTML; its placeholders stay as they are, with the quotes of their defaults."""
    found, edge = [], 0
    for match in PLACEHOLDER.finditer(text):
        found += [html.escape(text[edge : match.start()]), match.group()]
        edge = match.end()
    return "".join([*found, html.escape(text[edge:])])


def _section(inside: str) -> str:
    return f'<mj-section padding="4px 0"><mj-column>{inside}</mj-column></mj-section>'


def _header(one: Mapping[str, Any], style: Style) -> str:
    text = _escaped(one["text"])
    seen = contrast(style.accent, style.paper) >= READABLE
    colour = style.accent if seen else style.ink
    return _section(f'<mj-text font-size="14px" font-weight="700" color="{colour}">{text}'
                    "</mj-text>")  # fmt: skip


def _heading(one: Mapping[str, Any], style: Style) -> str:
    text = _escaped(one["text"])
    return _section(f'<mj-text font-size="24px" line-height="1.25" font-weight="700">{text}'
                    "</mj-text>")  # fmt: skip


def _copy(one: Mapping[str, Any], style: Style) -> str:
    return _section("<mj-text>{{ body }}</mj-text>")


def _button(one: Mapping[str, Any], style: Style) -> str:
    return ("<mj-raw>[[if cta]]</mj-raw>" + _section(
        f'<mj-button href="{{{{ click_url }}}}" background-color="{style.accent}" '
        f'color="{ink_on(style.accent)}" '
        'font-size="16px" border-radius="6px">{{ cta }}</mj-button>'
    ) + "<mj-raw>[[end cta]]</mj-raw>")  # fmt: skip


def _text(one: Mapping[str, Any], style: Style) -> str:
    text = _escaped(one["text"]).replace("\n", "<br />")
    return _section(f'<mj-text font-size="14px">{text}</mj-text>')


def _image(one: Mapping[str, Any], style: Style) -> str:
    link = f' href="{html.escape(one["link"])}"' if one.get("link") else ""
    return _section(f'<mj-image src="{html.escape(one["url"])}" alt="{html.escape(one["alt"])}"'
                    f"{link} />")  # fmt: skip


def _divider(one: Mapping[str, Any], style: Style) -> str:
    return _section('<mj-divider border-width="1px" border-color="#dddddd" />')


def _space(one: Mapping[str, Any], style: Style) -> str:
    return _section('<mj-spacer height="24px" />')


_BLOCK = {
    "header": _header, "heading": _heading, "copy": _copy, "button": _button, "text": _text,
    "image": _image, "divider": _divider, "space": _space,
}  # fmt: skip


def compiled(source: str) -> str:
    """The HTML of MJML. Raises Invalid, naming what is wrong and where."""
    told = list(_source_faults(source))
    if told:
        raise Invalid([FieldError("source", problem) for problem in told])
    try:
        found: str = mjml2html(source)
    except ValueError as wrong:
        raise Invalid.one("source", say("This is not MJML: %(why)s.", why=str(wrong))) from wrong
    return found


def _source_faults(source: str) -> Iterator[Phrase]:
    if len(source) > MOST_SOURCE:
        yield say("At most %(n)s letters.", n=MOST_SOURCE)
        return
    low = source.lower()
    for bad in ("<script", "<mj-include", "javascript:", "<iframe", "<form"):
        if bad in low:
            yield say("“%(what)s” has no place in an e-mail.", what=bad)
    named = {match.group(1) for match in PLACEHOLDER.finditer(source)}
    for name in MUST:
        if name not in named:
            yield say("Put “%(name)s” in somewhere: no e-mail leaves without it.",
                      name="{{ " + name + " }}")  # fmt: skip
    yield from dict.fromkeys(unknown(source))


def filled(page: str, values: Mapping[str, str]) -> str:
    """The HTML for one person: parts that are missing left out, every value escaped, lines of the
    body kept."""

    def keep(match: re.Match[str]) -> str:
        return match.group(2) if values.get(match.group(1)) else ""

    def fill(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        text = html.escape(values.get(name) or default or "")
        return text.replace("\n", "<br>") if name == "body" else text

    return PLACEHOLDER.sub(fill, OPTIONAL.sub(keep, page))
