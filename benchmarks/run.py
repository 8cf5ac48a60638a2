"""`make bench` and `make prove`: one after the other, each in a process of its own."""

from __future__ import annotations

import importlib
import subprocess
import sys

from benchmarks import bench

ALL = ("intake", "segments", "pages", "memory", "generation", "chat")


def main(names: list[str]) -> None:
    if len(names) == 1:
        bench.setup()  # before the benchmark's module: it imports models
        importlib.import_module(f"benchmarks.{names[0]}").main()
        return
    command = [sys.executable, "-m", "benchmarks.run"]
    failed = [n for n in names if subprocess.run([*command, n], check=False).returncode]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:] or list(ALL))
