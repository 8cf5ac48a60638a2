"""Forecasts over REST: read the questions, what was foretold, and the ledger."""

from __future__ import annotations

from typing import ClassVar

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from insights.forecasts.models import Forecast, ForecastCheck, Series


class SeriesOut(ModelSerializer):
    class Meta:
        model = Series
        fields = ("id", "name", "metric_id", "grain", "by", "horizon", "state", "barred",
                  "created_at")  # fmt: skip


class ForecastOut(ModelSerializer):
    class Meta:
        model = Forecast
        fields = ("id", "series_id", "key", "at", "origin", "state", "reason", "model", "points",
                  "trials", "created_at")  # fmt: skip


class ForecastCheckOut(ModelSerializer):
    class Meta:
        model = ForecastCheck
        fields = ("id", "forecast_id", "period", "ahead", "foretold", "baseline", "low", "high",
                  "actual", "inside80", "inside95", "created_at")  # fmt: skip


class SeriesViewSet(ReadViewSet):
    """Series: which metric, by which periods, in which parts."""

    model = Series
    serializer_class = SeriesOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}


class ForecastViewSet(ReadViewSet):
    """Forecasts: points are [first day, mean, 80 % from, to, 95 % from, to, baseline]."""

    model = Forecast
    serializer_class = ForecastOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}


class ForecastCheckViewSet(ReadViewSet):
    """The ledger: what was foretold of a period, and what it was."""

    model = ForecastCheck
    serializer_class = ForecastCheckOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}
