"""Saved views above a list: its filters under a name."""

from __future__ import annotations

from typing import Any

from django import template

from tenants import saved_views

register = template.Library()


@register.inclusion_tag("tenants/saved_views.html", takes_context=True)
def saved_view_bar(context: Any, page: str) -> dict[str, Any]:
    """The views of a list, the one that is open, and a form that keeps the present filters."""
    request = context["request"]
    now = saved_views.tidy(request.GET.urlencode())
    views = list(saved_views.of(user_id=request.user.pk, page=page))
    return {
        "request": request, "member": context["member"], "page": page, "views": views, "now": now,
        "known": any(view.query == now for view in views), "csrf_token": context.get("csrf_token"),
    }  # fmt: skip
