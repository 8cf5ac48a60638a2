"""The limit that the chat is measured beside: a bare Channels consumer that says back what it hears,
behind the same server; nothing is stored, nothing is isolated."""

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import path


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data)


application = URLRouter([path("echo", Echo.as_asgi())])
