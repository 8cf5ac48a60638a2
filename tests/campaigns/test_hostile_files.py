"""Files that are broken in ways that lose people silently: each loss is told, with its lines."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.contacts import importing, imports
from campaigns.contacts.models import Contact, ContactImport
from tests import make


def run(content: bytes, name: str = "people.csv", **mapping: str) -> ContactImport:
    of = importing.upload(file=SimpleUploadedFile(name, content))
    importing.start(of=of, mapping={**of.mapping, **mapping}, dry_run=False)
    make.run_jobs()
    of.refresh_from_db()
    return of


def test_a_quote_that_is_never_closed_is_told_with_the_lines_it_swallowed(tenant):
    lines = [f"q{n},gold" for n in range(1, 200)]
    lines[3] = 'q4,"gold'
    of = run(b"id,plan\n" + "\n".join(lines).encode() + b"\n")
    assert (of.accepted, of.rejected) == (3, 1)
    problem = of.problems.get()
    assert problem.reason == (
        "Lines 5 to 200 were not taken, they cannot be read as CSV: unexpected end of data. "
        "Look at the quotes."
    )


def test_a_stray_quote_costs_its_own_line_alone(tenant):
    of = run(b'id,plan\na,"go"ld\nb,free\n')
    assert (of.accepted, of.rejected) == (1, 1)
    assert of.problems.get().reason.startswith("Line 2 was not taken")
    assert Contact.objects.get().external_id == "b"


def test_columns_of_one_name_keep_their_values(tenant):
    of = run(b"id,plan,plan,\n1,gold,,x\n")
    assert of.columns == ["id", "plan", "plan (2)", "column 4"]
    assert Contact.objects.get().traits == {"plan": "gold", "column 4": "x"}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024_01", "2024_01"), ("1E5", "1E5"), ("+4912345", "+4912345"), ("٣٤", "٣٤"),
        ("-3", -3), ("-3.50", -3.5), ("0", 0), ("0.5", 0.5), ("00", "00"), (".5", ".5"),
        ("9" * 16, "9" * 16),
    ],
)  # fmt: skip
def test_only_what_is_clearly_a_number_becomes_one(cell, value):
    assert imports.typed(cell) == value
    assert type(imports.typed(cell)) is type(value)


def test_nul_in_a_file_is_refused_line_by_line(tenant):
    content = b'{"id": "1", "a": "x\\u0000"}\n{"id": "2", "b\\u0000": "x"}\n{"id": "3"}\n'
    of = run(content, "people.jsonl")
    assert (of.accepted, of.rejected) == (1, 2)
    assert {p.reason for p in of.problems.all()} == {"Text must not contain the NUL character."}
    assert run(b"id,pl\x00an\n7,gold\n").columns == ["id", "plan"]
