"""Predictions over REST: read them, their refreshes with their model cards, and the scores."""

from __future__ import annotations

from typing import Any, ClassVar

from attune.api.serializers import ModelSerializer, sees_names
from attune.api.viewsets import ReadViewSet
from campaigns.contacts.models import Score
from campaigns.predictions import explaining
from campaigns.predictions.models import Prediction, PredictionRun


class PredictionOut(ModelSerializer):
    class Meta:
        model = Prediction
        fields = ("id", "key", "name", "goal_id", "days", "traits", "state", "created_at")


class PredictionRunOut(ModelSerializer):
    class Meta:
        model = PredictionRun
        fields = ("id", "prediction_id", "at", "state", "reason", "people", "card", "created_at")


class ScoreOut(ModelSerializer):
    class Meta:
        model = Score
        fields = ("id", "contact_id", "key", "value", "rank", "reasons", "at")

    def to_representation(self, row: Score) -> dict[str, Any]:
        """Traits are told to keys alone that may read personal data."""
        told: dict[str, Any] = super().to_representation(row)
        personal = sees_names(self.context["request"])
        told["reasons"] = [
            [name, explaining.shown(name, value, personal=personal), by]
            for name, value, by in row.reasons
        ]
        return told


class PredictionViewSet(ReadViewSet):
    """Predictions: which goal, within how many days."""

    model = Prediction
    serializer_class = PredictionOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}


class PredictionRunViewSet(ReadViewSet):
    """Refreshes of predictions, each with its model card or why it was refused."""

    model = PredictionRun
    serializer_class = PredictionRunOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}


class ScoreViewSet(ReadViewSet):
    """What predictions foretell of contacts, with the reasons: [feature, value, log odds]."""

    model = Score
    serializer_class = ScoreOut
    scopes: ClassVar = {"list": "contacts.view", "retrieve": "contacts.view"}
