"""The model process: one base in memory for web, workers and every workspace's adapters.

`python -m workers.engines.server --model NAME --cache FOLDER --port N`, on the loopback or a
private network; MODEL_PROCESS_KEY is asked of every caller. It knows no workspace: who may use
which adapter was decided by the caller, and an adapter is found by its digest alone.

One thread runs the model. Requests that wait are taken together, those of one adapter in one batch;
each caller reads its own as it is written (newline-delimited JSON).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hmac
import json
import os
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from workers.engines.embedding import Encoder
from workers.engines.loading import local_runtime
from workers.engines.opinion_readers import OpinionReaders
from workers.engines.protocol import (
    AdapterMissing,
    Asked,
    Completion,
    DeadlinePassed,
    ReaderMissing,
    Request,
    Runtime,
)
from workers.engines.readers import Readers

Work = Callable[[Call], Awaitable[Response]]
MOST_WAITING, MOST_SAMPLES, MOST_NEW = 256, 64, 1024


class _Left(Exception):
    """Everybody who asked has hung up."""


@dataclass
class _Job:
    """Requests of one caller, and the queue that its answer is read from."""

    requests: list[Request]
    loop: asyncio.AbstractEventLoop
    lines: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    left: bool = False

    def say(self, line: dict[str, Any]) -> None:
        if not self.left:
            self.loop.call_soon_threadsafe(self.lines.put_nowait, line)


class Engine(threading.Thread):
    """Takes what waits, runs it, answers. The only thread that touches the model's generation."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(daemon=True, name="engine")
        self.runtime = runtime
        self.waiting: queue.Queue[_Job] = queue.Queue(MOST_WAITING)

    def run(self) -> None:
        while True:
            jobs = [self.waiting.get()]
            while not self.waiting.empty() and sum(len(j.requests) for j in jobs) < MOST_SAMPLES:
                jobs.append(self.waiting.get_nowait())
            for adapter in dict.fromkeys(r.adapter for j in jobs for r in j.requests):
                self._batch([j for j in jobs if j.requests[0].adapter == adapter])

    def _batch(self, jobs: list[_Job]) -> None:
        """One batch of one adapter. What fails a batch fails each of its callers, and no other."""
        jobs = [j for j in jobs if not j.left]
        owners = [(job, i) for job in jobs for i in range(len(job.requests))]

        def heard(index: int, sample: int, text: str) -> None:
            if all(job.left for job in jobs):
                raise _Left
            job, own = owners[index]
            job.say({"heard": [own, sample, text]})

        try:
            found = self.runtime.generate_many([r for j in jobs for r in j.requests], heard)
        except _Left:
            return
        except DeadlinePassed as late:
            if len(jobs) == 1:
                self._all(jobs, {"error": "deadline", "detail": str(late)})
            else:  # one slow caller must not take the others with it
                for job in jobs:
                    self._batch([job])
        except AdapterMissing as missing:
            self._all(jobs, {"error": "adapter", "detail": str(missing)})
        except Exception as failure:  # noqa: BLE001 - told to those who asked; the thread lives on
            self._all(jobs, {"error": "failure", "detail": f"{type(failure).__name__}: {failure}"})
        else:
            self._answer(jobs, found)

    def _answer(self, jobs: list[_Job], found: list[list[Completion]]) -> None:
        rest = iter(found)
        for job in jobs:
            job.say({"done": [[asdict(c) for c in next(rest)] for _ in job.requests]})

    def _all(self, jobs: list[_Job], line: dict[str, Any]) -> None:
        for job in jobs:
            job.say(line)


