"""Files of customers: broken rows are listed, a run resumes where it stopped, nobody twice."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attune.kernel import jobs
from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from campaigns.contacts import importing
from campaigns.contacts.models import Contact, ContactImport, Event, ImportProblem
from tests import make


def load(content: bytes, name: str = "people.csv") -> ContactImport:
    return importing.upload(file=SimpleUploadedFile(name, content))


MAPPING = {"id": "userId", "email": "email", "plan": "trait:plan"}
GOOD = b"id,email,plan\n1,a@x.example,pro\n2,b@x.example,free\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [("people.xlsx", GOOD), ("people.csv", b""), ("people.csv", b"id,email\n"),
     ("people.jsonl", b"not json\n")],
)  # fmt: skip
def test_a_file_that_is_no_list_is_refused_at_once(tenant, name, content):
    with pytest.raises(Invalid):
        load(content, name)
    assert not ContactImport.objects.exists()


def test_dry_run_writes_nobody_and_lists_every_problem(tenant):
    of = load(GOOD + b"3,c@x.example\n,d@x.example,pro\n")
    importing.start(of=of, mapping=MAPPING, dry_run=True)
    make.run_jobs()
    of.refresh_from_db()
    assert (of.state, of.accepted, of.rejected) == ("checked", 2, 2)
    assert list(ImportProblem.objects.order_by("line").values_list("line", "field")) == [
        (4, "row"), (5, "userId"),
    ]  # fmt: skip
    assert not Contact.objects.exists()


def test_run_takes_good_rows_and_offers_the_rest_as_a_file(tenant):
    of = load(GOOD + b"3,c@x.example\n")
    importing.start(of=of, mapping=MAPPING, dry_run=False)
    make.run_jobs()
    of.refresh_from_db()
    assert (of.state, of.rows, of.accepted, of.rejected) == ("finished", 3, 2, 1)
    assert set(Contact.objects.values_list("external_id", "email")) == {
        ("1", "a@x.example"), ("2", "b@x.example"),
    }  # fmt: skip
    text = importing.problems_csv(of)
    assert text.splitlines()[1].startswith("4,row,")
    with pytest.raises(Conflict):
        importing.start(of=of, mapping=MAPPING, dry_run=False)


def test_a_run_that_stopped_goes_on_and_counts_nobody_twice(tenant, monkeypatch):
    rows = b"".join(b"%d,u%d@x.example,pro\n" % (n, n) for n in range(25))
    monkeypatch.setattr(importing, "BATCH", 10)
    of = load(b"id,email,plan\n" + rows)
    importing.start(of=of, mapping=MAPPING, dry_run=False)
    real, calls = importing.take_batch, []

    def fails_once(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the worker lost its disk")
        return real(*arguments, **options)

    monkeypatch.setattr(importing, "take_batch", fails_once)
    with pytest.raises(AssertionError, match="lost its disk"):
        make.run_jobs()
    of.refresh_from_db()
    assert of.next_row == 10
    JobRow.objects.filter(kind="contacts.run_import").update(run_at="2020-01-01T00:00Z")
    make.run_jobs()
    of.refresh_from_db()
    assert (of.state, of.accepted) == ("finished", 25)
    assert Contact.objects.count() == 25
    assert Event.objects.count() == 25


@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,Zoë\n".encode("cp1252"),
        "id,name\n1,Zoë\n".encode("utf-16"),
        "\ufeffid;name\n1;Zoë\n".encode(),
    ],
)
def test_encodings_and_delimiters_of_spreadsheets_are_read(tenant, content):
    of = load(content)
    importing.start(of=of, mapping={"id": "userId", "name": "name"}, dry_run=False)
    make.run_jobs()
    assert Contact.objects.get().name == "Zoë"


def test_jsonl_is_taken(tenant):
    of = load(b'{"id": "7", "plan": "pro", "n": 3}\n{broken\n[1]\n', "people.jsonl")
    importing.start(
        of=of, mapping={"id": "userId", "plan": "trait:plan", "n": "trait:n"}, dry_run=False
    )
    make.run_jobs()
    assert Contact.objects.get().traits == {"plan": "pro", "n": 3}
    assert ImportProblem.objects.count() == 2


def test_a_mapping_without_an_identity_is_refused(tenant):
    of = load(GOOD)
    with pytest.raises(Invalid, match="identifies the customer"):
        importing.start(of=of, mapping={"email": "email"}, dry_run=False)
    of.refresh_from_db()
    assert of.state == "uploaded"


def test_a_cancelled_import_is_taken_up_where_it_stopped(tenant, monkeypatch):
    rows = b"".join(b"%d,u%d@x.example,pro\n" % (n, n) for n in range(25))
    monkeypatch.setattr(importing, "BATCH", 10)
    of = load(b"id,email,plan\n" + rows)
    importing.start(of=of, mapping=MAPPING, dry_run=False)
    with pytest.raises(Conflict):
        importing.resume(of=of)
    real, read = importing.take_batch, []

    def cancelled_after_one(run, batch, **options):
        read.append([row.cells["id"] for row in batch])
        done = real(run, batch, **options)
        if len(read) == 1:
            jobs.cancel(of.job)
        return done

    monkeypatch.setattr(importing, "take_batch", cancelled_after_one)
    with pytest.raises(AssertionError, match="superseded"):
        make.run_jobs()
    of.refresh_from_db()
    assert (of.state, of.next_row) == ("running", 10)
    importing.resume(of=of)
    make.run_jobs()
    of.refresh_from_db()
    assert (of.state, of.accepted) == ("finished", 25)
    assert [batch[0] for batch in read] == ["0", "10", "20"]


def test_a_run_after_a_dry_run_counts_each_row_once(tenant):
    of = load(b"id,email\n1,a@x.example\n2,no-address\n3,c@x.example,more\n")
    mapping = {"id": "userId", "email": "email"}
    for dry_run in (True, False):
        importing.start(of=of, mapping=mapping, dry_run=dry_run)
        make.run_jobs()
        of.refresh_from_db()
        assert (of.rows, of.accepted, of.rejected) == (3, 1, 2)
    found = ImportProblem.objects.order_by("line").values_list("field", "reason", "dry")
    assert list(found) == [
        ("email", "'no-address' is not an e-mail address.", False),
        ("row", "The row has 3 cells, the header has 2.", False),
    ]


def test_the_page_runs_what_its_own_buttons_say_and_nothing_else(tenant):
    of = load(GOOD)
    client = Client()
    client.force_login(tenant.owner)
    url = f"/w/{tenant.slug}/audience/imports/{of.pk}"
    page = client.get(url).content.decode()
    verbs = dict(re.findall(r'name="verb" value="(\w+)"[^>]*>\s*([\w ]+?)\s*<', page))
    assert {"Dry run", "Import"} <= set(verbs.values())
    named = {text: verb for verb, text in verbs.items()}
    mapping = {f"map:{column}": target for column, target in MAPPING.items()}
    assert (
        "Choose check, run or resume."
        in client.post(url, {**mapping, "verb": "junk"}).content.decode()
    )
    for text, state, people in (("Dry run", "checked", 0), ("Import", "finished", 2)):
        assert client.post(url, {**mapping, "verb": named[text]}).status_code == 302
        make.run_jobs()
        of.refresh_from_db()
        assert (of.state, Contact.objects.count()) == (state, people)
