"""What tests of campaigns share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.campaigns.partners import Partner


@pytest.fixture
def partner() -> Iterator[Partner]:
    server = Partner()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
