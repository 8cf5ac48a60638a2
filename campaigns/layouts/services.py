"""Templates: save a version, put away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from attune.kernel import audit
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.locking import locked
from attune.kernel.phrases import say
from campaigns.layouts import blocks as drawing
from campaigns.layouts.blocks import Style
from campaigns.layouts.models import Template, TemplateVersion

Blocks = Sequence[Mapping[str, Any]]


@transaction.atomic
def save(
    *, name: str, template: Template | None = None, seen: int = 0,
    blocks: Blocks = (), style: Style | None = None, source: str = "",
) -> TemplateVersion:  # fmt: skip
    """A new version, of blocks or of MJML `source`. `seen` is the version that the editor saw:
    another since is a Conflict. Campaigns keep the version they were given."""
    if not name.strip():
        raise Invalid.one("name", say("Give the template a name."))
    look = style or Style()
    if source.strip():
        kind, page = TemplateVersion.Kind.MJML, drawing.compiled(source)
    else:
        if errors := list(drawing.faults(blocks, look)):
            raise Invalid(errors)
        kind = TemplateVersion.Kind.BLOCKS
        page = drawing.compiled(drawing.to_mjml(blocks, look))
    row = locked(template) if template is not None else Template()
    row.name = name.strip()[:120]
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as clash:
        told = say("A template is called “%(name)s” already.", name=row.name)
        raise Invalid.one("name", told) from clash
    number = row.versions.count()
    if template is not None and number != seen:
        raise Conflict(say("Someone else changed this template while you edited; reload to "
                           "compare."))  # fmt: skip
    version = TemplateVersion.objects.create(
        template=row, number=number + 1, kind=kind, blocks=list(blocks), style=asdict(look),
        source=source if source.strip() else "", html=page, by_label=audit.actor().label[:120],
    )  # fmt: skip
    audit.record("layouts.save", row, version=version.number)
    return version


def archive(template: Template) -> None:
    """No new campaign can use it; those that do keep it."""
    Template.objects.filter(pk=template.pk).update(archived=True)
    audit.record("layouts.archive", template)
