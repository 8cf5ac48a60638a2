"""An HTTP client for addresses that a workspace named: what was checked is what is called."""

from __future__ import annotations

import httpx2

from campaigns.generators.servers import check_address


class Pinned(httpx2.HTTPTransport):
    """Resolves and checks each call's host, connects to the address that was checked, and keeps the
    name for TLS and the Host header."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        ip, host, _ = check_address(str(request.url))
        request.headers.setdefault("Host", host)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=ip)
        return super().handle_request(request)


def pinned_client(seconds: float) -> httpx2.Client:
    """No redirects, no proxy from the environment."""
    return httpx2.Client(
        transport=Pinned(), timeout=seconds, follow_redirects=False, trust_env=False
    )
