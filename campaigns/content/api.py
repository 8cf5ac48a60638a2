"""Briefs, runs and revisions over REST."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField, ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.errors import Forbidden, Invalid
from attune.kernel.phrases import say
from campaigns.catalog.models import Product
from campaigns.contacts import selectors as contacts
from campaigns.content import selectors, services
from campaigns.content.models import Brief, Channel, Check, GenerationRun, Locale, Revision
from campaigns.segments import selectors as segments


class BriefOut(ModelSerializer):
    class Meta:
        model = Brief
        fields = (
            "id", "name", "goal", "channel", "audience_id", "offer", "notes", "locale",
            "must_mention", "tone", "banned_words", "samples", "created_at",
        )  # fmt: skip


class BriefIn(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    goal = serializers.CharField(max_length=300)
    channel = ChoiceField(choices=Channel.choices, default="email")
    products = serializers.ListField(child=serializers.UUIDField(), max_length=20)
    audience = serializers.UUIDField(required=False, allow_null=True)
    offer = serializers.CharField(max_length=300, default="", allow_blank=True)
    notes = serializers.CharField(max_length=5000, default="", allow_blank=True)
    locale = ChoiceField(choices=Locale.choices, default="en")
    must_mention = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=20, default=list
    )
    tone = serializers.CharField(max_length=200, default="", allow_blank=True)
    banned_words = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=50, default=list
    )
    samples = serializers.ListField(
        child=serializers.CharField(max_length=500), max_length=20, default=list
    )


class WantedIn(serializers.Serializer):
    contact = serializers.UUIDField(required=False, allow_null=True)
    like = serializers.UUIDField(required=False, allow_null=True)
    wanted = serializers.IntegerField(min_value=1, max_value=services.MOST_VARIANTS, default=4)


PERSONAL = "contacts.view_personal"


class RunOut(ModelSerializer):
    class Meta:
        model = GenerationRun
        fields = (
            "id", "brief_id", "job_id", "state", "wanted", "budget", "tried", "passed", "model",
            "audience_profile", "contact_id", "prompt", "parameters", "seed", "new_tokens",
            "seconds", "note", "created_at",
        )  # fmt: skip

    def to_representation(self, instance: GenerationRun) -> dict[str, Any]:
        """What of a person was used is shown to keys that may see people."""
        shown: dict[str, Any] = super().to_representation(instance)
        request = self.context.get("request")
        if instance.contact_id and (request is None or PERSONAL not in request.auth.scopes):
            shown["audience_profile"], shown["contact_id"] = {}, None
        return shown


class CheckOut(ModelSerializer):
    class Meta:
        model = Check
        fields = ("kind", "verdict", "component", "message", "span", "evidence")


class RevisionOut(ModelSerializer):
    checks = serializers.SerializerMethodField()

    class Meta:
        model = Revision
        fields = (
            "id", "asset_id", "number", "components", "hash", "origin", "state", "blocked",
            "run_id", "parent_id", "version_id", "scores", "repaired", "created_at", "checks",
        )  # fmt: skip

    @extend_schema_field(CheckOut(many=True))
    def get_checks(self, row: Revision) -> Any:
        return CheckOut(row.checks.all(), many=True).data


class MessageIn(serializers.Serializer):
    name = serializers.CharField(max_length=160)
    channel = ChoiceField(choices=Channel.choices)
    components = serializers.DictField(child=serializers.CharField(allow_blank=True))


class BriefViewSet(ReadViewSet):
    """What a message is for; the model writes variants from it."""

    model = Brief
    serializer_class = BriefOut
    scopes: ClassVar = {
        "list": "content.view",
        "retrieve": "content.view",
        "create": "content.edit",
        "generate": "content.generate",
    }

    @extend_schema(request=BriefIn, responses={201: BriefOut})
    def create(self, request: Request) -> Response:
        data = BriefIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        wanted = values.pop("products")
        products = list(Product.objects.filter(pk__in=wanted))
        if len(products) != len(set(wanted)):
            raise Invalid.one("products", say("One of the products is not in this workspace."))
        audience = values.pop("audience", None)
        segment = segments.segment(audience) if audience else None
        brief = services.save_brief(products=products, audience=segment, **values)
        return Response(BriefOut(brief).data, status=201)

    @extend_schema(request=WantedIn, responses={202: RunOut})
    @action(detail=True, methods=["post"])
    def generate(self, request: Request, pk: str) -> Response:
        """Ask the model for variants; watch the run and its job."""
        data = WantedIn(data=request.data)
        data.is_valid(raise_exception=True)
        given = data.validated_data
        if given.get("contact") and PERSONAL not in request.auth.scopes:
            raise Forbidden(say("To write for one person the key needs %(scope)s.",
                                scope=PERSONAL))  # fmt: skip
        run = services.request_variants(
            brief=self.get_object(), wanted=given["wanted"], author_id=request.auth.created_by,
            contact=contacts.contact(given["contact"]) if given.get("contact") else None,
            like=selectors.revision(given["like"]) if given.get("like") else None,
        )  # fmt: skip
        return Response(RunOut(run, context={"request": request}).data, status=202)


class RunViewSet(ReadViewSet):
    """Generation runs: what the model was asked, and what came of it."""

    model = GenerationRun
    serializer_class = RunOut
    scopes: ClassVar = {"list": "content.view", "retrieve": "content.view"}


class RevisionViewSet(ReadViewSet):
    """Texts as they were at one moment, with the checks' findings."""

    model = Revision
    serializer_class = RevisionOut
    scopes: ClassVar = {
        "list": "content.view",
        "retrieve": "content.view",
        "create": "content.edit",
    }

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.prefetch_related("checks") if hasattr(rows, "prefetch_related") else rows

    @extend_schema(request=MessageIn, responses={201: RevisionOut})
    def create(self, request: Request) -> Response:
        """A message written by a person."""
        data = MessageIn(data=request.data)
        data.is_valid(raise_exception=True)
        revision = services.create_asset(author_id=request.auth.created_by, **data.validated_data)
        return Response(RevisionOut(revision).data, status=201)
