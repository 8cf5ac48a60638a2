"""WebSocket routes."""

from django.urls import path

from tenants.channels import LiveConsumer

patterns = [path("ws/<slug:workspace>/live", LiveConsumer.as_asgi())]
