"""What runs by the clock. Read by attune.celery."""

BEAT: dict[str, dict[str, object]] = {
    "sweep": {"task": "attune.sweep", "schedule": 2.0, "options": {"expires": 2}},
    "look": {"task": "attune.look", "schedule": 15.0, "options": {"expires": 15}},
    "steer": {"task": "attune.steer", "schedule": 300.0, "options": {"expires": 300}},
    "visit": {"task": "attune.visit", "schedule": 30.0, "options": {"expires": 30}},
    "gather": {"task": "attune.gather", "schedule": 30.0, "options": {"expires": 30}},
    "tidy": {"task": "attune.tidy", "schedule": 600.0, "options": {"expires": 600}},
    "age-segments": {"task": "attune.age_segments", "schedule": 900.0, "options": {"expires": 900}},
}
