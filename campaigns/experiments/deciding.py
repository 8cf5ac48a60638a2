"""What one decision over HTTP needs: who it is, and what the arm shows."""

from __future__ import annotations

from uuid import UUID

from attune.kernel.errors import Invalid, NotFound
from campaigns.contacts import recording
from campaigns.experiments.models import Arm, Experiment


def contact_of(user_id: str, anonymous_id: str) -> UUID:
    """The contact of an identity; an unknown one is made, as an event would."""
    if not user_id and not anonymous_id:
        raise Invalid.one("userId", "Give userId or anonymousId.")
    return recording.contact_id(user_id=user_id, anonymous_id=anonymous_id)


def arm_of(experiment: Experiment, key: str) -> Arm:
    arm = (
        Arm.objects.select_related("revision", "revision__asset")
        .filter(experiment=experiment, key=key)
        .first()
    )
    if arm is None:
        raise NotFound(f"The experiment has no arm “{key}” any more.")
    return arm
