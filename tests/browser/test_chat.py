"""The widget on another site, in a real browser, beside an agent at the desk."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from attune.kernel.tenancy import tenant_context
from chat.conversations import appending, handing, services
from chat.conversations.appending import Said
from chat.conversations.models import Conversation, Message
from chat.inboxes.models import Inbox
from tenants.models import User
from tests import make
from tests.browser.conftest import SignIn, in_database, watched
from tests.browser.test_every_page import grave
from workers import demo

pytestmark = [pytest.mark.browser]
PAGE = """<!doctype html><html lang="{lang}" dir="{dir}"><head><title>A shop</title>
<meta http-equiv="Content-Security-Policy" content="script-src 'self' {attune}; style-src 'self'">
</head><body><main><h1>A shop</h1></main>
<script async src="{attune}/static/dist/widget.js" data-inbox="{key}"></script></body></html>"""


@dataclass
class Site:
    """Somebody's own site: another origin, with a policy that lets no style in."""

    url: str
    tenant: int
    inbox: uuid.UUID
    language: str = "en"
    direction: str = "ltr"


@pytest.fixture
def team(django_db_setup: None, django_db_blocker: DjangoDbBlocker, settings: Any) -> int:
    """The demo workspace with its people alone, committed: the server's threads must see it."""
    settings.TENANT_CONTEXT_MAY_NEST = False
    with django_db_blocker.unblock():
        return demo.people().tenant_id


@pytest.fixture
def site(team: int, address: str) -> Iterator[Site]:
    cache.clear()
    found = Site("", team, uuid.uuid4())
    key = ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.format(lang=found.language, dir=found.direction, attune=address, key=key)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    with tenant_context(team):
        row = make.inbox(allowed_origins=[found.url], greeting="Good day!")
        key, found.inbox = row.public_key, row.pk
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()


def visit(site: Site, browser: Browser, wrong: list[str], **options: Any) -> Page:
    page = watched(browser, wrong, **options)
    page.goto(site.url)
    page.locator("attune-chat .launch").click()
    expect(page.locator("attune-chat textarea").first).to_be_focused()
    return page


def write(page: Page, text: str) -> None:
    page.locator("attune-chat form textarea").fill(text)
    page.keyboard.press("Enter")


def bodies(page: Page) -> list[str]:
    return page.locator("attune-chat .log > .m:not(.b) .b").all_inner_texts()


def stored(site: Site) -> list[str]:
    def read() -> list[str]:
        rows = Message.objects.filter(conversation__inbox=site.inbox).order_by("id")
        return [m.body for m in rows]

    return in_database(site.tenant, read)


def talk(site: Site) -> Conversation:
    return in_database(site.tenant, lambda: Conversation.objects.get(inbox=site.inbox))


def reply(site: Site, text: str) -> None:
    def act() -> None:
        user = User.objects.get(email="agent@demo.attune.example")
        row = Conversation.objects.get(inbox=site.inbox)
        services.reply(conversation=row, user=user, body=text, client_id=uuid.uuid4().hex)

    in_database(site.tenant, act)


def test_a_visitor_and_an_agent_talk_live_and_rate_it(
    site, address, browser, sign_in: SignIn, wrong: list[str]
):
    page = visit(site, browser, wrong)
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    expect(page.locator("attune-chat header p")).to_contain_text("an AI")
    expect(page.get_by_role("button", name="Talk to a person")).to_be_visible()
    write(page, "Is the teapot there?")
    expect(page.locator("attune-chat .mine .b").first).to_have_text("Is the teapot there?")
    page.get_by_role("button", name="Talk to a person").click()
    expect(page.locator("attune-chat .log > .n").first).to_contain_text("A person takes over")
    expect(page.get_by_role("button", name="Talk to a person")).to_be_hidden()
    desk = sign_in("agent")
    row = talk(site)
    desk.goto(address + reverse("conversations:conversation", args=[demo.SLUG, row.pk]))
    expect(desk.locator(".thread")).to_contain_text("Is the teapot there?")
    desk.fill("#id_body", "It is. Shall I put one aside?")
    expect(page.locator("attune-chat .log")).to_contain_text("Demo Agent is writing…")
    desk.keyboard.press("Control+Enter")
    expect(page.locator("attune-chat .log")).to_contain_text("Shall I put one aside?")
    expect(page.locator("attune-chat .who").last).to_have_text("Demo Agent")
    expect(page.get_by_text("is writing…")).to_have_count(0)
    write(page, "Yes please")
    expect(desk.locator(".thread")).to_contain_text("Yes please")
    desk.get_by_role("button", name="Resolve", exact=True).click()
    page.get_by_role("button", name="5 of 5").click()
    expect(page.locator("attune-chat .csat")).to_contain_text("Thank you!")
    assert in_database(site.tenant, lambda: row.ratings.get().rating) == 5
    assert page.context.cookies() == []
    assert wrong == []


def test_a_reload_and_a_lost_connection_lose_double_and_reorder_nothing(site, browser, wrong):
    page = visit(site, browser, wrong)
    write(page, "one")
    expect(page.locator("attune-chat .s")).to_have_count(0)
    page.reload()
    page.locator("attune-chat .launch").click()
    expect(page.locator("attune-chat .mine .b").first).to_have_text("one")
    page.context.set_offline(True)
    for text in ("two", "three"):
        write(page, text)
    expect(page.locator("attune-chat .log")).to_contain_text("three")
    in_database(site.tenant, lambda: appending.append(
        conversation=Conversation.objects.get(inbox=site.inbox).pk,
        said=Said("meanwhile", "outgoing", "bot")))  # fmt: skip
    page.context.set_offline(False)
    expect(page.locator("attune-chat .log")).to_contain_text("meanwhile", timeout=30_000)
    expect(page.locator("attune-chat .s")).to_have_count(0, timeout=30_000)
    assert stored(site) == ["one", "meanwhile", "two", "three"]
    assert bodies(page) == ["one", "meanwhile", "two", "three"]


