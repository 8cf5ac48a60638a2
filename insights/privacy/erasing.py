"""Erase a person: in one transaction, everywhere, and say how many rows of what that was."""

from __future__ import annotations

from uuid import UUID

from django.apps import apps
from django.db import connection, models

from attune.kernel import audit
from attune.kernel.errors import Conflict
from attune.kernel.models import TenantModel
from attune.kernel.phrases import say
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.delivery.models import Bounce, Send
from campaigns.segments import services as segments
from insights.privacy import traces
from insights.privacy.tables import WAYS, Forget, Keep, Strip

LATE = ("contacts.Identity", "contacts.IdentityMerge")  # until then others find the person by them


def fields_of() -> list[tuple[type[models.Model], str]]:
    """Every field by which a table knows a contact."""
    return [
        (model, f.name)
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        for f in model._meta.local_fields
        if isinstance(f, TenantForeignKey) and f.related_model is Contact
    ]


def erase(contact: Contact) -> dict[str, int]:
    """Take away who this person is, also as the visitors they were; {table: rows}."""
    people = contacts.same_person(contact.pk)
    rows = Contact.objects.select_for_update().filter(pk__in=people)
    if any(row.status == Contact.Status.ERASED for row in rows):
        raise Conflict(say("This person was erased already."))
    names = traces.names_of(rows)
    Send.objects.filter(contact_id__in=people, state=Send.State.PENDING).update(
        state=Send.State.ABORTED, reason=say("The person was erased.")
    )
    Bounce.objects.filter(send__contact_id__in=people).update(hint="", detail="", send=None)
    found = traces.forget(names, rows)
    for model, name in sorted(fields_of(), key=lambda pair: pair[0]._meta.label in LATE):
        found[model._meta.label] = found.get(model._meta.label, 0) + _apply(model, name, people)
    _forget("attune_forget_audit", [*people, *names.things])
    Contact.objects.filter(pk__in=people).update(
        external_id="", email="", phone="", name="", locale="", timezone="", traits={},
        status=Contact.Status.ERASED,
    )  # fmt: skip
    segments.refresh_contacts(people)
    counts = {table: n for table, n in sorted(found.items()) if n}
    audit.record("privacy.erase", None, contact=str(contact.pk), rows=counts)
    return counts


def _apply(model: type[models.Model], name: str, people: list[UUID]) -> int:
    way = WAYS[model._meta.label]
    rows = model._default_manager.filter(**{f"{name}__in": people})
    if isinstance(way, Keep):
        return 0
    if isinstance(way, Forget):
        return _forget(way.function, people)
    if isinstance(way, Strip):
        return int(rows.update(**way.values))
    n = rows.count()
    rows.delete()
    return n


def _forget(function: str, people: list[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s::uuid[])", [people])
        return int(cursor.fetchone()[0])
