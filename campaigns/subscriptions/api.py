"""Topics over REST, and subscriptions that partners' own forms bring."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet, TenantAPIView
from attune.kernel.errors import Invalid, NotFound
from attune.kernel.phrases import say
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.subscriptions import selectors, services
from campaigns.subscriptions.models import Topic


class TopicOut(ModelSerializer):
    class Meta:
        model = Topic
        fields = ("id", "key", "name", "description", "mode", "double", "public", "archived",
                  "created_at")  # fmt: skip


class SubscriptionTopicViewSet(ReadViewSet):
    """What people can subscribe to."""

    model = Topic
    serializer_class = TopicOut
    scopes: ClassVar = {"list": "campaigns.view", "retrieve": "campaigns.view"}


class SubscribeIn(serializers.Serializer):
    """Who asked for what, and the words they saw. `confirmed` where you asked twice yourself."""

    userId = serializers.CharField(max_length=120, required=False)
    email = serializers.EmailField(required=False)
    topics = serializers.ListField(
        child=serializers.SlugField(max_length=40), allow_empty=False, max_length=50
    )
    wording = serializers.CharField(max_length=300)
    confirmed = serializers.BooleanField(default=False)


class StandingOut(serializers.Serializer):
    topic = serializers.CharField()
    state = serializers.CharField(allow_blank=True, help_text="Their newest word; empty for none.")
    gets = serializers.BooleanField()


class SubscribeOut(serializers.Serializer):
    contact = serializers.UUIDField()
    waiting = serializers.ListField(
        child=serializers.CharField(), help_text="Topics that wait for the button in the letter."
    )
    standings = StandingOut(many=True)


@extend_schema(request=SubscribeIn, responses={200: SubscribeOut})
class Subscribe(TenantAPIView):
    """Somebody subscribed by your own form."""

    scopes: ClassVar = {"post": "contacts.edit"}

    def post(self, request: Request) -> Response:
        data = SubscribeIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        contact, topics = _who(values), _topics(values["topics"])
        waiting = services.subscribe(
            contact=contact, topics=topics, source="api", wording=values["wording"],
            confirmed=values["confirmed"],
        )  # fmt: skip
        told = [
            {"topic": s.topic.key, "state": s.state, "gets": s.gets}
            for s in selectors.standings(contact.pk)
        ]
        return Response({"contact": contact.pk, "waiting": [t.key for t in waiting],
                         "standings": told})  # fmt: skip


def _who(values: dict[str, Any]) -> Contact:
    if ("userId" in values) == ("email" in values):
        raise Invalid.one("userId", say("Name userId or email, one of the two."))
    if "userId" in values:
        found = contacts.contact_by_user(values["userId"])
    else:
        found = contacts.contact_by_email(values["email"])
    if found is None:
        raise NotFound(say("There is no such contact; identify them by an event first."))
    return found


def _topics(keys: list[str]) -> list[Topic]:
    found = {row.key: row for row in selectors.topics()}
    missing = [key for key in keys if key not in found]
    if missing:
        known = ", ".join(sorted(found)) or "–"
        raise Invalid.one(
            "topics",
            say("There is no topic “%(key)s”.", key=missing[0]),
            say("Choose one of %(names)s.", names=known),
        )
    return [found[key] for key in keys]
