"""What is foretold of which series, by which model, and what came of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.decisions.models import Metric


class Series(TenantModel):
    """A question: how does this metric go on, as a whole or in parts that add up to it? What a file
    said of a day stands in the place of what the events say."""

    class Grain(models.TextChoices):
        DAY = "day", _("Day")
        WEEK = "week", _("Week")
        MONTH = "month", _("Month")

    class By(models.TextChoices):
        NOTHING = "", _("as a whole")
        CATEGORY = "category", _("by category")
        CHANNEL = "channel", _("by channel (where the visit came from)")
        SEGMENT = "segment", _("by segment")
        PRODUCT = "product", _("by product")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    name = models.CharField(max_length=120)
    metric = TenantForeignKey(Metric, on_delete=models.PROTECT, related_name="series")
    grain = models.CharField(max_length=5, choices=Grain, default=Grain.DAY)
    by = models.CharField(max_length=8, choices=By, blank=True, default=By.NOTHING)
    horizon = models.PositiveSmallIntegerField(default=28)  # periods ahead
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    barred = models.JSONField(default=dict)  # {model: since}: it stopped covering
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "series"
        constraints = [
            models.UniqueConstraint(name="one_series_a_name", fields=["tenant_id", "name"]),
        ]

    @property
    def overlaps(self) -> bool:
        """Whether one event may count in several parts, which then do not add up."""
        return self.by in {self.By.SEGMENT, self.By.PRODUCT}

    def __str__(self) -> str:
        return self.name


class SeriesDay(TenantModel):
    """What a file said of a day; with an empty key, of the whole."""

    series = TenantForeignKey(Series, on_delete=models.CASCADE, related_name="days")
    key = models.CharField(max_length=100, blank=True, default="")
    day = models.DateField()
    value = models.FloatField()

    class Meta(TenantModel.Meta):
        db_table = "series_day"
        constraints = [
            models.UniqueConstraint(
                name="one_value_a_day_and_key", fields=["tenant_id", "series", "key", "day"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.key}: {self.value}"


class Forecast(TenantModel):
    """What was foretold at `at` of the periods from `origin` on: `points` are [first day, mean, low
    and high of 80 %, low and high of 95 %, baseline]. Appended."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    series = TenantForeignKey(Series, on_delete=models.CASCADE, related_name="forecasts")
    key = models.CharField(max_length=100, blank=True, default="")
    label = models.CharField(max_length=160, blank=True, default="")
    at = models.DateTimeField()
    origin = models.DateField(null=True)
    state = models.CharField(max_length=8, choices=State)
    reason = PhraseField(default=str)
    model = models.CharField(max_length=40, blank=True, default="")
    points = models.JSONField(default=list)
    trials = models.JSONField(default=list)
    history = models.JSONField(default=list)  # [first day, value], the newest periods
    notes = models.JSONField(default=list)  # what was wrong with the data, as phrases

    class Meta(TenantModel.Meta):
        db_table = "forecast"
        indexes = [
            models.Index(fields=["tenant_id", "series", "key", "at"], name="forecast_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.origin}"


class ForecastCheck(TenantModel):
    """The ledger: what was foretold of a period, and what it was. Appended when it is over."""

    forecast = TenantForeignKey(Forecast, on_delete=models.CASCADE, related_name="checks")
    period = models.DateField()
    ahead = models.PositiveSmallIntegerField()
    foretold = models.FloatField()
    baseline = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    actual = models.FloatField()
    inside80 = models.BooleanField()
    inside95 = models.BooleanField()

    class Meta(TenantModel.Meta):
        db_table = "forecast_check"
        constraints = [
            models.UniqueConstraint(
                name="one_check_a_period", fields=["tenant_id", "forecast", "period"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.actual:.0f}"


class Occasion(TenantModel):
    """Days that are known before: a promotion, a holiday, a closed shop. Those of one name are
    taken to do the same."""

    name = models.CharField(max_length=80)
    first = models.DateField()
    last = models.DateField()

    class Meta(TenantModel.Meta):
        db_table = "occasion"
        constraints = [
            models.UniqueConstraint(
                name="one_occasion_a_name_and_day", fields=["tenant_id", "name", "first"]
            ),
            models.CheckConstraint(
                name="an_occasion_ends_after_it_begins",
                condition=models.Q(last__gte=models.F("first")),
            ),
        ]

    def __str__(self) -> str:
        return self.name
