#!/usr/bin/env python
"""Attune's command line."""

import importlib
import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attune.settings.dev")
    importlib.import_module("attune.celery")  # jobs enqueued by commands wake the same broker
    execute_from_command_line(sys.argv)
