"""HTTP and WebSocket, one application."""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attune.settings.dev")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from attune import celery
from chat.conversations import sockets as visitor_sockets
from tenants import sockets

celery_app = celery.app
members = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(sockets.patterns)))
visitors = URLRouter(visitor_sockets.patterns)  # sites of others, without a session


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    door = visitors if scope["path"].startswith("/chat/ws/") else members
    await door(scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": websocket})
