"""Letters that ask to confirm a subscription."""

from __future__ import annotations

from campaigns.contacts import selectors as contacts
from campaigns.subscriptions import services
from campaigns.subscriptions.jobs import ASK_TO_CONFIRM, AskToConfirm
from workers.runner import Run, handles


@handles(ASK_TO_CONFIRM)
def ask_to_confirm(payload: AskToConfirm, run: Run) -> None:
    """Write the letter and hand it over; a mail server that is away makes the job try again."""
    with run.unit():
        letter = services.ask_to_confirm(contacts.contact(payload.contact_id), payload.topics)
    if letter is not None:
        letter.send()
