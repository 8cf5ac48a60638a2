"""Reading templates."""

from __future__ import annotations

from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.layouts.models import Template, TemplateVersion


def templates() -> QuerySet[Template]:
    return Template.objects.filter(archived=False).order_by("name", "id")


def newest() -> QuerySet[TemplateVersion]:
    """The newest version of each template in use."""
    last = TemplateVersion.objects.filter(template_id=OuterRef("template_id")).order_by("-number")
    rows = TemplateVersion.objects.filter(
        template__archived=False, pk=Subquery(last.values("pk")[:1])
    )
    return rows.select_related("template").order_by("template__name", "pk")


def template(pk: UUID | str) -> Template:
    row = Template.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such template in this workspace."))
    return row


def version(pk: UUID | str) -> TemplateVersion:
    row = TemplateVersion.objects.select_related("template").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such template in this workspace."))
    return row


def latest(of: Template) -> TemplateVersion:
    row = of.versions.order_by("-number").first()
    assert row is not None  # noqa: S101 - saved together
    return row


def as_choices(own: TemplateVersion | None = None) -> list[tuple[str, str]]:
    """Newest versions to choose from; an older one that stands there now is among them."""
    rows = list(newest())
    if own is not None and own not in rows:
        rows.insert(0, own)
    return [
        (str(row.pk), str(say("%(name)s, version %(number)s", name=row.template.name,
                              number=str(row.number)))) for row in rows
    ]  # fmt: skip
