"""Journeys over REST: their flows as JSON, their versions, and people on the way."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from campaigns.automations import flow as flows
from campaigns.automations import selectors, services
from campaigns.automations.models import Journey, JourneyRun
from campaigns.delivery import selectors as delivery
from campaigns.delivery.models import Campaign
from campaigns.subscriptions import selectors as subscriptions

VIAS = [c for c in Campaign.Via.choices if c[0] != Campaign.Via.DECIDE]


class JourneyOut(ModelSerializer):
    name = serializers.CharField(source="campaign.name")
    state = serializers.CharField(source="campaign.state")
    via = serializers.CharField(source="campaign.via")
    version = serializers.SerializerMethodField(help_text="Of the live flow; null before launch.")

    class Meta:
        model = Journey
        fields = ("id", "name", "state", "via", "campaign_id", "draft", "edited", "version",
                  "created_at")  # fmt: skip

    def get_version(self, row: Journey) -> int | None:
        return row.live.number if row.live is not None else None


class JourneyIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    via = ChoiceField(choices=VIAS, default="email")
    endpoint = serializers.UUIDField(required=False)
    topic = serializers.UUIDField(required=False)
    per_hour = serializers.IntegerField(required=False, min_value=1, max_value=10_000_000)
    flow = serializers.DictField(help_text="entry, exit and steps; see docs/api.md.")


class FlowIn(serializers.Serializer):
    flow = serializers.DictField()
    seen = serializers.IntegerField(help_text="`edited` as you read it: another since is a 409.")


class PublishIn(serializers.Serializer):
    seen = serializers.IntegerField()
    people = ChoiceField(
        choices=["move", "stay"], default="move",
        help_text="Whether people on the way go on by the new version or finish by their own.",
    )  # fmt: skip


class JourneyVerbIn(serializers.Serializer):
    verb = ChoiceField(choices=["launch", "pause", "resume", "finish", "retry"])
    seen = serializers.IntegerField(required=False, help_text="For launch.")


class AffectedOut(serializers.Serializer):
    people = serializers.IntegerField(help_text="On the way now.")
    homeless = serializers.IntegerField(help_text="Of them, at steps that the draft lacks.")
    problems = serializers.ListField(child=serializers.CharField())


class JourneyRunOut(ModelSerializer):
    class Meta:
        model = JourneyRun
        fields = (
            "id", "journey_id", "contact_id", "key", "state", "outcome", "node", "entered_at",
            "since", "due_at", "problem", "ended_at",
        )  # fmt: skip
        personal = ("key", "problem")  # a key may be an address, a problem name one


class JourneyViewSet(ReadViewSet):
    """Journeys: who comes in, through which steps, who leaves."""

    model = Journey
    serializer_class = JourneyOut
    scopes: ClassVar = {
        "list": "campaigns.view", "retrieve": "campaigns.view", "create": "campaigns.edit",
        "flow": "campaigns.edit", "affected": "campaigns.view", "publish": "campaigns.launch",
        "move": "campaigns.launch",
    }  # fmt: skip

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        fake = getattr(self, "swagger_fake_view", False)
        return rows if fake else rows.select_related("campaign", "live").order_by("-id")

    def _told(self, row: Journey, status: int = 200) -> Response:
        return Response(JourneyOut(selectors.journey(row.pk)).data, status=status)

    @extend_schema(request=JourneyIn, responses={201: JourneyOut})
    def create(self, request: Request) -> Response:
        """A draft; its flow is checked when it is published."""
        data = JourneyIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        endpoint = None
        if "endpoint" in values:
            endpoint = delivery.endpoint(values["endpoint"])
        row = services.create(
            name=values["name"], via=values["via"], endpoint=endpoint,
            topic=subscriptions.topic(values["topic"]) if "topic" in values else None,
            per_hour=values.get("per_hour"), draft=_tree(values["flow"]),
        )  # fmt: skip
        return self._told(row, 201)

    @extend_schema(request=FlowIn, responses=JourneyOut)
    @action(detail=True, methods=["post"])
    def flow(self, request: Request, pk: str) -> Response:
        """A new draft."""
        data = FlowIn(data=request.data)
        data.is_valid(raise_exception=True)
        row, values = self.get_object(), data.validated_data
        services.edit(journey=row, draft=_tree(values["flow"]), seen=values["seen"])
        return self._told(row)

    @extend_schema(responses=AffectedOut)
    @action(detail=True)
    def affected(self, request: Request, pk: str) -> Response:
        """Whom publishing the draft would affect, and what stands in its way."""
        told = services.affected(self.get_object())
        problems = [str(one) for one in told.problems]
        return Response({"people": told.people, "homeless": told.homeless, "problems": problems})

    @extend_schema(request=PublishIn, responses=JourneyOut)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Make the draft the live version."""
        data = PublishIn(data=request.data)
        data.is_valid(raise_exception=True)
        row, values = self.get_object(), data.validated_data
        services.publish(journey=row, seen=values["seen"], moves=values["people"] == "move")
        return self._told(row)

    @extend_schema(request=JourneyVerbIn, responses=JourneyOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Launch, pause, resume, end, or let who is stuck try again."""
        data = JourneyVerbIn(data=request.data)
        data.is_valid(raise_exception=True)
        row, verb = self.get_object(), data.validated_data["verb"]
        if verb == "launch":
            services.launch(journey=row, seen=data.validated_data.get("seen", row.edited))
        elif verb == "retry":
            services.retry_stuck(journey=row)
        else:
            services.move(journey=row, verb=verb)
        return self._told(row)


class JourneyRunViewSet(ReadViewSet):
    """People's ways through journeys."""

    model = JourneyRun
    serializer_class = JourneyRunOut
    scopes: ClassVar = {"list": "campaigns.view", "retrieve": "campaigns.view"}


def _tree(flow: dict[str, Any]) -> dict[str, Any]:
    """A flow that can at least be drawn: its parts have their kinds and every step an id. What is
    wrong in it beyond that is told when it is published."""
    entry, leave, steps = flow.get("entry", {}), flow.get("exit", {}), flow.get("steps", [])
    if not isinstance(entry, dict) or not isinstance(leave, dict) or not isinstance(steps, list):
        raise Invalid.one("flow", say("A flow has entry and exit, objects, and steps, a list."))
    tree = {"entry": entry, "exit": leave, "steps": steps, "next": 1}
    flows.check_shape(tree)
    known = [str(step["id"]) for step, _ in flows.walk(steps)]
    numbers = [int(one[1:]) for one in known if one[:1] == "s" and one[1:].isdecimal()]
    return {**tree, "next": max([0, *numbers]) + 1}
