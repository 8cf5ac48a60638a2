"""Where our own servers may call to at a workspace's wish: a guard against request forgery."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say

EXTRA_BLOCKED = [
    ipaddress.ip_network(net)
    for net in (
        "64:ff9b::/96",
        "2002::/16",
        "192.0.0.0/24",
        "224.0.0.0/4",
        "ff00::/8",
        "::/96",
        "::ffff:0:0:0/96",
        "fec0::/10",
    )
]


def safe_address(
    url: str, *, allow_private: bool, field: str = "url", hint: str = ""
) -> tuple[str, str, int]:
    """(ip, host, port) of a URL that may be called. Resolves once and checks every address, so
    that a name cannot point somewhere else between the check and the call. `hint` says how a
    private address may be allowed."""
    try:
        parts = urlsplit(url)
    except ValueError as wrong:
        raise Invalid.one(field, say("Give an https:// address.")) from wrong
    if "@" in parts.netloc or parts.fragment:
        raise Invalid.one(field, say("Give the address without a user name and without a #part."))
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise Invalid.one(field, say("Give an https:// address."))
    try:
        port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
        if port == 0:
            raise ValueError("port 0")
    except ValueError as wrong:
        raise Invalid.one(field, say("The port lies between 1 and 65535.")) from wrong
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise Invalid.one(
            field, say("The host %(hostname)s cannot be found.", hostname=parts.hostname)
        ) from unknown
    addresses = [str(info[4][0]) for info in found]
    if not allow_private:
        if parts.scheme != "https" or port != 443:
            raise Invalid.one(field, say("Only https on the standard port is called."), hint)
        if any(_forbidden(address) for address in addresses):
            raise Invalid.one(field, say("The address is not on the public internet."), hint)
    return addresses[0], parts.hostname, port


def _forbidden(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    return not ip.is_global or any(ip in net for net in EXTRA_BLOCKED if net.version == ip.version)