def test_where_no_socket_gets_through_it_asks_every_few_seconds(site, browser, wrong):
    page = watched(browser, wrong)
    page.add_init_script("window.WebSocket = function () { throw new Error('blocked'); };")
    page.goto(site.url)
    page.locator("attune-chat .launch").click()
    write(page, "by post")
    expect(page.locator("attune-chat .s")).to_have_count(0, timeout=20_000)
    reply(site, "by answer")
    expect(page.locator("attune-chat .log")).to_contain_text("by answer", timeout=20_000)
    write(page, "again")
    expect(page.locator("attune-chat .s")).to_have_count(0, timeout=20_000)
    assert stored(site)[-1] == "again"


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">", "<script>document.title='owned'</script>",
    "<svg/onload=document.title='owned'>", "javascript:document.title='owned'",
    "[x](javascript:document.title='owned')", "<iframe srcdoc='<script>top.document.title=1</script>'>",
    "{{constructor.constructor('document.title=1')()}}", "\"><details open ontoggle=document.title=1>",
    "https://evil.example/\"onmouseover=\"document.title='owned'", "</textarea><script>alert(1)</script>",
    "<a href=\"data:text/html,<script>1</script>\">x</a>", "<math><mtext></form><form><mglyph><style>",
]  # fmt: skip


def test_html_and_script_in_messages_and_names_are_only_text(
    site, address, browser, sign_in: SignIn, wrong
):
    page = visit(site, browser, wrong)
    write(page, "start")
    expect(page.locator("attune-chat .s")).to_have_count(0)

    def plant() -> None:
        row = Conversation.objects.get(inbox=site.inbox)
        for n, text in enumerate(HOSTILE):
            for author, kind in (("visitor", "incoming"), ("bot", "outgoing")):
                said = Said(text, kind, author, "", None, text,
                            {"quick_replies": [text], "citations": [
                                {"title": text, "url": text, "used": True, "text": text}],
                             "files": [{"id": str(row.pk), "name": text, "type": "x", "size": n}]})  # fmt: skip
                appending.append(conversation=row.pk, said=said)
        row.visitor.name = HOSTILE[0]
        row.visitor.page = HOSTILE[3]
        row.visitor.save()
        services.set_labels(conversation=row, names=[HOSTILE[2][:40]])
        handing.hand_off(conversation=row, by="model", reason="low_confidence", summary=HOSTILE[1],
                         slots={HOSTILE[0]: HOSTILE[1]})  # fmt: skip

    in_database(site.tenant, plant)
    page.reload()
    page.locator("attune-chat .launch").click()
    expect(page.locator("attune-chat .log")).to_contain_text("mglyph")
    assert page.title() == "A shop"
    hrefs = page.locator("attune-chat .log a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(hrefs) <= {"https:", "http:"}
    desk = sign_in("agent")
    row = talk(site)
    desk.goto(address + reverse("conversations:conversation", args=[demo.SLUG, row.pk]))
    expect(desk.locator(".thread")).to_contain_text("mglyph")
    assert desk.title().startswith("<img")  # the name of the visitor, as text
    assert (
        desk.locator(".thread img, .thread script, .thread iframe, .thread svg[onload]").count()
        == 0
    )
    desk.goto(address + reverse("conversations:inbox", args=[demo.SLUG]) + "?view=all")
    assert desk.title().startswith("Conversations")


@pytest.mark.parametrize(("scheme", "language", "direction"),
                         [("light", "en", "ltr"), ("dark", "zh-CN", "ltr"), ("light", "ar", "rtl")])  # fmt: skip
def test_axe_finds_nothing_serious_in_the_widget(site, browser, wrong, scheme, language, direction):
    site.language, site.direction = language, direction
    page = visit(site, browser, wrong, color_scheme=scheme, bypass_csp=True)
    write(page, "hello")
    expect(page.locator("attune-chat .s")).to_have_count(0)
    reply(site, "see https://shop.example/teapots")
    expect(page.locator("attune-chat .log")).to_contain_text("teapots")
    in_database(site.tenant, lambda: services.resolve(
        conversation=Conversation.objects.get(inbox=site.inbox), by="person"))  # fmt: skip
    expect(page.locator("attune-chat .csat")).to_be_visible()
    assert grave(page) == []
    box = page.locator("attune-chat .panel").bounding_box()
    assert (box["x"] < 300) is (direction == "rtl")
    if language == "zh-CN":
        expect(page.locator("attune-chat .send")).to_have_text("发送")


def test_it_is_driven_by_keys_alone_and_says_what_is_refused(site, browser, wrong):
    page = watched(browser, wrong)
    page.goto(site.url)
    page.locator("attune-chat .launch").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    expect(page.locator("attune-chat .mine .b").first).to_have_text("typed")
    expect(page.locator("attune-chat .s")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("attune-chat .panel")).to_be_hidden()
    reply(site, "while it was closed")
    expect(page.locator("attune-chat .count")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("attune-chat .panel")).to_be_visible()
    in_database(site.tenant, lambda: services.block(
        visitor=Conversation.objects.get(inbox=site.inbox).visitor))  # fmt: skip
    expect(page.locator("attune-chat .bar.bad")).to_be_visible()


def test_a_site_that_is_not_allowed_shows_nothing(site, browser, wrong):
    in_database(site.tenant, lambda: Inbox.objects.filter(pk=site.inbox).update(allowed_origins=[]))
    page = browser.new_context().new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.goto(site.url)
    page.wait_for_timeout(800)
    assert page.locator("attune-chat .launch").count() == 0
