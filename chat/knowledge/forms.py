"""Forms of the knowledge base."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class DocumentForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=300)
    body = forms.CharField(
        label=_("Body text"), widget=forms.Textarea(attrs={"rows": 14}),
        help_text=_("Headings begin with #; an empty line parts paragraphs."),
    )  # fmt: skip
    url = forms.URLField(label=_("Link"), required=False, assume_scheme="https", max_length=500)
    language = forms.ChoiceField(
        label=_("Language"), choices=[("en", _("English")), ("zh-hans", _("Chinese"))]
    )


class FaqForm(DocumentForm):
    title = forms.CharField(label=_("Question"), max_length=300)
    body = forms.CharField(
        label=_("Answer"), widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Said to customers word for word."),
    )  # fmt: skip


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"), help_text=_("PDF, Word, text, Markdown or HTML; up to 10 MB.")
    )
