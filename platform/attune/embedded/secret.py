"""The secret key of a person's own machine: made once, kept with mode 600."""

from __future__ import annotations

import secrets
from pathlib import Path


def local_secret_key(folder: Path) -> str:
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()
