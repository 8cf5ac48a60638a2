"""A simulated tea and coffee shop: its catalogue, its customers' habits, and the truth about what
moves them, which the learner never sees. It speaks to Attune by the public API alone."""

from __future__ import annotations

import base64
import random
import re
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

CATALOGUE: tuple[dict[str, Any], ...] = (
    {"sku": "T-OOL", "name": "Mountain Oolong", "category": "tea", "price_cents": 1400,
     "description": "A lightly roasted oolong tea.", "facts": ["Each tin of Mountain Oolong holds 100 g."]},
    {"sku": "T-SEN", "name": "Morning Sencha", "category": "tea", "price_cents": 1250,
     "description": "A fresh green tea.", "facts": ["Morning Sencha is picked in spring."]},
    {"sku": "T-EAR", "name": "Harbour Earl Grey", "category": "tea", "price_cents": 990,
     "description": "A black tea with bergamot.", "facts": []},
    {"sku": "T-MIN", "name": "Garden Mint", "category": "tea", "price_cents": 750,
     "description": "A mint infusion without caffeine.", "facts": []},
    {"sku": "C-ROA", "name": "Morning Roast", "category": "coffee", "price_cents": 950,
     "description": "A medium roast coffee.", "facts": ["Each bag of Morning Roast holds 250 g."]},
    {"sku": "C-ESP", "name": "Corner Espresso", "category": "coffee", "price_cents": 1150,
     "description": "A dark roast for espresso.", "facts": []},
    {"sku": "C-DEC", "name": "Evening Decaf", "category": "coffee", "price_cents": 1050,
     "description": "A decaffeinated coffee.", "facts": []},
    {"sku": "W-POT", "name": "Glass Teapot", "category": "ware", "price_cents": 3200,
     "description": "A teapot of heat-proof glass.", "facts": ["The Glass Teapot holds 1 litre."]},
    {"sku": "W-CUP", "name": "Stoneware Cup", "category": "ware", "price_cents": 1600,
     "description": "A cup made of stoneware.", "facts": []},
    {"sku": "W-GRI", "name": "Hand Grinder", "category": "ware", "price_cents": 4800,
     "description": "A hand grinder with a steel burr.", "facts": []},
    {"sku": "S-OAT", "name": "Oat Biscuits", "category": "snacks", "price_cents": 450,
     "description": "Biscuits with oats and butter.", "facts": []},
    {"sku": "S-CHO", "name": "Dark Chocolate", "category": "snacks", "price_cents": 520,
     "description": "Chocolate with 70 % cocoa.", "facts": []},
)  # fmt: skip
CATEGORIES = ("tea", "coffee", "ware", "snacks")
FIRST = (
    "Ada Ben Chiara Dmitri Elif Femi Grace Hana Ivan Jun Kofi Lena Mei Noor Omar Pia Quentin Rosa"
)
LAST = "Adler Brandt Costa Diallo Evans Fischer Gupta Hansen Ito Jansen Kim Lopez Moreau Novak"
BANNER = {  # the truth of the home page: chance to order by what was shown, and by taste
    "holdout": {"tea": 0.05, "coffee": 0.05, "ware": 0.04, "snacks": 0.05},
    "variant-1": {"tea": 0.06, "coffee": 0.05, "ware": 0.05, "snacks": 0.05},
    "variant-2": {"tea": 0.15, "coffee": 0.10, "ware": 0.08, "snacks": 0.10},
    "variant-3": {"tea": 0.08, "coffee": 0.08, "ware": 0.06, "snacks": 0.07},
}
MAIL_CLICK, MAIL_ORDER, MAIL_LEAVE = 0.25, 0.4, 0.004


