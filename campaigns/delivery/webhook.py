"""Signed webhooks by Standard Webhooks 1.0, with a guard against server-side request forgery."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import secrets as randomness
import socket
import ssl
import threading
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import orjson
from django.conf import settings

from attune.kernel import outward

TIMEOUT = 15


def new_secret() -> str:
    return "whsec_" + base64.b64encode(randomness.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` + base64 of HMAC-SHA256 over "id.timestamp.body"."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def safe_address(url: str) -> tuple[str, str, int]:
    """(ip, host, port) of a URL that may be called (kernel/outward.py)."""
    return outward.safe_address(url, allow_private=settings.WEBHOOK_ALLOW_PRIVATE)


def post(
    url: str, *, secrets: Sequence[str], message_id: str, timestamp: int, payload: object
) -> int:
    """POST once, without following redirects; the status. Raises OSError when unreachable. It is
    signed by each secret, the new and the former one while both hold."""
    body = orjson.dumps(payload)
    ip, host, port = safe_address(url)
    host, path = _written(url, host)
    connection = http.client.HTTPConnection(ip, port, timeout=TIMEOUT)
    connection.sock = socket.create_connection((ip, port), TIMEOUT)
    watch = threading.Timer(TIMEOUT, _hang_up, [connection])  # the whole exchange, not each read
    watch.daemon = True
    watch.start()
    try:
        if urlsplit(url).scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        connection.request(
            "POST",
            path,
            body,
            {
                "Host": host if port in {80, 443} else f"{host}:{port}",
                "Content-Type": "application/json",
                "User-Agent": "Attune-Webhooks/1",
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": " ".join(
                    signature(one, message_id, timestamp, body) for one in secrets
                ),
            },
        )
        response = connection.getresponse()
        response.read(65536)
        return response.status
    except (http.client.HTTPException, ssl.SSLError, ValueError) as broken:
        raise OSError(str(broken)) from broken
    finally:
        watch.cancel()
        connection.close()


def _written(url: str, host: str) -> tuple[str, str]:
    """Host and path as HTTP writes them: letters beyond ASCII by IDNA and by percent."""
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as broken:
        raise OSError(str(broken)) from broken
    return name, f"{path}?{query}" if query else path


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End an exchange that drips: the reader sees the connection close."""
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
