"""Lists with their filters under a name. What is kept is the query string: a view is its link."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from django.db.models import Q, QuerySet

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.phrases import say
from tenants import undo
from tenants.models import SavedView

PAGES = {
    "contacts:people", "delivery_pages:outbox", "workspace:jobs", "workspace:audit",
    "catalog:products", "delivery_pages:campaigns", "experiments:experiments",
    "segments:segments", "content:briefs", "dashboards:board",
}  # fmt: skip


def tidy(query: str) -> str:
    """The filters of a query string, sorted; without the page number and empty ones."""
    pairs = [(k, v) for k, v in parse_qsl(query) if k != "page" and v]
    return urlencode(sorted(pairs))[:500]


def of(*, user_id: int, page: str) -> QuerySet[SavedView]:
    """The member's own views of a list and those that are shared."""
    rows = SavedView.objects.filter(Q(user_id=user_id) | Q(shared=True), page=page)
    return rows.order_by("name")


@undo.deed("views.drop", verb="workspace.view")
def put_back(*, user_id: int, page: str, name: str, query: str, shared: bool) -> None:
    """A view that was forgotten, unless there is one of that name again."""
    if SavedView.objects.filter(user_id=user_id, page=page, name=name).exists():
        raise Conflict(say("There is a view of this name again."))
    save(user_id=user_id, page=page, name=name, query=query, shared=shared)


def save(*, user_id: int, page: str, name: str, query: str, shared: bool) -> SavedView:
    """Keep filters under a name; the same name again replaces them."""
    if page not in PAGES:
        raise Invalid.one("page", say("This list keeps no views."))
    if not name.strip():
        raise Invalid.one("name", say("Give the view a name."))
    view, _ = SavedView.objects.update_or_create(
        user_id=user_id, page=page, name=name.strip()[:60],
        defaults={"query": tidy(query), "shared": shared},
    )  # fmt: skip
    audit.record("views.save", view, page=page)
    return view


def drop(*, user_id: int, view_id: object) -> SavedView:
    """Forget a view of one's own."""
    view = SavedView.objects.filter(pk=view_id, user_id=user_id).first()
    if view is None:
        raise NotFound(say("There is no such view of yours."))
    audit.record("views.drop", view)
    view.delete()
    return view
