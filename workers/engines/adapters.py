"""Adapters on this machine's disk: one folder a digest, whole or absent."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

DIGEST = re.compile(r"[0-9a-f]{64}")


class Shelf:
    """Where a runtime finds adapters. The digest is the only way to one, and only its workspace
    knows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError("An adapter is named by its SHA-256.")
        return self.folder / digest

    def has(self, digest: str) -> bool:
        return (self.path(digest) / "adapter_model.safetensors").exists()

    def bring(self, digest: str, files: dict[str, bytes]) -> None:
        """Write to a folder beside, then rename: nobody ever sees half of it."""
        target = self.path(digest)
        if self.has(digest):
            return
        partial = self.folder / f"{digest}.partial-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (partial / name).write_bytes(files[name])
        try:
            partial.rename(target)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            if not self.has(digest):
                raise

    def scale(self, digest: str) -> float:
        """alpha / r, by which LoRA's update is multiplied."""
        config = json.loads((self.path(digest) / "adapter_config.json").read_text())
        return float(config["lora_alpha"]) / float(config["r"])
