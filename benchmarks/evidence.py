"""`make evidence`: docs/evidence.md from benchmarks/results/*.json. Nobody types a number."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.reasons import REASONS

ROOT = Path(__file__).resolve().parents[1]


def table(result: dict) -> str:
    lines = [
        f"## {result['name']}", "",
        f"`{result['command']}` on {result['machine']}, {result['at']}", "",
        "| metric | ours | unit | peer | goal | n |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in result["rows"]:
        peer = f"{row['peer_name']}: {row['peer']}" if row["peer"] is not None else "–"
        goal = row["goal"] if row["goal"] is not None else "–"
        lines.append(
            f"| `{row['metric']}` | {row['ours']} | {row['unit']} | {peer} | {goal} | {row['n']} |"
        )
    for row in result["rows"]:
        if row["metric"] in REASONS and row["ours"] > row["goal"]:
            lines += ["", f"`{row['metric']}` misses its goal: {REASONS[row['metric']]}"]
    return "\n".join(lines)


if __name__ == "__main__":
    results = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    parts = [table(json.loads(path.read_text())) for path in results]
    head = "# Evidence\n\nWritten by `make evidence` from benchmarks/results, as it was seen."
    (ROOT / "docs" / "evidence.md").write_text("\n\n".join([head, *parts]) + "\n")
