"""What a language model runtime must do, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Messages = list[dict[str, str]]  # [{"role": "system" | "user" | "assistant", "content": text}]
Progress = Callable[[int, int], None]  # (tokens made, tokens at most)
Heard = Callable[[int, int, str], None]  # (request, sample, text so far)


class NotOffered(RuntimeError):
    """This engine does not do that by its nature; who asks goes on without it."""


class DeadlinePassed(TimeoutError):
    """The model did not finish within its time; what was complete is in `partial`."""


class AdapterMissing(LookupError):
    """The runtime does not have this adapter: bring it, then ask again."""


class ReaderMissing(LookupError):
    """The process does not hold this version (any more): bring it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message to be read: the customer's words, what the house said before with what it asked
    for and offered, and the events so far as (kind, text, action), this message among them."""

    text: str
    said: str = ""
    asked: Sequence[str] = ()
    offered: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """`n` samples of one prompt, at most `max_new_tokens` each, within `seconds` in all. `adapter`
    is the digest of a workspace's adapter that was brought before; empty: the base."""

    messages: Messages
    n: int
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    seconds: float
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """One sample: its text, its new tokens, and whether it ended by itself. A model may say what no
    database holds (NUL, half of a pair of surrogates): that is left out of the text."""

    text: str
    new_tokens: int
    finished: bool

    def __post_init__(self) -> None:
        sound = self.text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
        if sound != self.text:
            object.__setattr__(self, "text", sound)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """log p(text | prompt) in nats, and the tokens it is summed over."""

    nats: float
    tokens: int

    @property
    def per_token(self) -> float:
        return self.nats / self.tokens if self.tokens else 0.0


class Runtime(Protocol):
    """A model that can be asked. `name` says which, with its version, for the record."""

    @property
    def name(self) -> str: ...

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        """Sample. Raises DeadlinePassed when nothing was finished in time."""

    def generate_many(
        self, requests: Sequence[Request], heard: Heard | None = None
    ) -> list[list[Completion]]:
        """Several prompts at once, in one batch where they share an adapter."""

    def score(
        self, messages: Messages, texts: Sequence[str], adapter: str = ""
    ) -> list[Likelihood]:
        """How likely each text is as the answer. Raises NotOffered where a server of others
        does not say."""

    def has(self, adapter: str) -> bool:
        """Whether the adapter was brought."""

    def bring(self, adapter: str, files: dict[str, bytes]) -> None:
        """Keep an adapter's files under its digest."""

    def count(self, messages: Messages) -> int:
        """Tokens of a prompt."""
