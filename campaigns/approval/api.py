"""Reviews over REST: readable and submittable. Deciding needs a person, so it has no key."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from campaigns.approval import services
from campaigns.approval.models import Review
from campaigns.content import selectors as content


class ReviewOut(ModelSerializer):
    class Meta:
        model = Review
        fields = ("id", "revision_id", "state", "created_at", "closed_at")


class SubmitIn(serializers.Serializer):
    revision = serializers.UUIDField()


class ReviewViewSet(ReadViewSet):
    """Revisions before the reviewers. Approving takes a signed-in person, not a key."""

    model = Review
    serializer_class = ReviewOut
    scopes: ClassVar = {
        "list": "approval.view",
        "retrieve": "approval.view",
        "create": "content.edit",
    }

    @extend_schema(request=SubmitIn, responses={201: ReviewOut})
    def create(self, request: Request) -> Response:
        """Submit a revision for review."""
        data = SubmitIn(data=request.data)
        data.is_valid(raise_exception=True)
        revision = content.revision(data.validated_data["revision"])
        review = services.submit(revision=revision, by_id=None)
        review.refresh_from_db()
        return Response(ReviewOut(review).data, status=201)
