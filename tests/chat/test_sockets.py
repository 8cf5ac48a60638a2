"""The visitor's socket against a real server: numbers, acknowledgement, resume, and rubbish."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from django.core.cache import cache
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from attune.kernel.tenancy import tenant_context
from chat.conversations import appending, services, visiting
from chat.conversations.appending import Said
from chat.conversations.models import Conversation, Message, Visitor
from chat.conversations.visiting import Browser
from chat.inboxes import services as inboxes
from chat.inboxes.models import Inbox
from tests import make
from tests.browser.conftest import address, in_database  # noqa: F401 - a fixture

SITE = "https://shop.example"


class Place:
    """A workspace with an inbox and a visitor's conversation, committed."""

    def __init__(self, url: str) -> None:
        cache.clear()
        self.url = url.replace("http", "ws")
        self.tenant = make.workspace("sockets").id
        with tenant_context(self.tenant):
            self.inbox = make.inbox(allowed_origins=[SITE])
            self.token, self.conversation = self.talk()

    def talk(self) -> tuple[str, uuid.UUID]:
        session, _ = visiting.start(
            inbox=self.inbox, visitor=None, browser=Browser(key=uuid.uuid4().hex),
            client_id=uuid.uuid4().hex, body="Hello",
        )  # fmt: skip
        return session.token, session.conversation.pk

    def connect(self, **more: Any) -> Any:
        options = {"origin": SITE, **more}
        return websockets.connect(f"{self.url}/chat/ws/{self.inbox.public_key}", **options)

    async def welcomed(self, socket: ClientConnection, after: int = 0, **more: Any) -> Any:
        hello = {"type": "hello", "token": self.token, "conversation": str(self.conversation),
                 "after": after, **more}  # fmt: skip
        await socket.send(json.dumps(hello))
        return await heard(socket)

    def stored(self) -> list[str]:
        with tenant_context(self.tenant):
            rows = Message.objects.filter(conversation_id=self.conversation).order_by("seq")
            return [m.body for m in rows]


@pytest.fixture
def place(address: str) -> Place:  # noqa: F811
    return Place(address)


async def heard(socket: ClientConnection, kind: str = "") -> Any:
    """The next frame, of a kind where one is named."""
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if not kind or frame["type"] == kind:
            return frame


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(work())


def say(body: str, client_id: str = "") -> str:
    return json.dumps({"type": "message", "body": body, "client_id": client_id or uuid.uuid4().hex})


def test_a_message_is_acknowledged_with_its_number_and_reaches_the_other_window(place):
    async def talk() -> None:
        async with place.connect() as one, place.connect() as two:
            welcome = await place.welcomed(one)
            assert (welcome["type"], welcome["last_seq"], welcome["handler"]) == (
                "welcome",
                1,
                "bot",
            )
            assert [m["body"] for m in welcome["messages"]] == ["Hello"]
            assert (await place.welcomed(two, after=1))["messages"] == []
            await one.send(say("Is it there?", "client-0001"))
            ack = await heard(one, "ack")
            assert (ack["client_id"], ack["seq"]) == ("client-0001", 2)
            seen = await heard(two, "message")
            assert (seen["seq"], seen["body"], seen["client_id"]) == (
                2,
                "Is it there?",
                "client-0001",
            )
            await one.send(say("Is it there?", "client-0001"))
            assert (await heard(one, "ack"))["seq"] == 2

    run(talk)
    assert place.stored() == ["Hello", "Is it there?"]


def test_what_was_missed_comes_with_the_next_hello_and_with_a_heartbeat(place):
    async def talk() -> None:
        async with place.connect() as socket:
            await place.welcomed(socket)
        in_database(place.tenant, lambda: [
            appending.append(conversation=place.conversation, said=Said(f"n{n}", "outgoing", "bot"))
            for n in range(3)
        ])  # fmt: skip
        async with place.connect() as socket:
            welcome = await place.welcomed(socket, after=1)
            assert [m["seq"] for m in welcome["messages"]] == [2, 3, 4]
            in_database(place.tenant, lambda: appending.append(
                conversation=place.conversation, said=Said("silent", "outgoing", "bot")))  # fmt: skip
            await socket.send(json.dumps({"type": "ping", "after": 4}))
            pong = await heard(socket, "welcome")
            assert (pong["last_seq"], [m["body"] for m in pong["messages"]]) == (5, ["silent"])

    run(talk)


def test_an_agents_answer_arrives_at_once_with_the_hand_over(place):
    async def talk() -> list[str]:
        async with place.connect() as socket:
            await place.welcomed(socket)

            def answer() -> None:
                row = Conversation.objects.get(pk=place.conversation)
                services.reply(
                    conversation=row, user=make.user(), body="Good day", client_id="agent-0001"
                )

            await asyncio.to_thread(in_database, place.tenant, answer)
            return [(await heard(socket, "message"))["body"] for _ in range(2)]

    assert run(talk) == ["A colleague takes over from here.", "Good day"]


