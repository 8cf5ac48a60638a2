"""Budgets over REST: read them, their fits and plans; bring in what was spent."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from campaigns.budget import services, tables
from campaigns.budget.models import BudgetPlan, Mix, MixFit
from campaigns.budget.tables import Spent

MOST_ROWS = 5_000


class BudgetOut(ModelSerializer):
    class Meta:
        model = Mix
        fields = ("id", "name", "outcome_id", "created_at")


class BudgetFitOut(ModelSerializer):
    class Meta:
        model = MixFit
        fields = ("id", "mix_id", "at", "state", "reason", "digest", "findings", "results",
                  "created_at")  # fmt: skip


class BudgetPlanOut(ModelSerializer):
    class Meta:
        model = BudgetPlan
        fields = (
            "id", "mix_id", "fit_id", "name", "state", "starts", "weeks", "total", "limits",
            "scenarios", "adopted", "spent", "outcome", "created_at",
        )  # fmt: skip


class SpentIn(serializers.Serializer):
    """What a channel cost on a day; without a channel, the outcome of that day."""

    day = serializers.DateField()
    channel = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    amount = serializers.FloatField(min_value=0, max_value=tables.MOST)


class SpendIn(serializers.Serializer):
    rows = SpentIn(many=True, allow_empty=False, max_length=MOST_ROWS)  # type: ignore[call-arg]


class SpendOut(serializers.Serializer):
    taken = serializers.IntegerField(help_text="Amounts kept: one a day and channel.")


class BudgetViewSet(ReadViewSet):
    """Budgets: what each channel's money brings of an outcome."""

    model = Mix
    serializer_class = BudgetOut
    scopes: ClassVar = {
        "list": "strategy.view", "retrieve": "strategy.view", "spend": "strategy.edit",
    }  # fmt: skip

    @extend_schema(request=SpendIn, responses=SpendOut)
    @action(detail=True, methods=["post"])
    def spend(self, request: Request, pk: str) -> Response:
        """Bring in what was spent; a day and channel that is known gets the new amount. Then the
        budget is fitted anew."""
        data = SpendIn(data=request.data)
        data.is_valid(raise_exception=True)
        rows: list[dict[str, Any]] = data.validated_data["rows"]
        taken = services.take(self.get_object(), [
            Spent(n, row["day"], row["channel"].strip(), row["amount"])
            for n, row in enumerate(rows, start=1)
        ], field="rows")  # fmt: skip
        return Response({"taken": taken})


class BudgetFitViewSet(ReadViewSet):
    """Fits of budgets: what they say and whether it may be believed."""

    model = MixFit
    serializer_class = BudgetFitOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}


class BudgetPlanViewSet(ReadViewSet):
    """Plans: scenarios, the adopted one, and what became of it."""

    model = BudgetPlan
    serializer_class = BudgetPlanOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}
