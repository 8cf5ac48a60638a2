"""What a language model runtime must do, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Messages = list[dict[str, str]]  # [{"role": "system" | "user" | "assistant", "content": text}]
Progress = Callable[[int, int], None]  # (tokens made, tokens at most)


class DeadlinePassed(TimeoutError):
    """The model did not finish within its time; what was complete is in `partial`."""


@dataclass(frozen=True, slots=True)
class Request:
    """`n` samples of one prompt, at most `max_new_tokens` each, within `seconds` in all."""

    messages: Messages
    n: int
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Completion:
    """One sample: its text, its new tokens, and whether it ended by itself."""

    text: str
    new_tokens: int
    finished: bool


class Runtime(Protocol):
    """A model that can be asked. `name` says which, with its version, for the record."""

    name: str

    def generate(self, request: Request, progress: Progress | None = None) -> list[Completion]:
        """Sample. Raises DeadlinePassed when nothing was finished in time."""
