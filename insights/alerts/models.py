"""What is watched, what moved, and who gets the weekly digest."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey


class Watch(TenantModel):
    """A weekly figure that somebody wants to hear about when it leaves what is usual."""

    class Figure(models.TextChoices):
        VOLUME = "volume", _("How much is written")
        FEELING = "feeling", _("Share of texts that are negative")
        TOPIC = "topic_moved", _("Share of texts about a topic")
        FEATURE = "feature_moved", _("Share of mentions against a feature")

    class Direction(models.TextChoices):
        BOTH = "both", _("either way")
        UP = "up", _("when it rises")
        DOWN = "down", _("when it falls")

    figure = models.CharField(max_length=13, choices=Figure)
    about = models.JSONField(default=dict, blank=True)
    label = models.CharField(max_length=200)
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.BOTH)
    muted_until = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    seen = models.JSONField(default=dict, blank=True)  # this week: {value, low, high, n}
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL,
        related_name="+",
    )  # fmt: skip

    class Meta(TenantModel.Meta):
        db_table = "watch"
        constraints = [
            models.UniqueConstraint(
                name="one_watch_a_figure", fields=["tenant_id", "figure", "about"]
            ),
        ]

    @property
    def page(self) -> str:
        """Where what is watched can be seen."""
        pages = {"topic_moved": "topics:topic", "feature_moved": "reading:feature"}
        return pages.get(self.figure, "reading:overview")

    @property
    def row(self) -> str:
        """The row of that page; empty where it has none."""
        return str(self.about.get("topic") or self.about.get("feature") or "")

    def __str__(self) -> str:
        return self.label or str(self.get_figure_display())


class Alert(TenantModel):
    """A figure of the seven days before `at` that left what is usual: [low, high] is where it lay
    in 99.7 % of weeks like those before."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        SEEN = "seen", _("Seen")

    watch = TenantForeignKey(Watch, on_delete=models.CASCADE, related_name="alerts")
    at = models.DateTimeField()
    value = models.FloatField()
    usual = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    n = models.IntegerField()
    told = PhraseField(default=str)
    state = models.CharField(max_length=4, choices=State, default=State.OPEN)

    class Meta(TenantModel.Meta):
        db_table = "insight_alert"
        indexes = [models.Index(fields=["tenant_id", "watch", "-at"], name="alert_by_watch")]

    def __str__(self) -> str:
        return str(self.told)


class DigestReader(TenantModel):
    """A member who gets the weekly digest by e-mail."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "digest_reader"
        constraints = [
            models.UniqueConstraint(name="one_digest_a_member", fields=["tenant_id", "user"]),
        ]

    def __str__(self) -> str:
        return str(self.user_id)
