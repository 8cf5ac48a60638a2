"""Risks over REST: the questions, their refreshes, and what is told of customers."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from insights.risk import selectors
from insights.risk.models import Risk, RiskRun, RiskScore


class RiskOut(ModelSerializer):
    class Meta:
        model = Risk
        fields = ("id", "key", "name", "goal_id", "days", "state", "win_back_id", "created_at")


class RiskRunOut(ModelSerializer):
    class Meta:
        model = RiskRun
        fields = ("id", "risk_id", "at", "state", "reason", "people", "card", "created_at")


class RiskScoreOut(ModelSerializer):
    class Meta:
        model = RiskScore
        fields = ("id", "risk_id", "contact_id", "p", "alive", "worth", "usual", "worth_rank",
                  "action", "reasons", "at", "expires_at")  # fmt: skip


class RiskViewSet(ReadViewSet):
    """Risks: who does not reach which goal within how many days."""

    model = Risk
    serializer_class = RiskOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}


class RiskRunViewSet(ReadViewSet):
    """Refreshes of risks, each with its model card or why it was refused."""

    model = RiskRun
    serializer_class = RiskRunOut
    scopes: ClassVar = {"list": "insights.view", "retrieve": "insights.view"}


class RiskScoreViewSet(ReadViewSet):
    """What is told of customers until `expires_at`: `p` the chance to lose them, `worth` money
    expected in a year, `usual` money in the time ahead at the rate they bought at (both purchases,
    where the goal carries no money), an `action` somebody may take, and the reasons: [feature,
    value, log odds of losing them]."""

    model = RiskScore
    serializer_class = RiskScoreOut
    scopes: ClassVar = {"list": "contacts.view", "retrieve": "contacts.view"}
    asks: ClassVar = {"list": frozenset({"risk_id"}), "retrieve": frozenset({"risk_id"})}

    def get_queryset(self) -> QuerySet[RiskScore]:
        """Of one risk where `risk_id` names it; nothing is found of one that is not there."""
        rows = selectors.current()
        asked = self.request.query_params.get("risk_id")
        if asked is None:
            return rows
        wanted = as_uuid(asked)
        if wanted is None:
            raise Invalid.one("risk_id", say("Give the id of a risk, as /v1/risks lists it."))
        return rows.filter(risk=wanted)
