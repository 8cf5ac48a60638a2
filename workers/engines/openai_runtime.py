"""Any OpenAI-compatible server: vLLM, TGI, llama.cpp, or a vendor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import openai

from workers.engines.protocol import (
    Completion,
    DeadlinePassed,
    Heard,
    Likelihood,
    Messages,
    NotOffered,
    Progress,
    Request,
)

AT_ONCE = 4
MOST_TOKENS = 10**6  # that one answer can have
LETTERS_A_TOKEN = 4  # where a server does not count


class ServerTrouble(RuntimeError):
    """The server refused, hung up or answered nonsense; the words say which."""


class OpenAIRuntime:
    """One request a sample, a few at once: `n` is not sent, llama.cpp and others ignore it.

    Retries what may heal (time-outs, 408, 409, 429, 5xx) with back-off, `retries` times.
    """

    def __init__(
        self, base_url: str, model: str, api_key: str, *, seconds: float = 60, retries: int = 2,
        http_client: Any = None,
    ) -> None:  # fmt: skip
        if not base_url.startswith(("http://", "https://")):
            raise ValueError("Set MODEL_BASE_URL to the server's address, such as http://host/v1.")
        self.client = openai.OpenAI(
            base_url=base_url, api_key=api_key or "none", timeout=seconds, max_retries=retries,
            http_client=http_client,
        )  # fmt: skip
        self.model, self.seconds = model, seconds
        self.name = f"{model} (server)"

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda i: self._one(request, i), range(request.n)))
        if progress is not None:
            progress(sum(c.new_tokens for c in found), request.n * request.max_new_tokens)
        return found

    def generate_many(
        self, requests: Sequence[Request], heard: Heard | None = None
    ) -> list[list[Completion]]:
        found = []
        for index, request in enumerate(requests):
            found.append(self.generate(request))
            for sample, completion in enumerate(found[-1]):
                if heard is not None:
                    heard(index, sample, completion.text)
        return found

    def _one(self, request: Request, index: int) -> Completion:
        seconds = min(self.seconds, request.seconds)
        with _told(seconds):
            answer = self.client.with_options(timeout=seconds).chat.completions.create(
                model=self.model,
                messages=cast(Any, request.messages),
                max_tokens=request.max_new_tokens,
                temperature=request.temperature,
                top_p=request.top_p,
                seed=(request.seed + index) % 2**31,
            )
        return _completion(answer)

    def embed(self, texts: Sequence[str]) -> tuple[np.ndarray, int]:
        """(n, width) vectors of length 1, and the tokens that the server counted."""
        with _told(self.seconds):
            answer = self.client.embeddings.create(
                model=self.model, input=list(texts), encoding_format="float"
            )
        try:
            rows = np.array([one.embedding for one in answer.data], dtype=np.float32)
            sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        except (AttributeError, TypeError, ValueError) as odd:
            raise ServerTrouble("The model server's answer has no data[].embedding.") from odd
        if len(rows) != len(texts) or not np.all(np.isfinite(rows)) or not np.all(sizes > 0):
            raise ServerTrouble("The model server did not give one vector for each text.")
        guess = sum(map(len, texts)) // LETTERS_A_TOKEN
        return rows / sizes, _tokens(answer, "total_tokens", guess)

    def score(
        self, messages: Messages, texts: Sequence[str], adapter: str = ""
    ) -> list[Likelihood]:
        raise NotOffered("Servers do not say how likely a given text is.")

    def has(self, adapter: str) -> bool:
        return not adapter

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        raise NotOffered("A server of others takes no adapter.")

    def count(self, messages: Messages) -> int:
        return sum(len(m["content"]) for m in messages) // LETTERS_A_TOKEN


@contextmanager
def _told(seconds: float) -> Iterator[None]:
    """What went wrong at the server, as ours: DeadlinePassed or ServerTrouble."""
    try:
        yield
    except openai.APITimeoutError as late:
        raise DeadlinePassed(f"The model server did not answer in {seconds:.0f} s.") from late
    except openai.APIStatusError as refusal:
        detail = str(refusal.message)[:500]
        raise ServerTrouble(
            f"The model server answered {refusal.status_code}: {detail}"
        ) from refusal
    except openai.APIError as away:
        raise ServerTrouble(f"The model server cannot be reached: {away}") from away
    except (ValueError, TypeError, RecursionError) as odd:  # its body is no JSON of ours
        raise ServerTrouble("The model server's answer is no JSON of this API.") from odd


def _tokens(answer: Any, name: str, guess: int) -> int:
    """What the server counted, where that is a number that can be; else the guess."""
    found = getattr(getattr(answer, "usage", None), name, None)
    known = isinstance(found, int) and 0 < found <= MOST_TOKENS
    return int(found) if known and found is not None else guess


def _completion(answer: Any) -> Completion:
    try:
        choice = answer.choices[0]
        text = choice.message.content or ""
        if not isinstance(text, str):
            raise TypeError(type(text))
        finished = choice.finish_reason == "stop"
    except (AttributeError, LookupError, TypeError) as odd:
        raise ServerTrouble("The model server's answer has no choices[0].message.") from odd
    tokens = _tokens(answer, "completion_tokens", len(text) // LETTERS_A_TOKEN + 1)
    return Completion(text.strip(), tokens, finished)