CAMPAIGNS = (
    ("search", "cpc"), ("newsletter", "email"), ("instagram", "social"), ("tea-blog", "referral"),
    ("", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shopper:
    """A customer's habits, the same for the same number every time."""

    number: int
    taste: str
    keen: float  # orders in 90 days, on average
    since: int  # days ago

    @property
    def user_id(self) -> str:
        return f"customer-{self.number:05d}"

    def traits(self) -> dict[str, Any]:
        rng = random.Random(f"traits-{self.number}")  # noqa: S311 - a simulation
        first, last = rng.choice(FIRST.split()), rng.choice(LAST.split())
        return {
            "email": f"{first}.{last}.{self.number}@example.com".lower(),
            "name": f"{first} {last}",
            "locale": rng.choice(["en", "en", "en", "de", "zh-hans"]),
            "newsletter": rng.random() < 0.8,
            "plan": rng.choice(["free", "free", "club"]),
        }


def shopper(number: int) -> Shopper:
    rng = random.Random(f"shopper-{number}")  # noqa: S311
    taste = rng.choices(CATEGORIES, [4, 3, 1, 1])[0]
    return Shopper(number, taste, rng.gammavariate(0.7, 1.6), rng.randint(1, 88))


def history(one: Shopper, now: datetime) -> Iterator[dict[str, Any]]:
    """Everything a shopper did until now: identified, looked around, ordered."""
    rng = random.Random(f"history-{one.number}")  # noqa: S311
    start = now - timedelta(days=one.since, minutes=rng.randint(0, 600))
    yield _event(one.user_id, "identify", start, f"h{one.number}-i", traits=one.traits())
    visits = rng.randint(1, 4)
    orders = sum(rng.random() < one.keen / 6 for _ in range(6))
    for index in range(visits + orders):
        at = start + (now - start) * rng.random()
        product = pick(one.taste, rng)
        name = "Order Completed" if index < orders else "Product Viewed"
        if index < orders or rng.random() < 0.35:
            yield from _before(one, product, at, f"h{one.number}-{index}", rng)
        yield _event(
            one.user_id, "track", at, f"h{one.number}-{index}", event=name,
            properties=order(product, rng) if index < orders else viewed(product),
            context=came_by(rng) if index >= orders else {},
        )  # fmt: skip


def _before(
    one: Shopper, product: dict[str, Any], at: datetime, key: str, rng: random.Random
) -> Iterator[dict[str, Any]]:
    """What leads up to an order, or to nothing: a look, then the basket, a campaign before it."""
    looked = at - timedelta(minutes=rng.randint(6, 60 * 30))
    yield _event(one.user_id, "track", looked, f"{key}-v", event="Product Viewed",
                 properties=viewed(product), context=came_by(rng))  # fmt: skip
    added = looked + timedelta(minutes=rng.randint(1, 5))
    yield _event(one.user_id, "track", added, f"{key}-b", event="Product Added",
                 properties=viewed(product))  # fmt: skip


def came_by(rng: random.Random) -> dict[str, Any]:
    """How a visit came about."""
    source, medium = rng.choices(CAMPAIGNS, (4, 3, 2, 1, 4))[0]
    return {"campaign": {"source": source, "medium": medium}} if source else {}


def pick(taste: str, rng: random.Random) -> dict[str, Any]:
    wanted = taste if rng.random() < 0.75 else rng.choice(CATEGORIES)
    return rng.choice([p for p in CATALOGUE if p["category"] == wanted])


def viewed(product: dict[str, Any]) -> dict[str, Any]:
    return {"product_id": product["sku"], "name": product["name"], "category": product["category"]}


def order(product: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    n = rng.choice([1, 1, 1, 2, 3])
    return {**viewed(product), "quantity": n, "revenue": product["price_cents"] * n / 100}


def _event(user: str, kind: str, at: datetime, message_id: str, **rest: Any) -> dict[str, Any]:
    return {
        "type": kind, "userId": user, "timestamp": at.isoformat(), "messageId": message_id, **rest,
    }  # fmt: skip


class Api:
    """The few calls a shop makes, with its two keys."""

    def __init__(self, base: str, write_key: str, secret_key: str) -> None:
        self.base, self.write_key, self.secret_key = base, write_key, secret_key

    def call(self, path: str, body: Any = None, *, key: str = "") -> Any:
        header = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        data = orjson.dumps(body) if body is not None else None
        request = urllib.request.Request(self.base + path, data, header)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return orjson.loads(answer.read())

    def events(self, batch: list[dict[str, Any]]) -> None:
        basic = base64.b64encode(f"{self.write_key}:".encode()).decode()
        request = urllib.request.Request(  # noqa: S310
            self.base + "/v1/batch",
            orjson.dumps({"batch": batch}),
            {"Content-Type": "application/json", "Authorization": f"Basic {basic}"},
        )
        urllib.request.urlopen(request, timeout=20).read()  # noqa: S310


class Street:
    """The people outside: visitors come by, readers open their mail."""

    def __init__(self, api: Api, *, customers: int, per_second: float) -> None:
        self.api, self.customers, self.per_second = api, customers, per_second
        self.rng = random.Random()  # noqa: S311
        self.read: set[str] = set()
        self.late: list[tuple[float, dict[str, Any]]] = []

    def live(self) -> None:
        """Until stopped: one second of the street a turn; a lost server is waited for."""
        while True:
            began = time.monotonic()
            try:
                self.second()
            except (urllib.error.URLError, OSError):
                time.sleep(3)
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))

    def second(self) -> None:
        events = [e for _ in range(self._arrivals()) for e in self.visit()]
        if self.rng.random() < 0.5:
            events.append(self.regular())
        if self.rng.random() < 0.1:
            events.append(self.basket())
        if self.rng.random() < 0.2:
            events += self.mailbox()
        now = time.time()
        events += [event for due, event in self.late if due <= now]
        self.late = [(due, event) for due, event in self.late if due > now]
        if events:
            self.api.events(events)

    def _arrivals(self) -> int:
        whole, part = divmod(self.per_second, 1)
        return int(whole) + (self.rng.random() < part)

    def visit(self) -> Iterator[dict[str, Any]]:
        """A visitor: sees the home page with the banner chosen for them, maybe orders, maybe
        later; a few say who they are."""
        visitor = f"visitor-{uuid.uuid4().hex[:12]}"
        taste = self.rng.choices(CATEGORIES, [4, 3, 1, 1])[0]
        decision = self.api.call(
            "/v1/decide", {"experiment": "home-banner", "anonymousId": visitor},
            key=self.api.secret_key,
        )  # fmt: skip
        yield self.happened(visitor, "page", name="Home")
        product = pick(taste, self.rng)
        yield self.happened(visitor, "track", event="Product Viewed", properties=viewed(product))
        truth = BANNER.get(decision["arm"] or "holdout", BANNER["holdout"])
        if self.rng.random() < truth[taste]:
            bought = self.happened(
                visitor, "track", event="Order Completed", properties=order(product, self.rng)
            )
            if self.rng.random() < 0.7:
                yield bought
            else:
                self.late.append((time.time() + self.rng.uniform(5, 90), bought))
        if self.rng.random() < 0.05:
            number = self.customers + self.rng.randint(1, 100_000)
            known = {"type": "identify", "userId": f"customer-{number:05d}"}
            yield {
                **known, "anonymousId": visitor, "messageId": uuid.uuid4().hex,
                "traits": shopper(number).traits(),
            }  # fmt: skip

    def regular(self) -> dict[str, Any]:
        """A known customer looks in, mail or no mail, and sometimes orders."""
        one = shopper(self.rng.randrange(self.customers))
        product = pick(one.taste, self.rng)
        bought = self.rng.random() < 0.3
        return {
            "type": "track", "userId": one.user_id, "messageId": uuid.uuid4().hex,
            "event": "Order Completed" if bought else "Product Viewed",
            "properties": order(product, self.rng) if bought else viewed(product),
        }  # fmt: skip

    def basket(self) -> dict[str, Any]:
        """A known customer fills a cart; some of these carts are bought a minute or two later."""
        one = shopper(self.rng.randrange(self.customers))
        cart = {**order(pick(one.taste, self.rng), self.rng), "cart_id": uuid.uuid4().hex[:10]}
        told = {"type": "track", "userId": one.user_id, "properties": cart}
        if self.rng.random() < 0.35:
            bought = {**told, "event": "Order Completed", "messageId": uuid.uuid4().hex}
            self.late.append((time.time() + self.rng.uniform(20, 150), bought))
        return {**told, "event": "Cart Updated", "messageId": uuid.uuid4().hex}

    def happened(self, visitor: str, kind: str, **rest: Any) -> dict[str, Any]:
        return {
            "type": kind, "anonymousId": visitor, "messageId": uuid.uuid4().hex,
            "timestamp": datetime.now(UTC).isoformat(), **rest,
        }  # fmt: skip

    def mailbox(self) -> Iterator[dict[str, Any]]:
        """Customers read the newest mails: some click, some of those order, a few leave."""
        page = self.api.call("/v1/sends?limit=100", key=self.api.secret_key)
        for send in page["results"]:
            if send["id"] in self.read or send["state"] != "sent":
                continue
            self.read.add(send["id"])
            if self.rng.random() > MAIL_CLICK:
                continue
            mail = self.api.call(f"/v1/sends/{send['id']}/message", key=self.api.secret_key)
            link = re.search(r"https?://\S+/c/\S+", mail["text"])
            if link:
                self.follow(link.group())
            if self.rng.random() < MAIL_ORDER:
                person = self.api.call(
                    f"/v1/contacts/{send['contact_id']}", key=self.api.secret_key
                )
                product = self.rng.choice(CATALOGUE)
                yield {
                    "type": "track", "userId": person["external_id"], "event": "Order Completed",
                    "messageId": uuid.uuid4().hex, "properties": order(product, self.rng),
                }  # fmt: skip
            elif self.rng.random() < MAIL_LEAVE:
                address = re.search(r"https?://\S+/u/\S+", mail["text"])
                if address:
                    urllib.request.urlopen(address.group(), b"List-Unsubscribe=One-Click").read()  # noqa: S310

    def follow(self, link: str) -> None:
        """Click, and do not go on to the shop's own page, which does not exist."""
        opener = urllib.request.build_opener(_Stay)
        request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0 (demo)"})  # noqa: S310
        try:
            opener.open(request, timeout=10).read()
        except urllib.error.HTTPError as moved:
            moved.close()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        return None
