"""Which request, workspace and job a line of the log belongs to."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from attune.kernel import tenancy

_request: ContextVar[str] = ContextVar("attune_request", default="")
_job: ContextVar[str] = ContextVar("attune_job", default="")
SOUND = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id() -> str:
    """The id of the request that is answered; a new one outside of any."""
    return _request.get() or new_id()


def new_id() -> str:
    return uuid.uuid4().hex[:12]


@contextmanager
def tracing(*, request: str = "", job: str = "") -> Iterator[None]:
    """Whatever is logged inside names this request or job."""
    before = _request.set(request or _request.get()), _job.set(job or _job.get())
    try:
        yield
    finally:
        _request.reset(before[0])
        _job.reset(before[1])


class Ids(logging.Filter):
    """Adds `request`, `tenant` and `job` to each line, empty where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request = _request.get()
        record.job = _job.get()
        tenant = tenancy.open_tenant()
        record.tenant = "" if tenant is None else str(tenant)
        return True
