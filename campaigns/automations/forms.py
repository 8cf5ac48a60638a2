"""Forms of journeys: settings, who comes in, and one form for each kind of step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from campaigns.automations import flow as flows
from campaigns.automations.flow import CAME, OTHERWISE, TIMEOUT
from campaigns.automations.wording import WEEKDAYS
from campaigns.content import selectors as content
from campaigns.content.models import Channel
from campaigns.delivery import selectors as delivery
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from campaigns.layouts import selectors as layouts
from campaigns.segments import selectors as segments
from campaigns.subscriptions import selectors as subscriptions

UNITS = [("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))]
SIGNS = {"=": "is", "!=": "is_not", ">": "above", "<": "below", "~": "contains", "?": "exists"}
LINE = re.compile(r"^\s*(.+?)\s*(!=|=|>|<|~|\?)\s*(.*?)\s*$")
WAYS, MOST_GROUPS = 4, 6


class ConditionsField(forms.CharField):
    """One condition a line, such as `total > 50`; in the flow a list of conditions."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("widget", forms.Textarea(attrs={"rows": 2}))
        options.setdefault("max_length", 2_000)
        options.setdefault("label", _("Only where"))
        options.setdefault(
            "help_text",
            _("One condition a line: total > 50, category = tea, coupon ?. Signs: = != > < ~ "
              "(contains) ? (is there)."),
        )  # fmt: skip
        super().__init__(**options)

    def clean(self, value: Any) -> list[dict[str, str]]:
        found = []
        for n, line in enumerate(str(super().clean(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            match = LINE.match(line)
            if match is None:
                told = say("Line %(n)s: write a property, a sign and a value, such as total > 50.",
                           n=n)  # fmt: skip
                raise forms.ValidationError(str(told))
            name, sign, wanted = match.groups()
            if sign in "><" and flows.number(wanted) is None:
                told = say("Line %(n)s: “%(property)s” is compared with a number, such as 50.",
                           n=n, property=name)  # fmt: skip
                raise forms.ValidationError(str(told))
            found.append({"property": name, "op": SIGNS[sign], "value": wanted})
        return found

    @staticmethod
    def shown(where: list[Mapping[str, str]]) -> str:
        signs = {op: sign for sign, op in SIGNS.items()}
        return "\n".join(
            f"{one['property']} {signs[one['op']]} {one.get('value', '')}".strip() for one in where
        )


def _event(label: Any, *, required: bool = True, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, max_length=200, required=required, help_text=help_text,
        widget=forms.TextInput(attrs={"list": "events"}),
    )  # fmt: skip


class SettingsForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    via = forms.ChoiceField(
        label=_("How its messages leave"),
        choices=[c for c in Campaign.Via.choices if c[0] != Campaign.Via.DECIDE],
    )
    topic = forms.ChoiceField(
        label=_("Topic"), required=False,
        help_text=_("Only people who get this topic are written to."),
    )  # fmt: skip
    template = forms.ChoiceField(
        label=_("Template"), required=False, help_text=_("How e-mails look. None: the plain form."),
    )  # fmt: skip
    per_hour = forms.IntegerField(
        label=_("Most messages an hour"), required=False, min_value=1, max_value=10_000_000,
        help_text=_("The rest waits for its turn."),
    )  # fmt: skip
    endpoint = forms.ChoiceField(
        label=_("Endpoint"), required=False, help_text=_("Only for signed webhooks.")
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["topic"].choices = [("", "–"), *subscriptions.as_choices()]
        own = str(self.initial.get("template") or "")
        self.fields["template"].choices = [
            ("", "–"), *layouts.as_choices(layouts.version(own) if own else None),
        ]  # fmt: skip
        self.fields["endpoint"].choices = [
            ("", "–"), *((str(e.pk), e.name) for e in delivery.endpoints()),
        ]  # fmt: skip

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        return {
            "name": told["name"], "via": told["via"], "per_hour": told["per_hour"],
            "topic": subscriptions.topic(told["topic"]) if told["topic"] else None,
            "template": layouts.version(told["template"]) if told["template"] else None,
            "endpoint": delivery.endpoints().filter(pk=told["endpoint"] or None).first(),
        }  # fmt: skip


class EntryForm(forms.Form):
    """Who comes in, whether again, and what leads out from anywhere."""

    on = forms.ChoiceField(
        label=_("Who comes in"),
        choices=[("event", _("Who does something")), ("segment", _("Who is in a segment"))],
    )
    event = _event(_("Event"), required=False, help_text=_("Where an event lets people in."))
    where = ConditionsField()
    key = forms.CharField(
        label=_("Key"), max_length=80, required=False,
        help_text=_(
            "A property such as cart_id or order_id: each of its values has a way of its own, and "
            "only an event with the same value ends a wait."
        ),
    )  # fmt: skip
    segment = forms.ChoiceField(
        label=_("Segment"), required=False,
        help_text=_("Its members come in; with an event, only they may."),
    )  # fmt: skip
    existing = forms.BooleanField(label=_("Who is in it already comes in too"), required=False)
    again = forms.ChoiceField(
        label=_("Again"),
        choices=[
            ("never", _("Never: once for each person")), ("after", _("After they left")),
            ("restart", _("Begin anew at each such event")),
        ],
    )  # fmt: skip
    goal = _event(
        _("Goal: whoever does this leaves"), required=False,
        help_text=_("Such as Order Completed. It is what the journey is measured by."),
    )  # fmt: skip
    goal_keyed = forms.BooleanField(label=_("With the same key"), required=False)
    leave = forms.BooleanField(label=_("Whoever leaves the segment leaves"), required=False)

    def __init__(self, *arguments: Any, own: str = "", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["segment"].choices = [("", "–"), *_segments(own)]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("on") == "event" and not told.get("event"):
            self.add_error("event", _("Say which event lets people in."))
        if told.get("on") == "segment" and not told.get("segment"):
            self.add_error("segment", _("Choose the segment whose members come in."))
        return told

    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """`entry` and `exit` of the flow."""
        told = self.cleaned_data
        by_event = told["on"] == "event"
        entry = {"on": told["on"], "again": told["again"]}
        if by_event:
            entry |= {"event": told["event"], "where": told["where"], "key": told["key"],
                      "audience": told["segment"]}  # fmt: skip
        else:
            entry |= {"segment": told["segment"], "existing": told["existing"]}
        leave = {"event": told["goal"], "keyed": told["goal_keyed"], "leave": told["leave"]}
        return entry, leave if told["goal"] or told["leave"] else {}

    @staticmethod
    def initial_of(tree: Mapping[str, Any]) -> dict[str, Any]:
        entry, leave = tree.get("entry", {}), tree.get("exit", {})
        return {
            "on": entry.get("on", "event"), "event": entry.get("event", ""),
            "where": ConditionsField.shown(entry.get("where", [])), "key": entry.get("key", ""),
            "segment": entry.get("segment") or entry.get("audience", ""),
            "existing": entry.get("existing", False), "again": entry.get("again", "never"),
            "goal": leave.get("event", ""), "goal_keyed": leave.get("keyed", False),
            "leave": leave.get("leave", False),
        }  # fmt: skip


class StepForm(forms.Form):
    """A step's values. `values` answers them as the flow keeps them; their faults are the flow's
    own."""

    kind = ""

    def __init__(self, *arguments: Any, keyed: bool = False, via: str = "", **options: Any) -> None:
        self.keyed, self.via = keyed, via
        super().__init__(*arguments, **options)

    def values(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @staticmethod
    def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
        return dict(step)

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not self.errors:
            for fault in flows.step_faults({**self.values(), "id": "step"}, keyed=self.keyed):
                self.add_error(None, str(fault.sentence()))
        return told


class DelayForm(StepForm):
    kind = "delay"
    n = forms.FloatField(label=_("Wait"), min_value=0, max_value=527_040, initial=1)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, initial="days")
    at = forms.TimeField(
        label=_("Then until this time of the person's day"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
        help_text=_("By their own time zone; the workspace's where it is not known."),
    )  # fmt: skip
    weekday = forms.ChoiceField(label=_("On"), required=False)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        days = [(str(n), day) for n, day in enumerate(WEEKDAYS)]
        self.fields["weekday"].choices = [("", _("any day")), *days]

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        if told.get("weekday") and not told.get("at") and "at" not in self.errors:
            self.add_error("at", _("Say at which time of that day."))
        return told

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        at: time | None = told.get("at")
        return {"kind": "delay", "n": told["n"], "unit": told["unit"],
                "at": at.strftime("%H:%M") if at else "",
                "weekday": told.get("weekday", "") if at else ""}  # fmt: skip


class WaitForm(StepForm):
    kind = "wait"
    event = _event(_("Until they do"))
    where = ConditionsField()
    keyed_too = forms.BooleanField(label=_("With the same key"), required=False)
    n = forms.FloatField(label=_("At most"), min_value=0, max_value=527_040, initial=1)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, initial="days")

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        return {
            "kind": "wait", "event": told["event"], "where": told["where"],
            "keyed": told["keyed_too"], "n": told["n"], "unit": told["unit"],
            "branches": [{"key": CAME, "steps": []}, {"key": TIMEOUT, "steps": []}],
        }  # fmt: skip

    @staticmethod
    def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
        return {**step, "where": ConditionsField.shown(step.get("where", [])),
                "keyed_too": step.get("keyed", False)}  # fmt: skip


class SplitForm(StepForm):
    kind = "split"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for n in range(1, WAYS + 1):
            self.fields[f"way_{n}"] = forms.ChoiceField(
                label=say("Way %(n)s: who is in", n=n), required=False,
                choices=[("", "–"), *_segments(str(self.initial.get(f"way_{n}", "")))],
                help_text=_("Who is in several takes the first.") if n == 1 else "",
            )  # fmt: skip

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        ways = [
            {"key": str(n), "segment": told[f"way_{n}"], "steps": []}
            for n in range(1, WAYS + 1) if told.get(f"way_{n}")
        ]  # fmt: skip
        return {"kind": "split", "branches": [*ways, {"key": OTHERWISE, "steps": []}]}

    @staticmethod
    def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
        return {f"way_{b['key']}": b.get("segment", "") for b in step.get("branches", [])}


class CohortForm(StepForm):
    kind = "cohort"
    shares = forms.CharField(
        label=_("Shares in percent"), max_length=60, initial="50, 50",
        help_text=_(
            "Such as 50, 50 or 45, 45, 10. People stay in their group for good; leave one group "
            "without a message and you see what the messages are worth."
        ),
    )  # fmt: skip

    def clean_shares(self) -> list[float]:
        parts = re.split(r"[,;\s]+", str(self.cleaned_data["shares"]).strip())
        try:
            shares = [float(part) for part in parts]
        except ValueError as wrong:
            raise forms.ValidationError(_("Write the shares like 50, 50.")) from wrong
        if len(shares) > MOST_GROUPS:
            raise forms.ValidationError(str(say("At most %(n)s groups.", n=MOST_GROUPS)))
        return shares

    def values(self) -> dict[str, Any]:
        shares = self.cleaned_data["shares"]
        ways = [{"key": "abcdef"[n], "share": s, "steps": []} for n, s in enumerate(shares)]
        return {"kind": "cohort", "branches": ways}

    @staticmethod
    def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
        return {"shares": ", ".join(f"{b['share']:g}" for b in step.get("branches", []))}


class MessageForm(StepForm):
    kind = "message"
    text = forms.ChoiceField(
        label=_("Text"), required=False, help_text=_("Approved texts alone can be chosen.")
    )
    others = forms.MultipleChoiceField(
        label=_("The same in other languages"), required=False,
        help_text=_("People get the one in their language, else the text above."),
    )  # fmt: skip
    experiment = forms.ChoiceField(
        label=_("Or what an experiment decides"), required=False,
        help_text=_("Its arms are the texts; the journey keeps to what it learns."),
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        only = Channel.EMAIL if self.via == Campaign.Via.EMAIL else ""
        texts = content.grouped(
            content.approved_revisions(only)[:200], lambda r: f"{r.phrase} ({r.asset.locale})"
        )
        self.fields["text"].choices = [("", "–"), *texts]
        self.fields["others"].choices = texts
        free = experiments.experiments().filter(
            campaigns=None, state__in=["draft", "running"], assigned_by="attune"
        )
        if only:
            free = free.filter(arms__revision__asset__channel=only).distinct()
        self.fields["experiment"].choices = [("", "–"), *((str(e.pk), e.name) for e in free)]

    def values(self) -> dict[str, Any]:
        told = self.cleaned_data
        texts = [told["text"], *told["others"]] if told["text"] else []
        return {"kind": "message", "texts": list(dict.fromkeys(texts)),
                "experiment": told["experiment"]}  # fmt: skip

    @staticmethod
    def initial_of(step: Mapping[str, Any]) -> dict[str, Any]:
        texts = [str(one) for one in step.get("texts", [])]
        return {"text": texts[0] if texts else "", "others": texts[1:],
                "experiment": step.get("experiment", "")}  # fmt: skip


class ExitForm(StepForm):
    kind = "exit"


STEP_FORMS: dict[str, type[StepForm]] = {
    form.kind: form for form in (DelayForm, WaitForm, SplitForm, CohortForm, MessageForm, ExitForm)
}


def _segments(own: str) -> list[tuple[str, str]]:
    known = as_uuid(own) if own else None
    return segments.as_choices(segments.segment(known) if known else None)
