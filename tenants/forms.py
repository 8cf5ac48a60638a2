"""Forms of the workspace."""

from __future__ import annotations

from zoneinfo import available_timezones

from django import forms

from tenants.models import ApiKey, Tenant
from tenants.roles import PERMISSIONS, ROLE_ABOUT


class WorkspaceForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name of the workspace")


class SettingsForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = (
            "name", "timezone", "currency", "sender_name", "sender_email", "postal_address",
            "frequency_cap", "frequency_days",
        )  # fmt: skip
        help_texts = {
            "sender_email": "E-mail campaigns leave from here.",
            "postal_address": "Stands under every e-mail; the law of most countries asks for it.",
            "frequency_cap": "Most messages a contact may get in the days below.",
        }

    def clean_timezone(self) -> str:
        value = self.cleaned_data["timezone"]
        if value not in available_timezones():
            raise forms.ValidationError("Unknown time zone; write it like Europe/Berlin.")
        return value

    def clean_sender_name(self) -> str:
        value: str = self.cleaned_data["sender_name"]
        if len(value.splitlines()) > 1:
            raise forms.ValidationError("A sender's name stands on one line.")
        return value

    def clean_currency(self) -> str:
        value = self.cleaned_data["currency"].upper()
        if len(value) != 3 or not (value.isascii() and value.isalpha()):
            raise forms.ValidationError("A currency has three letters, like EUR.")
        return value


ROLES = [(role.value, f"{role.value} – {about}") for role, about in ROLE_ABOUT.items()]


class InviteForm(forms.Form):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=ROLES, initial="marketer")


class KeyForm(forms.Form):
    name = forms.CharField(max_length=80)
    kind = forms.ChoiceField(choices=ApiKey.Kind.choices)
    scopes = forms.MultipleChoiceField(
        choices=[(verb, verb) for verb in PERMISSIONS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="For secret keys; a write-only key may only send events.",
    )
    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, label="Expires after days"
    )


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(
        choices=[("auto", "As the system"), ("light", "Light"), ("dark", "Dark")]
    )
