"""E-mail templates: how a message looks. What it says is the revision's."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey


class Template(TenantModel):
    """A template under a name, through all its versions."""

    name = models.CharField(max_length=120)
    archived = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "template"
        constraints = [
            models.UniqueConstraint(name="one_template_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(TenantModel):
    """The template as it was saved: blocks or MJML, and the HTML it compiles to. Appended, never
    edited: a message that left looks as it did for ever."""

    class Kind(models.TextChoices):
        BLOCKS = "blocks", _("Blocks")
        MJML = "mjml", _("MJML")

    template = TenantForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=6, choices=Kind)
    blocks = models.JSONField(default=list)
    style = models.JSONField(default=dict)
    source = models.TextField(blank=True, default="")
    html = models.TextField()
    by_label = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "template_version"
        constraints = [
            models.UniqueConstraint(
                name="one_template_version_a_number", fields=["tenant_id", "template", "number"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.number}"
