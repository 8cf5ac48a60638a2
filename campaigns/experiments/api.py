"""Experiments, metrics and the decision log over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.content import selectors as content
from campaigns.decisions import selectors as log
from campaigns.decisions.models import Decision, Metric
from campaigns.experiments import selectors, services
from campaigns.experiments.models import Experiment, Snapshot


class ExperimentOut(ModelSerializer):
    class Meta:
        model = Experiment
        fields = (
            "id", "key", "name", "hypothesis", "kind", "state", "floor", "window_hours",
            "target_lift", "criteria", "use_before", "assigned_by", "hash_version",
            "approved_by", "approved_at", "version", "started_at", "stopped_at", "winner",
            "created_at",
        )  # fmt: skip


class ArmIn(serializers.Serializer):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    weight = serializers.FloatField(min_value=0.0001, max_value=1000)
    revision = serializers.UUIDField(required=False, allow_null=True)
    is_control = serializers.BooleanField(default=False)


class ExperimentIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    kind = ChoiceField(choices=Experiment.Kind.choices, default="fixed")
    arms = ArmIn(many=True)
    primary_metric = serializers.SlugField(max_length=60)
    guardrail_metrics = serializers.ListField(
        child=serializers.SlugField(max_length=60), default=list, max_length=10
    )
    hypothesis = serializers.CharField(max_length=300, default="", allow_blank=True)
    floor = serializers.FloatField(min_value=0, max_value=0.5, default=0.01)
    window_hours = serializers.IntegerField(min_value=1, max_value=8760, default=168)
    target_lift = serializers.FloatField(min_value=0.001, max_value=10, default=0.1)
    assigned_by = ChoiceField(choices=Experiment.By.choices, default="attune")
    criteria = ChoiceField(choices=Experiment.Criteria.choices, default="clear")
    use_before = serializers.BooleanField(default=False, help_text="CUPED.")
    hash_version = serializers.IntegerField(
        min_value=1, max_value=2, default=2, help_text="Of the GrowthBook SDK that assigns."
    )


class SnapshotOut(ModelSerializer):
    class Meta:
        model = Snapshot
        fields = ("id", "at", "decided", "verdict", "sentence", "srm_p", "results")


class MetricOut(ModelSerializer):
    class Meta:
        model = Metric
        fields = ("id", "key", "name", "event_name", "kind", "higher_is_better")


class DecisionOut(ModelSerializer):
    class Meta:
        model = Decision
        fields = (
            "id", "source", "source_id", "contact_id", "eligible", "excluded", "propensities",
            "action", "propensity", "version", "mode", "context", "at", "window_closes_at",
        )  # fmt: skip


class MetricViewSet(ReadViewSet):
    """What counts as success or harm."""

    model = Metric
    serializer_class = MetricOut
    scopes: ClassVar = {"list": "experiments.view", "retrieve": "experiments.view"}


class DecisionViewSet(ReadViewSet):
    """The decision log: every choice with its propensities."""

    model = Decision
    serializer_class = DecisionOut
    scopes: ClassVar = {"list": "decisions.view", "retrieve": "decisions.view"}


class ExperimentViewSet(ReadViewSet):
    """Experiments: fixed split or Thompson bandit."""

    model = Experiment
    serializer_class = ExperimentOut
    scopes: ClassVar = {
        "list": "experiments.view",
        "retrieve": "experiments.view",
        "create": "experiments.edit",
        "results": "experiments.view",
    }

    @extend_schema(request=ExperimentIn, responses={201: ExperimentOut})
    def create(self, request: Request) -> Response:
        data = ExperimentIn(data=request.data)
        data.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(data.validated_data)
        arms = [
            services.ArmPlan(
                key=arm["key"],
                name=arm["name"],
                weight=arm["weight"],
                revision=content.revision(arm["revision"]) if arm.get("revision") else None,
                is_control=arm["is_control"],
            )
            for arm in values.pop("arms")
        ]
        primary = log.metric_by_key(values.pop("primary_metric"))
        guardrails = [log.metric_by_key(key) for key in values.pop("guardrail_metrics")]
        experiment = services.create(arms=arms, primary=primary, guardrails=guardrails, **values)
        experiment.refresh_from_db()
        return Response(ExperimentOut(experiment).data, status=201)

    @extend_schema(responses=SnapshotOut)
    @action(detail=True)
    def results(self, request: Request, pk: str) -> Response:
        """The latest look: effects with always-valid intervals, and one sentence."""
        snapshot = selectors.latest(self.get_object())
        if snapshot is None:
            raise NotFound(
                say("Nobody has looked at this experiment yet; it looks every 15 seconds.")
            )
        return Response(SnapshotOut(snapshot).data)
