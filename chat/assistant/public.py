"""What the widget calls of the assistant: an answer was not right."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ChoiceField
from chat.assistant import services
from chat.assistant.models import Report
from chat.conversations import visiting
from chat.conversations.widget_view import WidgetView
from chat.inboxes.models import Inbox


class Reporting(serializers.Serializer):
    conversation = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    reason = ChoiceField(choices=Report.Reason.choices)
    comment = serializers.CharField(max_length=500, allow_blank=True, default="")


class ReportAnswer(WidgetView):
    """The customer says that an answer was not right; it stands on the quality page."""

    taker = Reporting

    def act(self, inbox: Inbox, request: Request, given: dict[str, Any]) -> Response:
        row = visiting.own(self.visitor(inbox, request), given["conversation"])
        services.report(
            conversation=row, seq=given["seq"], reason=given["reason"], comment=given["comment"]
        )
        return Response({"reported": given["seq"]}, status=201)
