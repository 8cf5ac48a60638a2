"""Uploaded files in a bucket, as on many machines: what one process took, another reads, and what
is forgotten is gone from there."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse
from moto.server import ThreadedMotoServer

from attune.embedded import servers
from attune.settings import base
from campaigns.contacts import importing
from campaigns.contacts.models import Contact
from tenants import branding, leaving, portable
from tenants.models import Tenant, WorkspaceCopy
from tests import make
from tests.tenants.test_usage import picture

BUCKET = "attune-files"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, with an empty bucket; its address."""
    port = servers.free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The house keeps its files in the bucket; a client of the bucket itself."""
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    kept = {**base.STORAGES, "default": base.bucket(BUCKET, s3, "us-east-1")}
    with override_settings(STORAGES=kept):
        yield client
    for name in names(client):
        client.delete_object(Bucket=BUCKET, Key=name)


def names(client: object) -> list[str]:
    return [o["Key"] for o in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_file_that_the_web_took_is_imported_by_a_worker(bucket, tenant):
    rows = "".join(f"u{n},p{n}@example.com\n" for n in range(2500))
    file = SimpleUploadedFile("people.csv", f"id,email\n{rows}".encode())
    row = importing.upload(file=file)
    assert names(bucket) == [row.file.name]
    importing.start(of=row, mapping={"id": "userId", "email": "trait:email"}, dry_run=False)
    make.run_jobs()
    assert Contact.objects.count() == 2500


def test_a_picture_is_served_from_the_bucket_and_the_old_one_goes(
    bucket, tenant, settings, django_capture_on_commit_callbacks
):
    row = Tenant.objects.get(pk=tenant.id)
    for colour in ("#112233", "#445566"):
        with django_capture_on_commit_callbacks(execute=True):
            branding.save(tenant=row, colour=colour, url="",
                          logo=SimpleUploadedFile("l.png", picture()))  # fmt: skip
    assert names(bucket) == [row.brand_logo.name]
    url = branding.brand_of(row).logo_url.removeprefix(settings.PUBLIC_URL)
    assert Client().get(url)["Content-Type"] == "image/png"


def test_a_copy_of_the_workspace_is_written_taken_and_forgotten_there(
    bucket, tenant, django_capture_on_commit_callbacks
):
    make.contact("ada", name="Ada")
    branding.save(tenant=Tenant.objects.get(pk=tenant.id), colour="", url="",
                  logo=SimpleUploadedFile("l.png", picture()))  # fmt: skip
    copy = WorkspaceCopy.objects.create(asked_by=tenant.owner.pk)
    leaving.make_copy(copy)
    browser = Client()
    browser.force_login(tenant.owner)
    answer = browser.get(reverse("workspace:copy", args=[tenant.slug, copy.pk]))
    whole, told = portable.read(io.BytesIO(make.body(answer)))
    logo = Tenant.objects.get(pk=tenant.id).brand_logo.name
    assert f"files/{logo}" in whole.namelist()
    assert told["tables"]["contact"][0] == 1
    with django_capture_on_commit_callbacks(execute=True):
        portable.forget_files()
    assert names(bucket) == []


def test_two_files_of_one_name_do_not_meet(bucket, tenant):
    first = default_storage.save("imports/a.csv", ContentFile(b"one"))
    second = default_storage.save("imports/a.csv", ContentFile(b"two"))
    assert first != second
    with default_storage.open(first) as file:
        assert file.read() == b"one"