def test_a_foreign_site_a_wrong_key_and_a_missing_hello_get_nothing(place):
    async def refused(**more: Any) -> int:
        try:
            async with place.connect(**more) as socket:
                await socket.recv()
        except websockets.exceptions.InvalidStatus as no:
            return no.response.status_code
        except ConnectionClosed as end:
            return end.code
        return 0

    async def talk() -> None:
        assert await refused(origin="https://evil.example") in {403, 4403}
        assert await refused(origin="null") in {403, 4403}
        async with place.connect() as socket:
            await socket.send(say("no hello"))
            assert (await heard(socket))["code"] == "hello_first"
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    run(talk)
    assert place.stored() == ["Hello"]


def test_a_forged_token_or_another_visitors_conversation_is_refused(place):
    with tenant_context(place.tenant):
        other_token, other = place.talk()

    async def talk() -> None:
        for more in (
            {"token": place.token[:-3] + "abc"}, {"token": other_token},
            {"conversation": str(other)}, {"conversation": str(uuid.uuid4())},
            {"conversation": "nonsense"}, {"token": "x" * 400},
        ):  # fmt: skip
            async with place.connect() as socket:
                answer = await place.welcomed(socket, **more)
                assert answer["type"] == "error", more
                assert "messages" not in answer

    run(talk)


RUBBISH = [
    "{", "[]", "null", '"text"', "7", "{}", '{"type": 7}', '{"type": "nothing"}',
    '{"type": "message"}', '{"type": "message", "body": "x"}',
    '{"type": "message", "body": 7, "client_id": "abcdefgh"}',
    '{"type": "message", "body": "a\\u0000b", "client_id": "abcdefgh"}',
    '{"type": "message", "body": "\\ud800", "client_id": "abcdefgh"}',
    '{"type": "message", "body": "x", "client_id": ["abcdefgh"]}',
    '{"type": "seen", "seq": "many"}', '{"type": "ping", "after": -1}', "[" * 5000,
]  # fmt: skip


def test_rubbish_is_refused_with_a_reason_and_the_socket_goes_on(place):
    async def talk() -> None:
        for rubbish in RUBBISH:
            async with place.connect() as socket:
                await place.welcomed(socket)
                await socket.send(rubbish)
                await socket.send(say("still here", "still-0001"))
                assert (await heard(socket, "ack"))["seq"] == 2, rubbish

    run(talk)
    assert place.stored() == ["Hello", "still here"]


def test_large_and_binary_frames_end_the_socket_and_no_other(place):
    async def talk() -> None:
        async with place.connect() as quiet:
            await place.welcomed(quiet)
            for frame in (say("x" * 20_000), b"\x00\x01binary"):
                async with place.connect() as socket:
                    await place.welcomed(socket)
                    await socket.send(frame)
                    assert (await heard(socket, "error"))["code"] in {"too_large", "binary"}
                    with pytest.raises(ConnectionClosed):
                        await socket.recv()
            await quiet.send(say("fine", "fine-00001"))
            assert (await heard(quiet, "ack"))["seq"] == 2

    run(talk)
    assert place.stored() == ["Hello", "fine"]


def test_a_flood_of_one_visitor_is_cut_and_the_others_do_not_notice(place):
    with tenant_context(place.tenant):
        token, conversation = place.talk()

    async def talk() -> tuple[int, float]:
        async with place.connect() as flood, place.connect() as quiet:
            await place.welcomed(flood)
            await place.welcomed(quiet, token=token, conversation=str(conversation))
            code = 0
            try:
                for n in range(1000):
                    await flood.send(say(f"flood {n}"))
                while True:
                    await asyncio.wait_for(flood.recv(), 10)
            except ConnectionClosed as end:
                code = end.code
            loop = asyncio.get_running_loop()
            began = loop.time()
            await quiet.send(say("calm", "calm-00001"))
            await heard(quiet, "ack")
            return code, loop.time() - began

    code, took = run(talk)
    assert code == 4429
    assert took < 5
    assert len(place.stored()) < 60


def test_more_than_five_windows_of_one_visitor_are_too_many(place):
    async def talk() -> None:
        sockets = [await place.connect() for _ in range(6)]
        for socket in sockets[:5]:
            assert (await place.welcomed(socket))["type"] == "welcome"
        assert (await place.welcomed(sockets[5]))["code"] == "too_many"
        for socket in sockets:
            await socket.close()

    run(talk)


def test_an_inbox_closed_under_an_open_socket_ends_it_with_a_reason(place):
    async def talk() -> Any:
        async with place.connect() as socket:
            await place.welcomed(socket)
            await asyncio.to_thread(
                in_database, place.tenant,
                lambda: inboxes.close_inbox(inbox=Inbox.objects.get(pk=place.inbox.pk)),
            )  # fmt: skip
            frame = await heard(socket, "error")
            with pytest.raises(ConnectionClosed) as ended:
                await socket.recv()
            return frame["code"], ended.value.code

    assert run(talk) == ("closed", 4403)


def test_a_blocked_visitor_is_put_out_and_cannot_come_back(place):
    async def talk() -> Any:
        async with place.connect() as socket:
            await place.welcomed(socket)

            def block() -> None:
                services.block(visitor=Visitor.objects.get(conversations=place.conversation))

            await asyncio.to_thread(in_database, place.tenant, block)
            frame = await heard(socket, "closed")
        async with place.connect() as again:
            return frame["code"], (await place.welcomed(again))["code"]

    assert run(talk) == ("blocked", "unknown")
