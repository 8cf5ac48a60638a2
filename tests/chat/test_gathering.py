"""Messages of many sockets, stored together: numbers, refusals, and who does not wait for whom."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import psycopg
import pytest

from attune.kernel import direct
from attune.kernel.tenancy import tenant_context
from chat.conversations import gathering
from chat.conversations.appending import Receipt, Said
from chat.conversations.models import Conversation, Message
from tests.browser.conftest import address, in_database  # noqa: F401 - a fixture
from tests.chat.test_sockets import Place


class Calls:
    """The database functions that were called, in their order."""

    def __init__(self, monkeypatch: Any) -> None:
        self.names: list[str] = []
        call = direct.call

        async def counted(function: str, *arguments: Any) -> Any:
            self.names.append(function)
            return await call(function, *arguments)

        monkeypatch.setattr(direct, "call", counted)


@pytest.fixture
def place(address: str) -> Place:  # noqa: F811
    return Place(address)


@pytest.fixture
def calls(monkeypatch) -> Calls:
    return Calls(monkeypatch)


def talks(place: Place, n: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """(conversation, visitor) of n visitors."""
    with tenant_context(place.tenant):
        rows = [Conversation.objects.get(pk=place.talk()[1]) for _ in range(n)]
        return [(row.pk, row.visitor_id) for row in rows]


def store(place: Place, messages: list[tuple[tuple[uuid.UUID, uuid.UUID], str, str]]) -> list[Any]:
    """Receipts, or what was raised, of ((conversation, visitor), client id, text) at one time."""

    async def all_at_once() -> list[Any]:
        try:
            return await asyncio.gather(*(
                gathering.append(tenant_id=place.tenant, conversation=c, visitor=v,
                                 said=Said(body, "incoming", "visitor", client_id))
                for (c, v), client_id, body in messages), return_exceptions=True)  # fmt: skip
        finally:
            await direct.close()

    return asyncio.run(all_at_once())


def bodies(place: Place, conversation: uuid.UUID) -> list[str]:
    with tenant_context(place.tenant):
        rows = Message.objects.filter(conversation=conversation).order_by("seq")
        return [f"{m.seq} {m.body}" for m in rows]


def test_many_messages_go_in_few_calls_and_keep_their_numbers(place, calls):
    known = talks(place, 5)
    sent = [(known[n % 5], f"client-{n:04}", f"text {n}") for n in range(60)]
    receipts = store(place, sent)
    assert {(r.fresh, r.refused) for r in receipts} == {(True, "")}
    for talk in range(5):
        mine = [(r.seq, f"text {n}") for n, r in enumerate(receipts) if n % 5 == talk]
        assert sorted(seq for seq, _ in mine) == list(range(2, 14))
        assert bodies(place, known[talk][0]) == [
            "1 Hello", *(f"{seq} {body}" for seq, body in sorted(mine))
        ]  # fmt: skip
    assert calls.names.count("attune_chat_append_all") == gathering.LINES
    assert len(calls.names) < 60  # alone goes only what the other line held at the moment


def test_an_id_twice_in_one_call_is_stored_once(place):
    (one,) = talks(place, 1)
    receipts = store(place, [(one, "client-0001", "a"), (one, "client-0002", "b"),
                             (one, "client-0001", "a"), (one, "client-0002", "b")])  # fmt: skip
    assert [(r.seq, r.fresh) for r in receipts] == [(2, True), (3, True), (2, False), (3, False)]
    assert bodies(place, one[0]) == ["1 Hello", "2 a", "3 b"]


def test_a_refused_or_broken_message_stops_no_other(place):
    one, two, three = talks(place, 3)
    foreign = (one[0], two[1])  # a conversation that is not this visitor's
    receipts = store(place, [
        (one, "client-0001", "mine"), (foreign, "client-0002", "not mine"),
        (two, "x" * 200, "an id that the column cannot hold"), (three, "client-0003", "mine, too"),
    ])  # fmt: skip
    assert [r.seq for r in (receipts[0], receipts[3])] == [2, 2]
    assert receipts[1].refused == "unknown"
    assert isinstance(receipts[2], psycopg.DataError)
    assert [bodies(place, c)[1:] for c, _ in (one, two, three)] == [
        ["2 mine"], [], ["2 mine, too"],
    ]  # fmt: skip


def test_a_conversation_that_is_held_delays_nobody_else(place):
    held, *others = talks(place, 4)
    done: list[str] = []

    async def work() -> tuple[Receipt, ...]:
        holder = await psycopg.AsyncConnection.connect(direct._conninfo())
        async with holder, holder.transaction():
            await holder.execute("SELECT attune_enter(%s)", [place.tenant])
            await holder.execute("SELECT 1 FROM conversation WHERE id = %s FOR UPDATE", [held[0]])

            async def say(whose: tuple[uuid.UUID, uuid.UUID], name: str) -> Receipt:
                found = await gathering.append(
                    tenant_id=place.tenant, conversation=whose[0], visitor=whose[1],
                    said=Said(name, "incoming", "visitor", f"client-{name}"),
                )  # fmt: skip
                done.append(name)
                return found

            first = asyncio.create_task(say(others[0], "first"))
            waits = asyncio.create_task(say(held, "waits"))
            rest = [asyncio.create_task(say(o, f"rest{n}")) for n, o in enumerate(others[1:])]
            await asyncio.wait_for(asyncio.gather(first, *rest), 10)
            assert not waits.done()
        found = await asyncio.wait_for(waits, 10)
        await direct.close()
        return (first.result(), found, *(r.result() for r in rest))

    assert [r.seq for r in asyncio.run(work())] == [2, 2, 2, 2]
    assert done[-1] == "waits"
    assert sorted(done[:-1]) == ["first", "rest0", "rest1"]


def test_a_row_of_another_workspace_is_not_reached(place):
    (mine,) = talks(place, 1)
    other = Place(place.url.replace("ws", "http"))
    (theirs,) = talks(other, 1)
    receipts = store(place, [(mine, "client-0001", "a"), (theirs, "client-0002", "b")])
    assert [(r.seq, r.refused) for r in receipts] == [(2, ""), (0, "unknown")]
    assert bodies(other, theirs[0]) == ["1 Hello"]
