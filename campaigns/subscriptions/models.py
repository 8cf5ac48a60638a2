"""What people can subscribe to. Who did, and what they were told, is in their consent record."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel


class Topic(TenantModel):
    """A subject of messages, such as news or offers. Its key is the `purpose` of the consent."""

    class Mode(models.TextChoices):
        OPT_IN = "opt_in", _("Only who asked for it")
        OPT_OUT = "opt_out", _("Everybody who did not refuse it")

    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True, default="")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.OPT_IN)
    double = models.BooleanField(default=True)  # asked again by e-mail before it counts
    public = models.BooleanField(default=True)  # in the preference centre and the sign-up form
    archived = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "subscription_topic"
        constraints = [
            models.UniqueConstraint(name="one_topic_a_key", fields=["tenant_id", "key"]),
        ]

    def __str__(self) -> str:
        return self.name
