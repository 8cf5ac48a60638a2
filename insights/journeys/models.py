"""The way people take to a goal: what is asked, and what was mined from their events."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.segments.models import Segment


class Journey(TenantModel):
    """A question about the last `days` days: how do people, or those of a segment, come to do
    `goal`? `found` is the answer of the last mining (`insights.journeys.results.assembled`),
    over events until `mined_at`."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        MINED = "mined", _("Mined")
        FAILED = "failed", _("Failed")

    name = models.CharField(max_length=120)
    goal = models.CharField(max_length=200)
    days = models.PositiveIntegerField(default=90)
    lookback = models.PositiveIntegerField(default=30)
    segment = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    problem = PhraseField(default=str)
    found = models.JSONField(default=dict)
    mined_at = models.DateTimeField(null=True, blank=True)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "journey"
        constraints = [
            models.UniqueConstraint(name="one_journey_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name
