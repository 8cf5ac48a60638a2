"""Forms of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import Phrase, say, word
from tenants import caps, custom_roles, rights
from tenants.models import ApiKey, Membership, Meter, Tenant
from tenants.roles import OWNERS_ALONE, PERMISSIONS, ROLE_ABOUT


class WorkspaceForm(forms.Form):
    name = forms.CharField(max_length=120, label=_("Name of the workspace"))


class SettingsForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = (
            "name", "timezone", "currency", "sender_name", "sender_email",
            "dkim_selector", "postal_address",
            "frequency_cap", "frequency_days", "patience_hours", "quiet_from", "quiet_to",
            "soft_bounces", "track_opens", "spare_complaints",
            "approve_experiments",
        )  # fmt: skip
        labels = {
            "name": _("Name"), "timezone": _("Time zone"), "currency": _("Currency"),
            "sender_name": _("Name of the sender"), "sender_email": _("Address of the sender"),
            "dkim_selector": _("DKIM selector"),
            "postal_address": _("Postal address"), "frequency_cap": _("Most messages a person"),
            "frequency_days": _("Days that are counted"),
            "patience_hours": _("Hours a message waits for its turn"),
            "quiet_from": _("Quiet from (hour)"), "quiet_to": _("Quiet until (hour)"),
            "soft_bounces": _("Soft bounces until an address is left out"),
            "track_opens": _("Notice when an e-mail is opened"),
            "spare_complaints": _("Spare people with an open complaint"),
            "approve_experiments": _("Experiments need another person's approval"),
        }  # fmt: skip
        help_texts = {
            "sender_email": _("E-mail campaigns leave from here."),
            "dkim_selector": _("The name of the key that your e-mail provider gave you."),
            "postal_address": _(
                "Stands under every e-mail; the law of most countries asks for it."
            ),
            "frequency_cap": _("Most messages a contact may get in the days below."),
            "patience_hours": _(
                "Whoever got the most already is written to later, if their turn comes within "
                "these hours; after that the message is given up."
            ),
            "quiet_from": _(
                "From this hour to the next nobody is written to, by their own clock; what falls "
                "into it waits. The same hour twice means none."
            ),
            "soft_bounces": _("Within 30 days. Hard bounces and complaints count at once."),
            "approve_experiments": _(
                "Nobody starts one before somebody who reviews agreed to exactly this plan."
            ),
            "track_opens": _("By a picture of one dot; what machines load is marked as such."),
            "spare_complaints": _(
                "No campaign reaches them until the conversation in which they "
                "were upset is resolved."
            ),
        }

    def clean_frequency_cap(self) -> int:
        told = _("With 0 nobody would ever be written to; give 1 or more.")
        return self._least_one("frequency_cap", told)

    def clean_frequency_days(self) -> int:
        return self._least_one("frequency_days", _("Give 1 day or more."))

    def _least_one(self, name: str, told: Any) -> int:
        value: int = self.cleaned_data[name]
        if value < 1:
            raise forms.ValidationError(told)
        return value

    def clean_timezone(self) -> str:
        value = self.cleaned_data["timezone"]
        if value not in available_timezones():
            raise forms.ValidationError(_("Unknown time zone; write it like Europe/Berlin."))
        return value

    def clean_sender_name(self) -> str:
        value: str = self.cleaned_data["sender_name"]
        if len(value.splitlines()) > 1:
            raise forms.ValidationError(_("A sender's name stands on one line."))
        return value

    def clean_currency(self) -> str:
        value = self.cleaned_data["currency"].upper()
        if len(value) != 3 or not (value.isascii() and value.isalpha()):
            raise forms.ValidationError(_("A currency has three letters, like EUR."))
        return value


def roles() -> list[tuple[str, str]]:
    """Roles to choose from: the house's, then the workspace's own."""
    houses = [(role.value, f"{word(role)} – {about}") for role, about in ROLE_ABOUT.items()]
    own = [(str(row.pk), f"{row} – {row.about}" if row.about else str(row))
           for row in custom_roles.roles()]  # fmt: skip
    return houses + own


def team_roles() -> list[tuple[str, str]]:
    return [("", str(say("none: their own is enough"))), *roles()[1:]]


def people() -> list[tuple[str, str]]:
    rows = Membership.objects.select_related("user").order_by("user__name", "user__email")
    return [(str(row.user_id), str(row.user)) for row in rows]


def _offer(form: forms.Form, **choices: list[tuple[str, str]]) -> None:
    for name, offered in choices.items():
        field = form.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = offered


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"))
    role = forms.ChoiceField(label=_("Role"), initial="marketer")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _offer(self, role=roles())  # asked once a form


class RoleForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60)
    about = forms.CharField(label=_("What it is for"), max_length=200, required=False)
    verbs = forms.MultipleChoiceField(
        label=_("Rights"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=lambda: rights.choices([v for v in PERMISSIONS if v not in OWNERS_ALONE]),
    )  # fmt: skip


class TeamForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60)
    members = forms.MultipleChoiceField(
        label=_("Members"), required=False, widget=forms.CheckboxSelectMultiple
    )
    role = forms.ChoiceField(
        label=_("Role of the team"), required=False,
        help_text=_("Whoever is in it may do this besides what their own role lets them."),
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _offer(self, members=people(), role=team_roles())


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    kind = forms.ChoiceField(label=_("Kind"), choices=ApiKey.Kind.choices)
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=lambda: rights.choices(PERMISSIONS),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("For secret keys; a write-only key may only send events."),
    )
    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, label=_("Expires after days")
    )


class CapsForm(forms.Form):
    """Most a month, by kind; empty for no cap."""

    messages = forms.IntegerField(
        label=_("Messages a month"), required=False, min_value=0,
        help_text=_("What is beyond it waits for the next month."),
    )  # fmt: skip
    events = forms.IntegerField(
        label=_("Events a month"), required=False, min_value=0,
        help_text=_("What is beyond it is refused; the sender keeps it."),
    )  # fmt: skip
    contacts = forms.IntegerField(
        label=_("Contacts"), required=False, min_value=0,
        help_text=_("An import that goes beyond it does not start."),
    )  # fmt: skip
    sure = forms.BooleanField(label=_("Set it although it is used up at once"), required=False)

    def __init__(self, *arguments: Any, lines: Sequence[caps.Line], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lines = lines
        if not self.is_bound:
            del self.fields["sure"]

    def chosen(self) -> dict[str, int | None]:
        return {kind: self.cleaned_data[kind] for kind in caps.CAPPED}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        full = self._used_up_at_once(values)
        if not full:
            del self.fields["sure"]
        elif not values.get("sure"):
            for line in full:
                self.add_error(line.kind, str(_used_up(line)))
        return values

    def _used_up_at_once(self, values: dict[str, Any]) -> list[caps.Line]:
        """Of what is asked for, the caps that are newly set and reached from the start."""
        return [
            line for line in self.lines
            if (cap := values.get(line.kind)) is not None
            and cap <= line.used and cap != self.initial.get(line.kind)
        ]  # fmt: skip


def _used_up(line: caps.Line) -> Phrase:
    if line.kind == Meter.Kind.CONTACTS:
        return say("There are %(used)s already: with this cap imports stop at once. Tick the box "
                   "below to set it anyway.", used=line.used)  # fmt: skip
    return say("%(used)s are used already this month: with this cap nothing more is let through "
               "until the next. Tick the box below to set it anyway.", used=line.used)  # fmt: skip


class BrandForm(forms.Form):
    brand_colour = forms.CharField(
        label=_("Colour"), required=False, max_length=7, help_text=_("As #2f4fd0; or nothing.")
    )
    brand_logo = forms.FileField(
        label=_("Picture"), required=False,
        help_text=_("PNG, JPEG, GIF or WebP, at most 512 KB; shown 48 dots high."),
    )  # fmt: skip
    drop = forms.BooleanField(label=_("Without a picture"), required=False)
    brand_url = forms.URLField(
        label=_("Address of your site"), required=False, max_length=300, assume_scheme="https"
    )


class JoinForm(forms.Form):
    token = forms.CharField(label=_("What the agency gave you"), max_length=1000)


class LeaveForm(forms.Form):
    typed = forms.CharField(label=_("The workspace's address"), max_length=60)


class AppearanceForm(forms.Form):
    """How the pages look to one person; each part may be sent alone."""

    theme = forms.ChoiceField(
        label=_("Theme"),
        required=False,
        choices=[("auto", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the browser")), *settings.LANGUAGES],
    )
