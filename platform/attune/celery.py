"""The Celery application. Its messages are hints; the job table is the truth (docs/adr/0003)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attune.settings.dev")

from celery import Celery
from django.conf import settings

from workers.schedule import BEAT

app = Celery("attune", include=["workers.tasks"])
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_publish_retry=False,
    task_time_limit=3600,  # a body that hangs is killed; its lease runs out, another takes it
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_hijack_root_logger=False,
    task_default_queue="light",
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    broker_transport_options={
        "visibility_timeout": 600,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "health_check_interval": 30,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    },
    beat_schedule=BEAT,
    beat_schedule_filename=str(settings.VAR / "beat-schedule"),
)
app.set_default()
