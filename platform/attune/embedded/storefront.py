"""The demo shop's own site, on a port of its own: another origin than Attune's, as a customer's
site is. It shows the catalogue, lets one sign in as a sample customer, and embeds the chat."""

from __future__ import annotations

import html
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from attune.embedded.shop import CATALOGUE, shopper

CUSTOMERS = (20, 21, 22)
COLOURS = {"tea": "#7d9b76", "coffee": "#7b5a45", "ware": "#8d8d94", "snacks": "#c79a58"}
PAGE = Template((Path(__file__).parent / "storefront.tpl").read_text())
OPTION = Template('<option value="$n"$chosen>$name</option>')
GOODS = Template("""<article>
<svg viewBox="0 0 200 110" role="img" aria-label="$name">
<rect width="200" height="110" fill="$fill"/>
<circle cx="$x" cy="58" r="34" fill="#fff3"/>
<rect x="$y" y="34" width="46" height="52" rx="8" fill="#fff6"/></svg>
<h2>$name</h2><p>$description</p><p><strong>$price EUR</strong></p></article>""")


def page(query: dict[str, list[str]], *, attune: str, key: str, secret: str) -> str:
    """One page: everything that is sold, who is signed in, and the chat."""
    chosen = next((int(n) for n in query.get("customer", []) if n.isdecimal()), -1)
    identity = ""
    if chosen in CUSTOMERS:
        traits = shopper(chosen).traits()
        said = {"sub": shopper(chosen).user_id, "email": traits["email"], "name": traits["name"],
                "exp": int(time.time()) + 3600}  # fmt: skip
        identity = jwt.encode(said, secret, algorithm="HS256")
    people = "".join(
        OPTION.substitute(n=n, chosen=" selected" if n == chosen else "",
                          name=html.escape(shopper(n).traits()["name"]))
        for n in CUSTOMERS
    )  # fmt: skip
    goods = "".join(
        GOODS.substitute(
            name=html.escape(p["name"]), description=html.escape(p["description"]),
            fill=COLOURS[p["category"]], price=f"{p['price_cents'] / 100:.2f}",
            x=60 + 7 * n % 90, y=80 + 5 * n % 60,
        )
        for n, p in enumerate(CATALOGUE)
    )  # fmt: skip
    return PAGE.substitute(
        people=people, goods=goods, attune=html.escape(attune), key=html.escape(key),
        identity=identity,
    )  # fmt: skip


def serve(port: int, *, attune: str, key: str, secret: str) -> None:
    """Serve the shop until stopped."""

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = page(parse_qs(parts.query), attune=attune, key=key, secret=secret).encode()
            self.send_response(200 if parts.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    ThreadingHTTPServer(("127.0.0.1", port), Shop).serve_forever()
