"""What belongs together: products, features, needs, topics, segments, behaviour, competitors and
channels, joined by what was said and done. Every edge keeps what it stands on."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey


class Entity(TenantModel):
    """A node. `key` is the id of the row it stands for, the name of an event, or the name of a
    competitor; `aliases` are the other names a competitor is found by."""

    class Kind(models.TextChoices):
        PRODUCT = "product", _("Product")
        FEATURE = "feature", _("Feature")
        NEED = "need", _("Need")
        TOPIC = "topic", _("Topic")
        SEGMENT = "segment", _("Segment")
        BEHAVIOUR = "behaviour", _("Behaviour")
        COMPETITOR = "competitor", _("Competitor")
        CHANNEL = "channel", _("Channel")

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=200)
    label = models.CharField(max_length=200)
    aliases = models.JSONField(default=list, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "entity"
        constraints = [
            models.UniqueConstraint(name="one_entity_a_key", fields=["tenant_id", "kind", "key"]),
        ]

    def __str__(self) -> str:
        return self.label


class Relation(TenantModel):
    """An edge with its evidence. `n` texts (of `then`: people) stand behind it, with the weight of
    those against and in favour; `lift` says how many times as often both occur together as the
    object occurs without the subject, with its 95 % interval; `confidence` is 1 - q where it was
    tested beside all others of its kind (Benjamini and Hochberg), and for what a text names, how
    sure the reader was. It holds from `valid_from` to `valid_to` (none: it still does)."""

    class Predicate(models.TextChoices):
        SPOKEN_OF = "spoken_of", _("is spoken of for")
        WISHED = "wished", _("is wished to have a better")
        WITH = "with", _("is named together with")
        ABOUT = "about", _("is about")
        SAYS = "says", _("speaks more of")
        CARRIES = "carries", _("hears more of")
        COMPARED = "compared", _("is compared on")
        THEN = "then", _("against it is followed by")

    class State(models.TextChoices):
        HOLDS = "holds", _("Holds")
        FADED = "faded", _("Faded")
        DISMISSED = "dismissed", _("Dismissed")

    subject = TenantForeignKey(Entity, on_delete=models.CASCADE, related_name="leads_to")
    predicate = models.CharField(max_length=9, choices=Predicate)
    object = TenantForeignKey(Entity, on_delete=models.CASCADE, related_name="led_to")
    state = models.CharField(max_length=9, choices=State, default=State.HOLDS)
    n = models.IntegerField()
    weight = models.FloatField()
    bad = models.FloatField(default=0.0)
    good = models.FloatField(default=0.0)
    lift = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    confidence = models.FloatField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    evidence = models.JSONField(default=list)
    drawn_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "relation"
        constraints = [
            models.UniqueConstraint(
                name="one_relation_a_pair",
                fields=["tenant_id", "subject", "predicate", "object"],
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "state", "-weight"], name="relation_by_weight"),
            models.Index(fields=["tenant_id", "object"], name="relation_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.get_predicate_display()} {self.object}"

    @property
    def shares(self) -> tuple[float, float, float]:
        """Percent against, plain, in favour."""
        total = self.weight or 1.0
        bad, good = min(100.0, 100 * self.bad / total), min(100.0, 100 * self.good / total)
        return bad, max(0.0, 100 - bad - good), good

    @property
    def good_from(self) -> float:
        return 100 - self.shares[2]
