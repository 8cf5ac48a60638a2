"""Forms of templates: as blocks, one a line, or as MJML."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say, word
from campaigns.layouts.blocks import FONTS, KINDS, Style

PICTURE = re.compile(r"^(\S+)\s+(.+?)(?:\s+->\s+(\S+))?$")
START = """header: {{ workspace }}
heading: {{ subject }}
copy
button
divider
text: You get this because you asked for it."""


class BlocksField(forms.CharField):
    """Blocks as lines, `kind: text`: what a designer types faster than clicks, and reads at once.
    An image is `image: https://… what it shows -> https://link`."""

    def clean(self, value: Any) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for n, line in enumerate(str(super().clean(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            kind, _colon, rest = line.partition(":")
            kind = kind.strip().lower()
            if kind not in KINDS:
                told = say("Line %(n)s: begin with one of %(names)s.", n=n, names=", ".join(KINDS))
                raise forms.ValidationError(str(told))
            found.append(self._block(n, kind, rest.strip()))
        return found

    def _block(self, n: int, kind: str, rest: str) -> dict[str, str]:
        if kind != "image":
            return {"kind": kind, "text": rest.replace("\\n", "\n")} if rest else {"kind": kind}
        match = PICTURE.match(rest)
        if match is None:
            told = say("Line %(n)s: write the image's address and what it shows, such as "
                       "image: https://shop.example/tea.jpg A cup of tea.", n=n)  # fmt: skip
            raise forms.ValidationError(str(told))
        url, alt, link = match.groups()
        return {"kind": kind, "url": url, "alt": alt, "link": link or ""}

    @staticmethod
    def shown(blocks: list[dict[str, str]]) -> str:
        lines = []
        for one in blocks:
            if one["kind"] == "image":
                link = f" -> {one['link']}" if one.get("link") else ""
                lines.append(f"image: {one['url']} {one['alt']}{link}")
            elif one.get("text"):
                text = one["text"].replace("\n", "\\n")
                lines.append(f"{one['kind']}: {text}")
            else:
                lines.append(one["kind"])
        return "\n".join(lines)


class TemplateForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    blocks = BlocksField(
        label=_("Blocks, one a line"), required=False, initial=START, max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text=_("header, image, heading, copy (the message's text, exactly once), button, "
                    "text, divider, space. The postal address and the links to unsubscribe stand "
                    "below by themselves."),
    )  # fmt: skip
    accent = forms.CharField(label=_("Accent"), initial=Style().accent, max_length=7,
                             widget=forms.TextInput(attrs={"type": "color"}))  # fmt: skip
    background = forms.CharField(label=_("Background"), initial=Style().background, max_length=7,
                                 widget=forms.TextInput(attrs={"type": "color"}))  # fmt: skip
    paper = forms.CharField(label=_("Paper"), initial=Style().paper, max_length=7,
                            widget=forms.TextInput(attrs={"type": "color"}))  # fmt: skip
    ink = forms.CharField(label=_("Text"), initial=Style().ink, max_length=7,
                          widget=forms.TextInput(attrs={"type": "color"}))  # fmt: skip
    font = forms.ChoiceField(label=_("Font"), choices=[(key, word(key)) for key in FONTS])
    source = forms.CharField(
        label=_("Or MJML"), required=False, max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=_("Written here, it is used instead of the blocks. It must hold {{ body }}, "
                    "{{ unsubscribe_url }} and {{ postal_address }}."),
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        style = Style(told["accent"], told["background"], told["paper"], told["ink"], told["font"])
        return {"name": told["name"], "blocks": told["blocks"], "style": style,
                "source": told["source"]}  # fmt: skip
