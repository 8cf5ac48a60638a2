"""What tells of a person in tables that do not know them by a key: by their names in what was
refused, told to partners, imported, put on a list, or written in their words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from campaigns.contacts.models import Contact, ContactImport, Identity, ImportProblem, RejectedEvent
from campaigns.content.models import Revision
from campaigns.delivery import suppression
from campaigns.delivery.models import Suppression
from campaigns.hooks.models import WebhookDelivery
from campaigns.tuning import services as tuning
from chat.conversations.models import Conversation, Visitor
from insights.privacy.tables import ERASED

FILES_KEPT = timedelta(days=30)  # the file of an import that is through


@dataclass(frozen=True, slots=True)
class Names:
    """Everything by which others call a person; read before any of it is erased."""

    people: list[UUID]
    users: set[str]
    visitors: set[str]
    emails: set[str]
    things: list[UUID]  # their conversations, as what was done with them names those

    @property
    def all(self) -> set[str]:
        return self.users | self.visitors | self.emails


def names_of(rows: Iterable[Contact]) -> Names:
    contacts = list(rows)
    people = [row.pk for row in contacts]
    known = Identity.objects.filter(contact_id__in=people).values_list("kind", "value")
    users = {value for kind, value in known if kind == Identity.Kind.USER}
    talks = Conversation.objects.filter(
        Q(contact_id__in=people) | Q(visitor__contact_id__in=people)
    )
    seen = Visitor.objects.filter(contact_id__in=people)
    return Names(
        people, users | {row.external_id for row in contacts if row.external_id},
        {value for kind, value in known if kind == Identity.Kind.ANONYMOUS},
        {row.email for row in contacts if row.email},
        [*talks.values_list("pk", flat=True), *seen.values_list("pk", flat=True)],
    )  # fmt: skip


def forget(names: Names, rows: Iterable[Contact]) -> dict[str, int]:
    """{table: rows} of what was taken away."""
    for contact in rows:
        tuning.forget_contact(contact=contact)
    hashes = [suppression.address_hash(one) for one in names.emails]
    written = Revision.objects.filter(run__contact_id__in=names.people)
    return {
        "content.Revision": written.update(components=ERASED, repaired={}, hash="erased"),
        "contacts.RejectedEvent": _refused(names),
        "contacts.ImportProblem": _imported(names.all),
        "hooks.WebhookDelivery": _told(names),
        "delivery.Suppression": Suppression.objects.filter(address_hash__in=hashes)
        .exclude(hint="").update(hint=""),
    }  # fmt: skip


def _refused(names: Names) -> int:
    """Events that were never accepted and name the person."""
    asked = Q(pk=None)
    for place in ("userId", "anonymousId", "previousId"):
        asked |= Q(**{f"raw__{place}__in": sorted(names.users | names.visitors)})
    for place in ("traits", "properties"):
        asked |= Q(**{f"raw__{place}__email__in": sorted(names.emails)})
    return int(RejectedEvent.objects.filter(asked).delete()[0])


def _imported(names: Collection[str]) -> int:
    asked = Q(pk=None)
    for name in names:
        asked |= Q(raw__contains=name)
    return ImportProblem.objects.filter(asked).update(raw="[erased]")


def _told(names: Names) -> int:
    """What was sent to endpoints, or still is to be, goes with the person."""
    asked = Q(payload__data__object__id__in=[str(one) for one in (*names.people, *names.things)])
    asked |= Q(payload__data__userId__in=sorted(names.users))
    asked |= Q(payload__data__anonymousId__in=sorted(names.visitors))
    return int(WebhookDelivery.objects.filter(asked).delete()[0])


def drop_files(now: datetime) -> int:
    """Files of imports that were through a month ago; their counts stay."""
    done = ContactImport.objects.filter(
        state=ContactImport.State.FINISHED, created_at__lt=now - FILES_KEPT
    ).exclude(file="")
    n = 0
    for of in done.order_by("pk")[:500]:
        file = of.file
        ContactImport.objects.filter(pk=of.pk).update(file="", sample=[])
        ImportProblem.objects.filter(of=of).update(raw="")
        transaction.on_commit(partial(file.storage.delete, file.name))
        n += 1
    return n
