"""Template vocabulary of the house. Templates show; what is computed here is only shape."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms.boundfield import BoundField, BoundWidget
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from attune.kernel.phrases import Phrase, say, veiled, word

register = template.Library()
MINUS = "\u2212"


@register.simple_tag(takes_context=True)
def wurl(context: Any, name: str, *arguments: object) -> str:
    """The URL of a page of the open workspace."""
    return reverse(name, args=[context["member"].slug, *arguments])


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """The present query string with some parameters changed; None removes one."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return "?" + parameters.urlencode()


@register.filter
def box_groups(field: BoundField) -> list[tuple[str, list[BoundWidget]]]:
    """The boxes of a field by the groups of its choices; those without a group are together."""
    widget = field.field.widget
    attributes = field.build_widget_attrs({"id": field.auto_id})
    context = widget.get_context(field.html_name, field.value(), attributes)
    found: list[tuple[str, list[BoundWidget]]] = []
    for name, options, _ in context["widget"]["optgroups"]:
        if not found or name or found[-1][0]:
            found.append((str(name or ""), []))
        found[-1][1].extend(BoundWidget(widget, one, field.form.renderer) for one in options)
    return found


@register.filter
def points(value: float | None) -> str:
    """0.0766 as '+7.66 pts'."""
    if value is None:
        return "–"
    return str(say("%(points)s pts", points=f"{value * 100:+.2f}".replace("-", MINUS)))


@register.filter
def percent(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f} %".replace("-", MINUS)


@register.filter
def relative(value: float | None) -> str:
    """0.1 as '+10 %'."""
    return "–" if value is None else f"{value * 100:+.0f} %".replace("-", MINUS)


