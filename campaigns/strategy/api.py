"""Policies over REST: read them, their versions and the gate's reports; stop and resume."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.phrases import say
from campaigns.strategy import selectors, services
from campaigns.strategy.models import OffPolicyEstimate, Policy, PolicyVersion, Ramp


class PolicyOut(ModelSerializer):
    class Meta:
        model = Policy
        fields = (
            "id", "key", "name", "kind", "rule", "state", "default_action", "may_wait", "features",
            "control_share", "floor", "every_hours", "window_hours", "version", "started_at",
            "created_at",
        )  # fmt: skip


class PolicyVersionOut(ModelSerializer):
    class Meta:
        model = PolicyVersion
        fields = ("id", "policy_id", "number", "kind", "digest", "rounds", "until", "drivers",
                  "created_at")  # fmt: skip


class OffPolicyEstimateOut(ModelSerializer):
    class Meta:
        model = OffPolicyEstimate
        fields = (
            "id", "version_id", "log", "until", "rounds", "effective", "largest", "heaviest",
            "untried", "rewarded", "verdict", "reason", "estimator", "estimates", "created_at",
        )  # fmt: skip


class RampOut(ModelSerializer):
    class Meta:
        model = Ramp
        fields = ("id", "policy_id", "version_id", "state", "steps", "step", "step_since",
                  "created_at")  # fmt: skip


class PolicyMove(serializers.Serializer):
    """`kill`: everybody gets the default from the next decision on."""

    verb = ChoiceField(choices=["start", "kill", "resume"])


class PolicyViewSet(ReadViewSet):
    """Policies: who is decided for, among what, and which version serves."""

    model = Policy
    serializer_class = PolicyOut
    scopes: ClassVar = {
        "list": "strategy.view", "retrieve": "strategy.view", "move": "strategy.launch",
    }  # fmt: skip

    @extend_schema(request=PolicyMove, responses=PolicyOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Start, stop (kill) or resume."""
        data = PolicyMove(data=request.data)
        data.is_valid(raise_exception=True)
        policy = selectors.policy(self.get_object().pk, lock=True)
        verb = data.validated_data["verb"]
        if verb == "start":
            services.start(policy)
        elif verb == "kill":
            services.kill(policy, say("Stopped by a program."))
        else:
            services.resume(policy)
        policy.refresh_from_db()
        return Response(PolicyOut(policy).data)


class PolicyVersionViewSet(ReadViewSet):
    """Versions of policies: immutable snapshots, named by their hash."""

    model = PolicyVersion
    serializer_class = PolicyVersionOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}


class OffPolicyEstimateViewSet(ReadViewSet):
    """The gate's reports: promote, hold or refuse, with every estimator's interval."""

    model = OffPolicyEstimate
    serializer_class = OffPolicyEstimateOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}


class RampViewSet(ReadViewSet):
    """How versions come to serve."""

    model = Ramp
    serializer_class = RampOut
    scopes: ClassVar = {"list": "strategy.view", "retrieve": "strategy.view"}
