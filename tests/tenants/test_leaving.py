"""A workspace is copied whole, erased whole, and put back the same."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import AuditEntry
from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Contact
from campaigns.content import services as content
from campaigns.content.models import Revision
from tenants import leaving, portable
from tenants.models import Membership, Tenant, User, WorkspaceCopy
from tests import make
from tests.guards.heard import heard
from tests.guards.steered import steered
from tests.guards.walked import walked
from workers import runner


def sums(place: make.Place) -> dict[str, tuple[int, str]]:
    with tenant_context(place.id), connection.cursor() as cursor:
        return {m._meta.db_table: portable.checksum(cursor, m, place.id)
                for m in portable.tables()}  # fmt: skip


@pytest.fixture
def whole(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, settings: object
) -> Iterator[make.Place]:
    """A workspace with a row of nearly everything, committed: another connection must see it."""
    settings.TENANT_CONTEXT_MAY_NEST = False
    with django_db_blocker.unblock():
        place = make.workspace("moves")
        with tenant_context(place.id):
            make.contact("ada", name="Ada")
            heard()
            steered()
            walked()
            text = make.draft(author_id=place.owner.pk)
            content.request_variants(brief=text.asset.brief, wanted=1, author_id=None)  # with a job
        yield place
        connections["owner"].close()


def copied(place: make.Place) -> WorkspaceCopy:
    with tenant_context(place.id):
        row = leaving.ask_copy(by_id=place.owner.pk)
    assert runner.run_job(place.id, row.job_id) == "done"
    with tenant_context(place.id):
        row.refresh_from_db()
    return row


def test_a_workspace_that_was_erased_comes_back_row_by_row_the_same(whole, tmp_path):
    row, before = copied(whole), sums(whole)
    path = tmp_path / "copy.zip"
    path.write_bytes(row.file.read())
    told = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    filled = {table for table, (n, _) in told["tables"].items() if n}
    assert len(filled) > 60
    other = make.workspace("stays")
    with tenant_context(other.id):
        make.contact("bob")
    stays = sums(other)
    with pytest.raises(CommandError, match="is there already"):
        call_command("restore_workspace", str(path))
    with tenant_context(whole.id):
        with pytest.raises(Invalid, match="Type the workspace"):
            leaving.ask_erasing(typed="something")
        leaving.ask_erasing(typed=whole.slug)
        assert leaving.erase_if_due(timezone.now()) is False
        Tenant.objects.filter(pk=whole.id).update(erase_at=timezone.now() - timedelta(seconds=1))
    with tenant_context(whole.id):
        assert leaving.erase_if_due(timezone.now()) is True
    assert {n for n, _ in sums(whole).values()} == {0}
    assert sums(other) == stays
    call_command("restore_workspace", str(path))
    after = sums(whole)
    assert {t: v for t, v in after.items() if v != before[t]} == {
        t: after[t] for t in ("audit_entry", "tenants_notice") if after[t] != before[t]
    }
    assert sums(other) == stays
    with tenant_context(whole.id):
        assert Contact.objects.get(external_id="ada").name == "Ada"
        assert Tenant.objects.get(pk=whole.id).erase_at is None
        make.record(make.track("ada", "Viewed"))  # it lives
    assert not default_storage.exists(row.file.name)
    newer = make.workspace("newer")
    assert newer.id > whole.id


def test_in_another_attune_people_have_other_numbers_and_stay_who_they_are(whole, tmp_path):
    row = copied(whole)
    path = tmp_path / "copy.zip"
    path.write_bytes(row.file.read())
    mail, before = whole.owner.email, whole.owner.pk
    with tenant_context(whole.id):
        Tenant.objects.filter(pk=whole.id).update(erase_at=timezone.now())
    with tenant_context(whole.id):
        leaving.erase_if_due(timezone.now())
    User.objects.filter(pk=before).update(email=f"somebody-else-{before}@example.com")
    call_command("restore_workspace", str(path))
    now = User.objects.get(email=mail)
    assert now.pk != before
    with tenant_context(whole.id):
        assert Membership.objects.get(role="owner").user == now
        assert now.pk in Revision.objects.values_list("author_id", flat=True)
        assert before not in Revision.objects.values_list("author_id", flat=True)
        assert not AuditEntry.objects.filter(actor_kind="user", actor_id=str(before)).exists()


def test_a_copy_that_was_changed_or_is_none_is_refused_and_nothing_is_left(whole, tmp_path):
    row = copied(whole)
    content = row.file.read()
    with tenant_context(whole.id):
        Tenant.objects.filter(pk=whole.id).update(erase_at=timezone.now())
    with tenant_context(whole.id):
        leaving.erase_if_due(timezone.now())
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "rows/contact.jsonl":
                data = data.replace(b"Ada", b"Eve")
            new.writestr(name, data)
    with pytest.raises(CommandError, match="not what was copied: contact"):
        call_command("restore_workspace", str(path))
    assert {n for n, _ in sums(whole).values()} == {0}
    path.write_text("hello")
    with pytest.raises(CommandError, match="no copy of a workspace"):
        call_command("restore_workspace", str(path))


def test_only_an_owner_takes_it_away_and_may_take_that_back(tenant):
    client = Client()
    place = f"/w/{tenant.slug}/settings/leave"
    client.force_login(make.member(tenant, "admin"))
    assert client.get(place).status_code == 403
    client.force_login(tenant.owner)
    assert client.post(place, {"verb": "erase", "typed": "x"}).status_code == 422
    client.post(place, {"verb": "erase", "typed": tenant.slug})
    assert Tenant.objects.get(pk=tenant.id).erase_at is not None
    client.post(place, {"verb": "keep"})
    assert Tenant.objects.get(pk=tenant.id).erase_at is None
    with pytest.raises(Conflict):
        leaving.take_back()
    client.post(place, {"verb": "copy"})
    make.run_jobs()
    row = WorkspaceCopy.objects.get()
    answer = client.get(f"/w/{tenant.slug}/settings/copies/{row.pk}")
    names = zipfile.ZipFile(io.BytesIO(make.body(answer))).namelist()
    assert "manifest.json" in names
    client.force_login(make.member(tenant, "admin"))
    assert client.get(f"/w/{tenant.slug}/settings/copies/{row.pk}").status_code == 403
    leaving.forget_copies(timezone.now() + timedelta(days=8))
    assert not WorkspaceCopy.objects.exists()
    assert not Path(row.file.path).exists()