@register.filter
def signed(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", MINUS)


@register.filter
def wide(error: float | None, digits: int = 3) -> str:
    """A standard error as half the width of its 95 % interval."""
    return "–" if error is None else f"{1.96 * error:.{digits}f}"


@register.filter
def cents(value: int | Decimal | None, currency: str = "") -> str:
    """An amount in cents as money."""
    return "–" if value is None else f"{int(value) / 100:,.2f} {currency}".strip()


FORMATS = {"minutes": "Y-m-d H:i", "seconds": "Y-m-d H:i:s", "day": "Y-m-d"}


@register.filter
def when(value: datetime | date | str | None, precision: str = "minutes") -> SafeString | str:
    """A moment in the workspace's time zone, which its tooltip names; a day as it is."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        return formats.date_format(moment, FORMATS["day"])
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(), timezone.get_current_timezone_name(),
        formats.date_format(local, FORMATS[precision]),
    )  # fmt: skip


@register.filter
def words(value: str) -> str:
    """A state's or code's name as words, in the reader's language."""
    return str(word(value))


@register.filter
def nameless(phrase: Phrase) -> str:
    """A kept sentence without what it was filled with, for who may not see names."""
    return str(veiled(phrase))


@register.filter
def undo_token(message: Any) -> str:
    """The offer to take a deed back that a message carries; empty where there is none."""
    tags = str(message.extra_tags or "")
    return tags.removeprefix("undo:") if tags.startswith("undo:") else ""


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


TONES = {
    "approved": "good",
    "done": "good",
    "running": "live",
    "sent": "good",
    "delivered": "good",
    "ready": "good",
    "pass": "good",
    "won": "good",
    "active": "good",
    "ship": "good",
    "passed": "good",
    "live": "good",
    "training": "live",
    "in_review": "wait",
    "pending": "wait",
    "scheduled": "wait",
    "draft": "plain",
    "generated": "plain",
    "paused": "wait",
    "loading": "live",
    "uncertain": "warn",
    "changes_requested": "warn",
    "warn": "warn",
    "suppressed": "warn",
    "capped": "warn",
    "positive": "good",
    "rising": "warn",
    "falling": "live",
    "candidate": "wait",
    "holds": "good",
    "promote": "good",
    "completed": "good",
    "fair": "good",
    "hold": "wait",
    "unsure": "warn",
    "refuse": "bad",
    "rolled_back": "bad",
    "broken": "bad",
    "disputed": "warn",
    "settled": "good",
    "moving": "warn",
    "adopted": "live",
    "dropped": "plain",
    "closed": "good",
    "moved": "bad",
    "accepted": "good",
    "under_review": "wait",
    "stale": "warn",
    "mined": "good",
    "waiting": "wait",
    "negative": "bad",
    "mixed": "warn",
    "rejected": "bad",
    "refused": "bad",
    "failed": "bad",
    "quarantined": "bad",
    "block": "bad",
    "blocked": "bad",
    "bounced": "bad",
    "rollback": "bad",
    "stopped": "plain",
    "cancelled": "plain",
    "retired": "plain",
}


@register.simple_tag
def status(state: str, text: str = "") -> SafeString:
    """A state as a labelled dot, under its own name or the text; colour is never the only sign."""
    shown = text or words(state)
    return format_html(
        '<span class="status status-{}">{}</span>', TONES.get(str(state), "plain"), shown
    )


@register.inclusion_tag("web/chart.html")
def chart(identity: str, data: dict[str, Any], title: str) -> dict[str, Any]:
    """A chart with its table: `data` is {x, series[{name, values, low?, high?}], unit, kind,
    along?}; `along` says what x is where it is no time."""
    named = [{**one, "name": str(one["name"])} for one in data["series"]]
    data = {**data, "unit": str(data["unit"]), "series": named}
    if "along" in data:
        data["along"] = str(data["along"])
    rows = [
        {"x": x, "cells": [_cell(series, index) for series in data["series"]]}
        for index, x in enumerate(data["x"])
    ]
    return {"identity": identity, "data": data, "title": title, "rows": rows}


@register.inclusion_tag("web/picture.html")
def picture(identity: str, data: dict[str, Any], title: str) -> dict[str, Any]:
    """A graph ({kind: graph, kinds, nodes, links}) or a flow ({kind: sankey, nodes, links}); the
    page shows the same as a table beneath."""
    return {"identity": identity, "data": data, "title": title}


def _cell(series: dict[str, Any], index: int) -> str:
    value = series["values"][index]
    if value is None:
        return "–"
    text = f"{value:.4g}"
    low, high = series.get("low"), series.get("high")
    if low and high and low[index] is not None:
        text += f" [{low[index]:.4g}, {high[index]:.4g}]"
    return text


ICONS = {
    "spark": "M12 3v5M12 16v5M3 12h5M16 12h5M6 6l3 3M15 15l3 3M18 6l-3 3M9 15l-3 3",
    "link": "M6 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4z M18 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z "
    "M11 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4z M8 6.5l8 1M7 8l3 8M17 10l-4.5 6.5",
    "route": "M6 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6z M18 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6z "
    "M9 6h6a4 4 0 0 1 0 8H9a2 2 0 0 0 0 4h6",
    "home": "M3 11 12 3l9 8v10h-6v-6H9v6H3z",
    "people": "M8 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 9c0-4 3-6 7-6s7 2 7 6zm16-9a3 3 0 1 0 0-6m1 8"
    "c3 0 5 2 5 5",
    "segment": "M12 3a9 9 0 1 0 9 9h-9z M15 3a7 7 0 0 1 6 6h-6z",
    "tag": "M3 3h8l10 10-8 8L3 11z M7 7h.01",
    "pen": "M4 20l1-5L16 4l4 4L9 19z",
    "check": "M4 12l5 5L20 6",
    "send": "M3 11 21 3l-8 18-2-8z",
    "flask": "M9 3h6 M10 3v6L4 20h16L14 9V3",
    "shield": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
    "gear": "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z M12 2v3 M12 19v3 M2 12h3 M19 12h3 M5 5l2 2 M17 17l2"
    " 2 M5 19l2-2 M17 7l2-2",
    "bolt": "M13 2 4 14h7l-1 8 9-12h-7z",
    "inbox": "M3 13h5l2 3h4l2-3h5v7H3z M3 13l3-9h12l3 9",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z M16 16l5 5",
    "bell": "M6 16V11a6 6 0 1 1 12 0v5l2 2H4z M10 21h4",
    "book": "M4 5c3-1 6-1 8 1 2-2 5-2 8-1v14c-3-1-6-1-8 1-2-2-5-2-8-1z M12 6v14",
    "bot": "M5 9h14v10H5z M12 9V5 M9 13v2 M15 13v2 M2 13v3 M22 13v3",
    "chat": "M4 5h16v11H9l-5 4z",
    "coins": "M4 7h13a3 3 0 0 1 3 3v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z M4 7l11-4v4 M16 14h.01",
    "target": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z M12 12h.01",
    "compass": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M15 9l-2 5-4 1 2-5z",
    "lens": "M4 12s3-6 8-6 8 6 8 6-3 6-8 6-8-6-8-6z M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
    "trend": "M3 17l6-6 4 4 8-9 M15 6h6v6",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M12 7v5l4 2",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>',
        mark_safe(ICONS[name]),
    )
