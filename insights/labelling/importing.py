"""Labels that people gave in Label Studio come back: its JSON export, matched to our tasks.

A task is known by `data.document_id`, as our own export wrote it. Who labelled is known by the
e-mail of `completed_by`, or by what the form says of its number ("7 = ann@shop.example").
"""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from attune.kernel import audit, live
from attune.kernel.errors import Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.storable import as_uuid
from attune.kernel.tenancy import current_tenant
from insights.labelling import services
from insights.labelling.models import Annotation, LabelTask
from insights.reading.models import Reading
from tenants.models import Membership, User

MOST_BYTES, MOST_TASKS = 20_000_000, 20_000


@dataclass(slots=True)
class Receipt:
    """What came of a file: labels taken, labels that stood here already, why others were not."""

    taken: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        return self.refused.most_common(50)


@dataclass(frozen=True, slots=True)
class _Label:
    who: str  # an e-mail, or the number of an annotator
    feeling: str
    seconds: float


def take(*, raw: bytes, people: dict[str, str], now: datetime) -> Receipt:
    """Take the labels of a file. Sending it again changes nothing. Raises Invalid where it is no
    export of Label Studio."""
    entries = _parsed(raw)
    receipt = Receipt()
    by_document: dict[uuid.UUID, list[_Label]] = defaultdict(list)
    for entry in entries:
        document, labels = _task(entry, receipt)
        if document is not None:
            by_document[document] += labels
    members = {
        m.user.email.lower(): m.user for m in Membership.objects.select_related("user").all()
    }
    people = {number.lower(): email.lower() for number, email in people.items()}
    with transaction.atomic():
        rows = LabelTask.objects.select_for_update().filter(document_id__in=by_document)
        tasks = {task.document_id: task for task in rows.order_by("id")}
        for document, labels in by_document.items():
            task = tasks.get(document)
            if task is None:
                _refuse(receipt, say("The text was never drawn to be labelled here."), len(labels))
            else:
                _label(task, labels, members, people, receipt, now)
        if receipt.taken:
            audit.record("insights.take_labels", None, labels=receipt.taken)
    live.push(current_tenant(), "labels")
    return receipt


def _parsed(raw: bytes) -> list[Any]:
    told = say("Send the JSON that Label Studio exports, with annotations.")
    if len(raw) > MOST_BYTES:
        raise Invalid.one("file", say("Send a file of at most 20 MB."))
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as wrong:
        raise Invalid.one("file", told) from wrong
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise Invalid.one("file", told)
    if len(found) > MOST_TASKS:
        raise Invalid.one("file", say("Send at most %(most)s texts at once.", most=MOST_TASKS))
    return found


def _refuse(receipt: Receipt, why: Phrase, n: int = 1) -> None:
    if n:
        receipt.refused[str(why)] += n


def _task(entry: Any, receipt: Receipt) -> tuple[uuid.UUID | None, list[_Label]]:
    data = entry.get("data") if isinstance(entry, dict) else None
    document = as_uuid(str(data.get("document_id", ""))) if isinstance(data, dict) else None
    if document is None:
        _refuse(receipt, say("It does not say of which text it is (data.document_id)."))
        return None, []
    labels = []
    given = entry.get("annotations")
    for annotation in given if isinstance(given, list) else []:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue  # who skipped a text said nothing of it
        feeling = _choice(annotation.get("result"))
        if feeling is None:
            _refuse(receipt, say("Its choice is none of our feelings."))
            continue
        who, seconds = annotation.get("completed_by"), annotation.get("lead_time")
        who = who.get("email") or who.get("id") if isinstance(who, dict) else who
        took = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 0.0
        labels.append(_Label(str(who).lower(), feeling, min(took, services.MOST_SECONDS)))
    return document, labels


def _choice(results: Any) -> str | None:
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        choices = value.get("choices") if isinstance(value, dict) else None
        if isinstance(choices, list) and len(choices) == 1:
            feeling = str(choices[0]).strip().lower()
            return feeling if feeling in Reading.Feeling.values else None
    return None


def _label(
    task: LabelTask, labels: list[_Label], members: dict[str, User], people: dict[str, str],
    receipt: Receipt, now: datetime,
) -> None:  # fmt: skip
    said = {a.user_id: a.feeling for a in task.annotations.all()}
    for label in labels:
        user = members.get(people.get(label.who, label.who))
        if user is None:
            told = say("Annotator %(who)s is nobody of this workspace.", who=label.who[:100])
            _refuse(receipt, told)
        elif user.pk in said:
            receipt.known += 1
        elif task.state != LabelTask.State.OPEN:
            _refuse(receipt, say("Two people labelled the text already."))
        else:
            Annotation.objects.create(
                task=task, user=user, feeling=label.feeling, seconds=label.seconds
            )
            said[user.pk] = label.feeling
            receipt.taken += 1
            if len(said) >= services.PEOPLE:
                services.close(task, list(said.values()), now)
