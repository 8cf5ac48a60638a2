"""Campaigns and sends over REST, and the decisions that partners' own channels ask for."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet, TenantAPIView
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from campaigns.decisions.models import Decision
from campaigns.delivery import bounces, deciding, email, planning, selectors, sending, services
from campaigns.delivery.models import Bounce, Campaign, Send
from campaigns.experiments import selectors as experiments
from campaigns.segments import selectors as segments
from campaigns.strategy import selectors as strategy
from campaigns.subscriptions import selectors as subscriptions


class CampaignOut(ModelSerializer):
    class Meta:
        model = Campaign
        fields = (
            "id", "name", "via", "channel", "state", "audience_id", "experiment_id", "policy_id",
            "topic_id", "local_time", "per_hour", "launch_at", "launched_at", "planned",
            "created_at",
        )  # fmt: skip


class CampaignIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    via = ChoiceField(choices=Campaign.Via.choices, default="email")
    audience = serializers.UUIDField()
    experiment = serializers.UUIDField(required=False, help_text="This or a policy.")
    policy = serializers.UUIDField(required=False, help_text="It goes on by itself.")
    topic = serializers.UUIDField(required=False, help_text="Only who gets it is written to.")
    local_time = serializers.TimeField(
        required=False, help_text="Of each person's day, such as 09:00."
    )
    per_hour = serializers.IntegerField(required=False, min_value=1, max_value=10_000_000)


class VerbIn(serializers.Serializer):
    verb = ChoiceField(
        choices=["launch", "schedule", "unschedule", "pause", "resume", "cancel", "finish"]
    )
    at = serializers.DateTimeField(
        required=False,
        help_text="When to launch; for schedule. ISO 8601 with its zone; without one it is UTC.",
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if values["verb"] == "schedule" and "at" not in values:
            raise serializers.ValidationError({"at": "Give the time to launch, ISO 8601."})
        return values


class SendOut(ModelSerializer):
    class Meta:
        model = Send
        fields = (
            "id", "campaign_id", "contact_id", "decision_id", "revision_id", "state", "reason",
            "address", "components", "sent_at", "version",
        )  # fmt: skip


class MessageOut(serializers.Serializer):
    to = serializers.CharField()
    sender = serializers.CharField()
    headers = serializers.DictField(child=serializers.CharField())
    text = serializers.CharField()
    html = serializers.CharField()


class CampaignViewSet(ReadViewSet):
    """Campaigns: audience, experiment or policy, channel. Journeys have addresses of their own."""

    model = Campaign
    serializer_class = CampaignOut

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        fake = getattr(self, "swagger_fake_view", False)
        return rows if fake else rows.filter(by_journey=False)

    scopes: ClassVar = {
        "list": "campaigns.view",
        "retrieve": "campaigns.view",
        "create": "campaigns.edit",
        "move": "campaigns.launch",
    }

    @extend_schema(request=CampaignIn, responses={201: CampaignOut})
    def create(self, request: Request) -> Response:
        data = CampaignIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        campaign = services.create(
            name=values["name"], via=values["via"],
            audience=segments.segment(values["audience"]),
            experiment=experiments.experiment(values["experiment"])
            if "experiment" in values else None,
            policy=strategy.policy(values["policy"]) if "policy" in values else None,
            topic=subscriptions.topic(values["topic"]) if "topic" in values else None,
            local_time=values.get("local_time"), per_hour=values.get("per_hour"),
        )  # fmt: skip
        campaign.refresh_from_db()
        return Response(CampaignOut(campaign).data, status=201)

    @extend_schema(request=VerbIn, responses=CampaignOut)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Launch, schedule, take the time back, pause, resume, cancel; finish one by a policy."""
        data = VerbIn(data=request.data)
        data.is_valid(raise_exception=True)
        campaign = self.get_object()
        verb = data.validated_data["verb"]
        if verb == "launch":
            services.launch(campaign=campaign)
        elif verb == "schedule":
            planning.schedule(campaign=campaign, at=data.validated_data["at"], by_id=None)
        elif verb == "unschedule":
            planning.unschedule(campaign=campaign)
        else:
            services.move(campaign=campaign, verb=verb)
        campaign.refresh_from_db()
        return Response(CampaignOut(campaign).data)


class SendViewSet(ReadViewSet):
    """Every message sent, with its exact text."""

    model = Send
    serializer_class = SendOut
    scopes: ClassVar = {"list": "sends.view", "retrieve": "sends.view", "message": "sends.view"}

    @extend_schema(responses=MessageOut)
    @action(detail=True)
    def message(self, request: Request, pk: str) -> Response:
        """The message as it left: headers, text, HTML. 404 until it was rendered."""
        envelope = sending.envelope_of(selectors.send(self.get_object().pk))
        return Response(
            {
                "to": envelope.to,
                "sender": envelope.sender,
                "headers": email.headers(envelope),
                "text": email.text_body(envelope),
                "html": email.html_body(envelope),
            }
        )


