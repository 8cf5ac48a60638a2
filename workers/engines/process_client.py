"""The model process (server.py) as a runtime: what web and workers speak to instead of loading."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import httpx2
import numpy as np

from workers.engines.protocol import (
    AdapterMissing,
    Asked,
    Completion,
    DeadlinePassed,
    Heard,
    Likelihood,
    Messages,
    Progress,
    ReaderMissing,
    Request,
)

PATIENCE = 20.0  # seconds beyond a request's own: it may wait behind another batch


class ModelAway(ConnectionError):
    """The model process does not answer; it may be starting."""


def refusal(line: dict[str, Any]) -> Exception:
    """What an error line of the process means."""
    kind, detail = line["error"], str(line.get("detail", line["error"]))
    known: dict[str, type[Exception]] = {"adapter": AdapterMissing, "deadline": DeadlinePassed}
    return known.get(kind, RuntimeError)(detail)


def _sound(answer: httpx2.Response) -> None:
    """ModelAway, with the process's words, for an answer that is none."""
    if answer.status_code >= 400:
        raise ModelAway(f"The model process answered {answer.status_code}: {answer.text[:300]}")


class ProcessRuntime:
    """Generation and likelihoods by the model process."""

    def __init__(self, url: str, key: str) -> None:
        self.client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    @property
    def name(self) -> str:
        return str(self._get("/health").json()["model"])

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        count = 0

        def heard(_: int, sample: int, text: str) -> None:
            nonlocal count
            count += 1
            if progress is not None:
                progress(count, request.n * request.max_new_tokens)

        return self.generate_many([request], heard)[0]

    def generate_many(
        self, requests: Sequence[Request], heard: Heard | None = None
    ) -> list[list[Completion]]:
        found: dict[int, list[Completion]] = {}
        for adapter in dict.fromkeys(r.adapter for r in requests):
            chosen = [i for i, r in enumerate(requests) if r.adapter == adapter]
            answers = self._stream([requests[i] for i in chosen], chosen, heard)
            found.update(zip(chosen, answers, strict=True))
        return [found[i] for i in range(len(requests))]

    def _stream(
        self, requests: list[Request], places: list[int], heard: Heard | None
    ) -> list[list[Completion]]:
        body = {"requests": [asdict(r) for r in requests]}
        patience = max(r.seconds for r in requests) + PATIENCE
        try:
            with self.client.stream("POST", "/generate", json=body, timeout=patience) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise ModelAway(f"The model process answered {answer.status_code}.")
                for text in answer.iter_lines():
                    line = json.loads(text)
                    if "heard" in line:
                        index, sample, so_far = line["heard"]
                        if heard is not None:
                            heard(places[index], sample, so_far)
                    elif "done" in line:
                        return [[Completion(**c) for c in row] for row in line["done"]]
                    else:
                        raise refusal(line)
        except httpx2.TimeoutException as late:
            raise DeadlinePassed("The model process did not answer in time.") from late
        except httpx2.TransportError as away:
            raise ModelAway(f"The model process does not answer: {away}") from away
        raise ModelAway("The model process hung up.")

    def score(
        self, messages: Messages, texts: Sequence[str], adapter: str = ""
    ) -> list[Likelihood]:
        body = {"messages": messages, "texts": list(texts), "adapter": adapter}
        answer = self._post("/score", body)
        if answer.status_code == 404:
            raise AdapterMissing(adapter)
        _sound(answer)
        return [Likelihood(**row) for row in answer.json()]

    def embed(self, texts: Sequence[str], *, lower: bool = False) -> tuple[np.ndarray, int]:
        """Vectors (n, width) of length 1, or of the lower layers, and the tokens read."""
        answer = self._post("/embed", {"texts": list(texts), "lower": lower})
        _sound(answer)
        value = answer.json()
        return np.asarray(value["vectors"], dtype=np.float32), int(value["tokens"])

    def has(self, adapter: str) -> bool:
        return bool(self._get(f"/adapters/{adapter}").status_code == 200)

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        body = {name: base64.b64encode(content).decode() for name, content in files.items()}
        try:
            self.client.put(f"/adapters/{adapter}", json=body).raise_for_status()
        except httpx2.TransportError as away:
            raise ModelAway(f"The model process does not answer: {away}") from away

    def bring_reader(self, digest: str, files: Mapping[str, bytes]) -> None:
        body = {name: base64.b64encode(content).decode() for name, content in files.items()}
        try:
            self.client.put(f"/readers/{digest}", json=body).raise_for_status()
        except httpx2.HTTPError as away:
            raise ModelAway(f"The model process did not take the version: {away}") from away

    def read(self, digest: str, asked: Asked) -> dict[str, Any]:
        """A message as a dialogue version reads it. Raises ReaderMissing."""
        answer = self._post(f"/readers/{digest}", asdict(asked))
        if answer.status_code == 404:
            raise ReaderMissing(digest)
        _sound(answer)
        return dict(answer.json())

    def opinions(self, texts: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Documents as (text, language), read sentence by sentence."""
        answer = self._post("/opinions", {"texts": list(texts)})
        _sound(answer)
        return list(answer.json())

    def count(self, messages: Messages) -> int:
        return int(self._post("/count", {"messages": messages}).json())

    def _post(self, path: str, body: Any) -> httpx2.Response:
        try:
            return self.client.post(path, json=body)
        except httpx2.TransportError as away:
            raise ModelAway(f"The model process does not answer: {away}") from away

    def _get(self, path: str) -> httpx2.Response:
        try:
            return self.client.get(path)
        except httpx2.TransportError as away:
            raise ModelAway(f"The model process does not answer: {away}") from away
