"""The design system, shown live: what each component is for, how it looks, how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from attune.kernel.errors import Conflict
from attune.kernel.phrases import say, word
from attune.web.editing import Editing
from tenants.forms import InviteForm, WorkspaceForm
from tenants.pages import page

SURFACES = (
    ("paper", say("the page")), ("card", say("what is read")), ("sunk", say("what lies deeper")),
    ("accent", say("the one primary action")), ("accent-soft", say("where one is")),
    ("good-soft", say("went well")), ("warn-soft", say("needs a look")),
    ("bad-soft", say("went wrong")),
)  # fmt: skip
CHART: dict[str, Any] = {
    "kind": "line",
    "unit": say("points"),
    "zero": True,
    "x": ["Mon", "Tue", "Wed", "Thu", "Fri"],
    "series": [
        {
            "name": "Concrete taste",
            "values": [0.4, 1.1, 1.6, 1.8, 2.0],
            "low": [-3.0, -1.2, -0.3, 0.2, 0.6],
            "high": [3.8, 3.4, 3.5, 3.4, 3.4],
        }
    ],
}
DIFF = (("same", "A tea for"), ("gone", "busy"), ("new", "slow"), ("same", "days"))


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as the progress component reads it."""

    state: str
    note: str
    done: int = 0
    total: int = 0
    percent: int = 0
    attempts: int = 0
    error: str = ""


JOBS = (
    ShownJob("running", say("writing the body; 2 of 5 candidates passed"), 2, 4, 50),
    ShownJob("pending", ""),
    ShownJob("done", say("1,204 people decided")),
    ShownJob("quarantined", "", attempts=8, error="The model server answered 503."),
)
STATES = ("approved", "running", "in_review", "draft", "uncertain", "blocked", "stopped")


def _clashing() -> Editing:
    """Two people in one form, as the conflict component shows them."""
    began = Editing(WorkspaceForm(), {"name": "Oolong"})
    form = WorkspaceForm({"name": "Mountain Oolong", "base": began.base})
    form.is_valid()
    editing = Editing(form, {"name": "High Oolong"})
    editing.settled()
    return editing


@page("workspace.view")
def design(request: HttpRequest) -> HttpResponse:
    wrong = InviteForm({"email": "not an address", "role": "marketer"})
    wrong.is_valid()
    refusal = Conflict(say("This job is already %(state)s.", state=word("done")))
    context = {
        "surfaces": SURFACES, "chart": CHART, "diff": DIFF, "jobs": JOBS, "states": STATES,
        "form": wrong, "clashing": _clashing(), "refusal": refusal,
    }  # fmt: skip
    return render(request, "tenants/design.html", context)
