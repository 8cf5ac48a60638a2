"""What is watched, what moved, who is told, and who gets the weekly digest."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.delivery.models import Endpoint


class Watch(TenantModel):
    """A figure that somebody wants to hear about when it leaves what is usual: of texts by week; a
    metric, or one metric for each of another, by day."""

    class Figure(models.TextChoices):
        VOLUME = "volume", _("How much is written")
        FEELING = "feeling", _("Share of texts that are negative")
        TOPIC = "topic_moved", _("Share of texts about a topic")
        FEATURE = "feature_moved", _("Share of mentions against a feature")
        METRIC = "metric", _("A metric by day")
        RATIO = "ratio", _("A metric for each of another, by day")

    class Direction(models.TextChoices):
        BOTH = "both", _("either way")
        UP = "up", _("when it rises")
        DOWN = "down", _("when it falls")

    figure = models.CharField(max_length=13, choices=Figure)
    about = models.JSONField(default=dict, blank=True)
    label = models.CharField(max_length=260)
    least = models.PositiveIntegerField(default=10)  # events a day, of a metric: below says nothing
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
    def daily(self) -> bool:
        return self.figure in {self.Figure.METRIC, self.Figure.RATIO}

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
    """A figure that left what is usual. Of texts: of the seven days before `at`, [low, high] is
    where it lay in 99.7 % of weeks like those before. Of a metric: of the `days` until `day`, with
    the parts that moved most. What somebody explained is not what is usual any more."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        SEEN = "seen", _("Seen")
        EXPLAINED = "explained", _("Explained")

    watch = TenantForeignKey(Watch, on_delete=models.CASCADE, related_name="alerts")
    at = models.DateTimeField()
    day = models.DateField(null=True, blank=True)
    days = models.PositiveSmallIntegerField(default=7)
    moved = models.CharField(max_length=4, blank=True, default="")  # up or down
    value = models.FloatField()
    usual = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    n = models.IntegerField()
    slices = models.JSONField(default=list)  # [by, key, value, usual, share of the change]
    told = PhraseField(default=str)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    note = models.CharField(max_length=300, blank=True, default="")
    noted_by = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "insight_alert"
        indexes = [models.Index(fields=["tenant_id", "watch", "-at"], name="alert_by_watch")]
        constraints = [
            models.UniqueConstraint(
                name="one_alert_a_day", fields=["tenant_id", "watch", "day"],
                condition=models.Q(day__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.told)


class AlertRoute(TenantModel):
    """Who else is told of alerts, beside the notices in the app: a member by e-mail, or a webhook
    endpoint."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE,
        related_name="+",
    )  # fmt: skip
    endpoint = TenantForeignKey(Endpoint, null=True, blank=True, on_delete=models.CASCADE)

    class Meta(TenantModel.Meta):
        db_table = "alert_route"
        constraints = [
            models.UniqueConstraint(name="one_route_a_member", fields=["tenant_id", "user"]),
            models.UniqueConstraint(name="one_route_an_endpoint",
                                    fields=["tenant_id", "endpoint"]),
            models.CheckConstraint(
                name="a_route_leads_to_one",
                condition=models.Q(user__isnull=True, endpoint__isnull=False)
                | models.Q(user__isnull=False, endpoint__isnull=True),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.endpoint or self.user)


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
