"""How policies and ramps move."""

from __future__ import annotations

from attune.kernel.states import Machine

CONTROL, INCUMBENT, CANDIDATE = "control", "incumbent", "candidate"  # whose choice a person gets

POLICY = Machine(
    "policy",
    {
        ("draft", "start"): "running",
        ("running", "kill"): "paused",
        ("paused", "resume"): "running",
        ("draft", "retire"): "retired",
        ("running", "retire"): "retired",
        ("paused", "retire"): "retired",
    },
)
RAMP = Machine(
    "ramp",
    {
        ("pending", "begin"): "running",
        ("running", "hold"): "ready",  # the next step waits for a person
        ("ready", "approve"): "running",
        ("running", "pause"): "paused",
        ("ready", "pause"): "paused",
        ("paused", "resume"): "running",
        ("running", "complete"): "completed",
        ("pending", "roll_back"): "rolled_back",
        ("ready", "roll_back"): "rolled_back",
        ("running", "roll_back"): "rolled_back",
        ("paused", "roll_back"): "rolled_back",
    },
)
