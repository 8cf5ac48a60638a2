"""Any OpenAI-compatible server: vLLM, TGI, llama.cpp, or a vendor."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from workers.engines.protocol import Completion, DeadlinePassed, Progress, Request

AT_ONCE = 4


class OpenAIRuntime:
    """POST {base}/chat/completions, one request a sample, a few at once.

    `n` is not sent: llama.cpp and others ignore it.
    """

    def __init__(self, base_url: str, model: str, api_key: str) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError("Set MODEL_BASE_URL to the server's address, such as http://host/v1.")
        self.url, self.model, self.key = base_url.rstrip("/"), model, api_key
        self.name = f"{model} (server)"

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda i: self._one(request, i), range(request.n)))
        if progress is not None:
            progress(sum(c.new_tokens for c in found), request.n * request.max_new_tokens)
        return found

    def _one(self, request: Request, index: int) -> Completion:
        body = {
            "model": self.model,
            "messages": request.messages,
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed + index,
        }
        call = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            f"{self.url}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(call, timeout=request.seconds) as answer:  # noqa: S310
                value = json.loads(answer.read())
        except TimeoutError as late:
            raise DeadlinePassed(
                f"The model server did not answer in {request.seconds:.0f} s."
            ) from late
        except urllib.error.HTTPError as refusal:
            detail = refusal.read(500).decode("utf-8", "replace")
            raise RuntimeError(f"The model server answered {refusal.code}: {detail}") from refusal
        try:
            choice = value["choices"][0]
            text = str(choice["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as odd:
            raise RuntimeError("The model server's answer has no choices[0].message.") from odd
        tokens = int((value.get("usage") or {}).get("completion_tokens") or len(text.split()))
        return Completion(text.strip(), tokens, choice.get("finish_reason") == "stop")
