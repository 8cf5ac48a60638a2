"""What the source of a slice must not say, as one function, so that a seeded defect can be shown
to it (test_power.py) and the whole tree too (test_house.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("platform", "tenants", "campaigns", "chat", "insights", "workers")
SCOPE = {"platform/attune/kernel/tenancy.py", "platform/attune/kernel/rls.py"}  # rule 9
FORBIDDEN: dict[str, str] = {
    "a tenant setting that outlives its transaction":
        r"set_config\(\s*'attune\.[^)]*,\s*false\s*\)|SET\s+(?:SESSION\s+)?attune\.",
    "a query past the scoped manager":
        r"\b_base_manager\b|\bmodels\.QuerySet\(|(?<!cursor)\.raw\(|\.extra\(",
    "a tenant filter of its own": r"\.(?:filter|exclude|get)\([^)]*\btenant(?:_id)?\s*=",
    "asynchronous ORM, which leaves the transaction":
        r"\.(?:aget|acreate|aupdate|adelete|acount|aexists|afirst|alast|aiterator|asave)\(",
    "a role change": r"\b(?:SET|RESET)\s+(?:LOCAL\s+)?ROLE\b|SET\s+SESSION\s+AUTHORIZATION",
    "row security switched off": r"row_security\s*(?:=|TO)\s*'?off|DISABLE ROW LEVEL SECURITY",
}  # fmt: skip


def findings(text: str) -> list[str]:
    """Every rule that the text breaks."""
    return [title for title, pattern in FORBIDDEN.items() if re.search(pattern, text)]


def sources() -> Iterator[tuple[str, str]]:
    """Path and text of every module of the house that is not a migration."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if "node_modules" in path.parts or "migrations" in path.parts or name in SCOPE:
                continue
            yield name, path.read_text()
