"""WebSocket routes of visitors: no session, no cookie, their own check of the origin."""

from django.urls import path

from chat.conversations.consumers import VisitorConsumer

patterns = [path("chat/ws/<str:key>", VisitorConsumer.as_asgi())]