class Door:
    """The process's HTTP: every call but /health shows the key."""

    def __init__(self, runtime: Runtime, encoder: Encoder | None, key: str) -> None:
        self.runtime, self.encoder, self.key = runtime, encoder, key
        self.readers, self.opinion_readers = Readers(), OpinionReaders()
        self.engine = Engine(runtime)
        self.engine.start()

    def routes(self) -> list[Route]:
        return [
            Route("/generate", self._guarded(self.generate), methods=["POST"]),
            Route("/score", self._guarded(self.score), methods=["POST"]),
            Route("/embed", self._guarded(self.embed), methods=["POST"]),
            Route("/opinions", self._guarded(self.opinions), methods=["POST"]),
            Route("/count", self._guarded(self.count), methods=["POST"]),
            Route("/adapters/{digest}", self._guarded(self.adapter), methods=["GET", "PUT"]),
            Route("/readers/{digest}", self._guarded(self.reader), methods=["GET", "PUT", "POST"]),
            Route("/health", self.health),
        ]

    def _guarded(self, work: Work) -> Work:
        async def call(request: Call) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.key.encode()):
                return JSONResponse({"error": "key"}, 401)
            return await work(request)

        return call

    async def generate(self, call: Call) -> Response:
        """Newline-delimited JSON: `heard` as it is written, then `done` or `error`."""
        requests = [Request(**row) for row in (await call.json())["requests"]]
        if not requests or len({r.adapter for r in requests}) != 1:
            return JSONResponse({"error": "one adapter a call"}, 422)
        if any(r.n > MOST_SAMPLES or r.max_new_tokens > MOST_NEW for r in requests):
            return JSONResponse({"error": "too much at once"}, 422)
        job = _Job(requests, asyncio.get_running_loop())
        try:
            self.engine.waiting.put_nowait(job)
        except queue.Full:
            return JSONResponse({"error": "busy"}, 503, {"Retry-After": "2"})
        return StreamingResponse(_lines(job), media_type="application/x-ndjson")

    async def score(self, call: Call) -> Response:
        value = await call.json()
        try:
            found = await asyncio.to_thread(
                self.runtime.score, value["messages"], value["texts"], value["adapter"]
            )
        except AdapterMissing as missing:
            return JSONResponse({"error": "adapter", "detail": str(missing)}, 404)
        return JSONResponse([asdict(f) for f in found])

    async def embed(self, call: Call) -> Response:
        value = await call.json()
        texts = value["texts"]
        if self.encoder is None:
            return JSONResponse({"error": "no encoder"}, 503)
        way = self.encoder.lower if value.get("lower") else self.encoder.encode
        vectors = await asyncio.to_thread(way, texts)
        tokens = self.encoder.count(texts)
        return JSONResponse(
            {"vectors": vectors.tolist(), "tokens": tokens, "name": self.encoder.name}
        )

    async def opinions(self, call: Call) -> Response:
        """Documents as (text, language), read sentence by sentence."""
        texts = [(str(text), str(language)) for text, language in (await call.json())["texts"]]
        return JSONResponse(await asyncio.to_thread(self.opinion_readers.read, texts))

    async def count(self, call: Call) -> Response:
        return JSONResponse(self.runtime.count((await call.json())["messages"]))

    async def adapter(self, call: Call) -> Response:
        digest = call.path_params["digest"]
        if call.method == "GET":
            return JSONResponse({}, 200 if self.runtime.has(digest) else 404)
        files = {k: base64.b64decode(v) for k, v in (await call.json()).items()}
        await asyncio.to_thread(self.runtime.bring, digest, files)
        return JSONResponse({}, 201)

    async def reader(self, call: Call) -> Response:
        """A workspace's dialogue version: whether it is here, bring it, let it read a message."""
        digest = call.path_params["digest"]
        if call.method == "GET":
            return JSONResponse({}, 200 if self.readers.has(digest) else 404)
        body = await call.body()
        if call.method == "PUT":
            await asyncio.to_thread(self._bring_reader, digest, body)
            return JSONResponse({}, 201)
        try:
            found = await asyncio.to_thread(self.readers.read, digest, Asked(**json.loads(body)))
        except ReaderMissing:
            return JSONResponse({"error": "reader"}, 404)
        return JSONResponse(found)

    def _bring_reader(self, digest: str, body: bytes) -> None:
        """Decoded and loaded beside the loop that answers everybody else."""
        if not self.readers.has(digest):
            files = {k: base64.b64decode(v) for k, v in json.loads(body).items()}
            self.readers.bring(digest, files)

    async def health(self, call: Call) -> Response:
        return JSONResponse({"model": self.runtime.name, "waiting": self.engine.waiting.qsize()})


async def _lines(job: _Job) -> AsyncIterator[bytes]:
    try:
        while True:
            line = await job.lines.get()
            yield json.dumps(line).encode() + b"\n"
            if "heard" not in line:
                return
    finally:
        job.left = True


def application(runtime: Runtime, encoder: Encoder | None, key: str) -> Starlette:
    """The ASGI application over a loaded model."""
    return Starlette(routes=Door(runtime, encoder, key).routes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--encoder", default="")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    given = parser.parse_args()
    key = os.environ.get("MODEL_PROCESS_KEY", "")
    if not key:
        parser.error("Set MODEL_PROCESS_KEY: who may ask is decided by it.")
    given.cache.mkdir(parents=True, exist_ok=True)
    runtime = local_runtime(given.runtime, given.model, given.cache)
    encoder = Encoder(given.encoder) if given.encoder else Encoder()
    served = application(runtime, encoder, key)
    uvicorn.run(served, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