class BounceIn(serializers.Serializer):
    """Which message or address, and what happened to it. `id` is your own: told twice, it counts
    once."""

    send_id = serializers.UUIDField(required=False)
    email = serializers.EmailField(required=False)
    kind = ChoiceField(choices=Bounce.Kind.choices)
    id = serializers.CharField(max_length=200)
    detail = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if ("send_id" in values) == ("email" in values):
            raise serializers.ValidationError({"email": "Name send_id or email, one of the two."})
        return values


class BounceOut(ModelSerializer):
    class Meta:
        model = Bounce
        fields = ("id", "kind", "send_id", "hint", "source", "detail", "created_at")


class BounceTaken(serializers.Serializer):
    bounce = serializers.UUIDField()
    fresh = serializers.BooleanField(help_text="False where this id was told before.")
    suppressed = serializers.BooleanField(help_text="Whether the address is written to no more.")


class BounceViewSet(ReadViewSet):
    """Messages that came back, and complaints."""

    model = Bounce
    serializer_class = BounceOut
    scopes: ClassVar = {
        "list": "sends.view", "retrieve": "sends.view", "create": "contacts.edit",
    }  # fmt: skip

    @extend_schema(request=BounceIn, responses={201: BounceTaken})
    def create(self, request: Request) -> Response:
        """Tell of a bounce or a complaint: your own mail server's, or another tool's."""
        data = BounceIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        send = selectors.send(values["send_id"]) if "send_id" in values else None
        told = bounces.take(
            kind=values["kind"], source="api", told_id=values["id"], send=send,
            address=values.get("email", ""), detail=values["detail"],
        )  # fmt: skip
        return Response(
            {"bounce": told.bounce.pk, "fresh": told.fresh, "suppressed": told.suppressed},
            status=201,
        )


NOTHING: dict[str, Any] = {
    "decision": None, "arm": None, "control": False, "propensity": None, "propensities": {},
    "revision": None, "components": {}, "reason": "", "action": None, "mode": None, "options": {},
    "texts": {},
}  # fmt: skip


class DecideIn(serializers.Serializer):
    """Who, and which experiment or policy. An unknown person becomes a contact, as with an event;
    `context` are the features that the request knows, such as the page."""

    experiment = serializers.SlugField(max_length=60, required=False)
    policy = serializers.SlugField(max_length=60, required=False)
    userId = serializers.CharField(max_length=120, required=False)
    anonymousId = serializers.CharField(max_length=120, required=False)
    context = serializers.DictField(required=False)


class DecideOut(serializers.Serializer):
    """`decision` is null and `reason` says why for a person who may not get the campaign. Of an
    experiment `arm`, `revision` and `components` are told; of a policy `action`, its `options` by
    dimension and their `texts`."""

    decision = serializers.UUIDField(allow_null=True)
    arm = serializers.CharField(allow_null=True)
    control = serializers.BooleanField()
    propensity = serializers.FloatField(allow_null=True)
    propensities = serializers.DictField(child=serializers.FloatField())
    revision = serializers.UUIDField(allow_null=True)
    components = serializers.DictField(child=serializers.CharField())
    reason = serializers.CharField(allow_blank=True)
    action = serializers.CharField(allow_null=True)
    mode = serializers.CharField(allow_null=True)
    options = serializers.DictField(child=serializers.CharField())
    texts = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))


@extend_schema(request=DecideIn, responses={200: DecideOut})
class Decide(TenantAPIView):
    """Which variant this person gets. Sticky; logged with its full propensity vector first."""

    scopes: ClassVar = {"post": "decisions.make"}

    def _by_policy(self, answer: deciding.PolicyAnswer) -> Response:
        decision = answer.decision
        told = {**NOTHING, "reason": answer.reason}
        if decision is not None:
            told |= {
                "decision": decision.pk, "control": decision.mode == Decision.Mode.CONTROL,
                "propensity": decision.propensity, "propensities": decision.propensities,
                "action": decision.action, "mode": decision.mode, "options": answer.options,
                "texts": answer.components,
            }  # fmt: skip
        return Response(told)

    def post(self, request: Request) -> Response:
        data = DecideIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        if ("experiment" in values) == ("policy" in values):
            raise Invalid.one("experiment", say("Name an experiment or a policy, one of the two."))
        who: dict[str, Any] = {
            "user_id": values.get("userId", ""), "anonymous_id": values.get("anonymousId", ""),
            "context": values.get("context") or {}, "now": timezone.now(),
        }  # fmt: skip
        if "policy" in values:
            return self._by_policy(deciding.decide_by_policy(key=values["policy"], **who))
        answer = deciding.decide(key=values["experiment"], **who)
        decision, arm = answer.decision, answer.arm
        return Response(
            {
                **NOTHING,
                "decision": decision.pk if decision else None,
                "arm": arm.key if arm else None,
                "control": bool(arm and arm.is_control),
                "propensity": decision.propensity if decision else None,
                "propensities": decision.propensities if decision else {},
                "revision": arm.revision_id if arm else None,
                "components": answer.components,
                "reason": answer.reason,
            }
        )
