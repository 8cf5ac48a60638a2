"""The API called for ten minutes with whatever its own schema allows, and a little more: no server
error, and every operation reached. One key with every scope; rows that fit exist for no call but
those that the calls before made."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks import bench
from tenants.roles import PERMISSIONS
from tests import make

SECONDS = float(os.environ.get("FUZZ_SECONDS", "600"))
EXAMPLES = 10
SHUT = {401, 403, 405, 429}  # answers that came before the view


class Caller:
    """Calls operations and counts what they answered."""

    def __init__(self, secret: str) -> None:
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.answers: Counter[tuple[str, int]] = Counter()
        self.broken: dict[str, str] = {}

    def attack(self, operation: Any, number: int) -> None:
        @seed(number)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            response = case.call(headers=self.headers)
            self.answers[operation.label, response.status_code] += 1
            told = response.status_code == 503 and b"urn:attune:no_model" in response.content
            if response.status_code >= 500 and not told:
                self.broken.setdefault(operation.label, case.as_curl_command()[:500])

        attempt()

    def reached(self) -> set[str]:
        return {label for (label, status), n in self.answers.items() if status not in SHUT}


def main() -> None:
    application = get_wsgi_application()
    caller = Caller(make.key(make.workspace("fuzz"), *PERMISSIONS))
    schema = schemathesis.openapi.from_wsgi("/docs/api/schema?format=json", application)
    operations = [result.ok() for result in schema.get_all_operations()]
    begun = time.monotonic()
    for turn in itertools.count():
        for number, operation in enumerate(operations):
            if time.monotonic() - begun > SECONDS and turn:
                break
            caller.attack(operation, turn * len(operations) + number)
        if time.monotonic() - begun > SECONDS:
            break
    calls, reached = caller.answers.total(), caller.reached()
    bench.write("schemathesis", [
        bench.row("schemathesis.server_errors", len(caller.broken), "operations", goal=0, n=calls),
        bench.row("schemathesis.operations_reached", len(reached), "operations",
                  goal=len(operations), n=len(operations)),
        bench.row("schemathesis.accepted", sum(
            n for (_, status), n in caller.answers.items() if 200 <= status < 300
        ), "calls", n=calls),
    ], command="make prove")  # fmt: skip
    for label, curl in caller.broken.items():
        print(label, curl, sep="\n  ")
    print("not reached:", sorted({o.label for o in operations} - reached))
    assert not caller.broken


if __name__ == "__main__":
    main()
