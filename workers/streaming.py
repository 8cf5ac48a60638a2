"""One completion that somebody waits for: run, metered, or streamed as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from channels.db import database_sync_to_async
from django.db import connections
from rest_framework.exceptions import APIException

from attune.kernel.errors import AttuneError
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from campaigns.generators import meter
from campaigns.generators.servers import Server
from workers.engines.openai_runtime import LETTERS_A_TOKEN, ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import Completion, DeadlinePassed, Heard, Request, Runtime

logger = logging.getLogger(__name__)
ABSENT = say(
    "No model process runs in this installation: start workers.engines.server and set "
    "MODEL_PROCESS_URL."
)
AWAY = say("The model process does not answer; it may be starting. Try again in a minute.")


class NoModel(AttuneError):
    """No model answers here."""

    status, code, title = 503, "no_model", say("No model answers")


class Hung(APIException):
    status_code, default_code, default_detail = 504, "deadline", "The model took too long."


class Trouble(APIException):
    status_code, default_code, default_detail = 502, "model_trouble", "The model server failed."


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, ready to be answered: by whom, for whom, and what was asked."""

    tenant_id: int
    runtime: Runtime
    server: Server | None
    model: str
    request: Request
    stop: tuple[str, ...] = ()

    def cut(self, found: list[Completion]) -> list[Completion]:
        """Each text until the first stop that it says."""
        ends = [self.until(c.text) for c in found]
        return [
            c if end is None else replace(c, text=c.text[:end], finished=True)
            for c, end in zip(found, ends, strict=True)
        ]

    def until(self, text: str) -> int | None:
        """Where the first stop begins, or None."""
        return min((at for s in self.stop if (at := text.find(s)) >= 0), default=None)

    def record(self, found: list[Completion], began: float) -> dict[str, int]:
        """Meter the call; its usage as the API says it."""
        asked = self.request.n if self.server else 1  # a server of others reads it n times
        tokens_in = asked * self.runtime.count(self.request.messages)
        tokens_out = sum(c.new_tokens for c in found)
        micros = self.server.micros(tokens_in, tokens_out) if self.server else 0
        with tenant_context(self.tenant_id):
            meter.record(
                task="writing", model=self.model, requests=1, tokens_in=tokens_in,
                tokens_out=tokens_out, seconds=time.monotonic() - began, micros=micros,
            )  # fmt: skip
        return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out}  # fmt: skip


def guarded(asked: Asked, heard: Heard | None = None) -> list[Completion]:
    try:
        return asked.runtime.generate_many([asked.request], heard)[0]
    except DeadlinePassed as late:
        raise Hung(str(late)) from late
    except ServerTrouble as trouble:
        raise Trouble(str(trouble)) from trouble
    except ModelAway as away:
        raise NoModel(AWAY) from away
    except RuntimeError as failure:
        raise Trouble(str(failure)) from failure


def envelope(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()),
            "model": asked.model}  # fmt: skip


class _Gone(Exception):
    """The reader hung up."""


class Stream:
    """A completion read while it is written. The model runs in a thread of its own; a reader who
    hangs up stops it."""

    def __init__(self, asked: Asked, began: float) -> None:
        self.asked, self.began = asked, began
        self.lines: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = threading.Event()
        self.said: dict[int, int] = {}
        self.tokens: dict[int, int] = {}
        self.head = envelope(asked, "chat.completion.chunk")

    async def events(self, *, usage: bool) -> AsyncIterator[bytes]:
        """The text as it grows, then why it ended, the usage where it was asked for, [DONE]."""
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, daemon=True, name="completion").start()
        try:
            for sample in range(self.asked.request.n):
                yield self._chunk(sample, {"role": "assistant", "content": ""})
            while isinstance(line := await self.lines.get(), tuple):
                yield self._chunk(line[0], {"content": line[1]})
            if isinstance(line, Exception):
                detail = str(getattr(line, "detail", line))
                yield _event({"error": {"message": detail}})
                return
            for sample, one in enumerate(self.asked.cut(line)):
                if rest := one.text[self.said.get(sample, 0) :] if self.asked.stop else "":
                    yield self._chunk(sample, {"content": rest})
                yield self._chunk(sample, {}, "stop" if one.finished else "length")
            counted = await database_sync_to_async(self.asked.record)(line, self.began)
            if usage:
                yield _event({**self.head, "choices": [], "usage": counted})
            yield b"data: [DONE]\n\n"
        finally:
            self.gone.set()

    def _work(self) -> None:
        try:
            self._say(guarded(self.asked, self._heard))
        except _Gone:  # what was written until then was used all the same
            written = [Completion("", n, finished=False) for n in self.tokens.values()]
            self.asked.record(written, self.began)
        except (APIException, AttuneError) as failure:
            self._say(failure)
        except Exception:  # a reader that waits must hear that nothing comes any more
            logger.exception("a streamed completion failed")
            self._say(Trouble())
        finally:
            connections.close_all()

    def _heard(self, _: int, sample: int, text: str) -> None:
        self.tokens[sample] = max(self.tokens.get(sample, 0) + 1, len(text) // LETTERS_A_TOKEN)
        if self.gone.is_set():
            raise _Gone
        if self.asked.stop:  # the last letters may be the beginning of a stop
            end = self.asked.until(text)
            text = text[: len(text) - max(map(len, self.asked.stop)) + 1] if end is None else (
                text[:end])  # fmt: skip
        fresh = text[self.said.get(sample, 0) :]
        if fresh and not text.endswith("\ufffd"):  # half a character: the next token completes it
            self.said[sample] = len(text)
            self._say((sample, fresh))

    def _say(self, line: Any) -> None:
        self.loop.call_soon_threadsafe(self.lines.put_nowait, line)

    def _chunk(self, index: int, delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
        return _event({**self.head, "choices": [choice]})


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
