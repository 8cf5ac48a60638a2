"""Signed webhooks by Standard Webhooks 1.0, with a guard against server-side request forgery."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import secrets
import socket
import ssl
import threading
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say

TIMEOUT = 15
EXTRA_BLOCKED = [
    ipaddress.ip_network(net)
    for net in ("64:ff9b::/96", "2002::/16", "192.0.0.0/24", "224.0.0.0/4", "ff00::/8")
]


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` + base64 of HMAC-SHA256 over "id.timestamp.body"."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def safe_address(url: str) -> tuple[str, str, int]:
    """(ip, host, port) of a URL that may be called. Resolves once and checks every address, so
    that a name cannot point somewhere else between the check and the call."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise Invalid.one("url", say("Give an https:// address."))
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as wrong:
        raise Invalid.one("url", say("The port lies between 1 and 65535.")) from wrong
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise Invalid.one(
            "url", say("The host %(hostname)s cannot be found.", hostname=parts.hostname)
        ) from unknown
    addresses = [str(info[4][0]) for info in found]
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        if parts.scheme != "https" or port not in {443, 80}:
            raise Invalid.one("url", say("Only https on the standard port is called."))
        if any(_forbidden(address) for address in addresses):
            raise Invalid.one("url", say("The address is not on the public internet."))
    return addresses[0], parts.hostname, port


def _forbidden(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    return not ip.is_global or any(ip in net for net in EXTRA_BLOCKED if net.version == ip.version)


def post(url: str, *, secret: str, message_id: str, timestamp: int, payload: object) -> int:
    """POST once, without following redirects; the status. Raises OSError when unreachable."""
    body = orjson.dumps(payload)
    ip, host, port = safe_address(url)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(ip, port, timeout=TIMEOUT)
    connection.sock = socket.create_connection((ip, port), TIMEOUT)
    watch = threading.Timer(TIMEOUT, _hang_up, [connection])  # the whole exchange, not each read
    watch.daemon = True
    watch.start()
    try:
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
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
                "webhook-signature": signature(secret, message_id, timestamp, body),
            },
        )
        response = connection.getresponse()
        response.read(65536)
        return response.status
    except (http.client.HTTPException, ssl.SSLError) as broken:
        raise OSError(str(broken)) from broken
    finally:
        watch.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End an exchange that drips: the reader sees the connection close."""
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
