"""Parsing: every fault is shown with its line and what would be right, and never ends in another exception."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.agreement import vocabulary
from verifier.agreement.errors import AgreementDocumentError, Problem
from verifier.agreement.parse import parse
from verifier.agreement.reader import MAX_DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "deploy" / "agreements").glob("*.toml"))


def test_parse_reads_every_part(document: str) -> None:
    """What stands in a document stands in the agreement."""
    agreement = parse(document.encode()).agreement
    assert (agreement.agreement_id, agreement.version, agreement.agency) == ("health-2026", 1, "health")
    assert agreement.valid_from == int(datetime(2025, 12, 31, 17, tzinfo=UTC).timestamp())
    assert agreement.on_behalf_of == {"clinic"}
    assert agreement.codes[vocabulary.ATTRIBUTES["marital_status"]] == {"M": "2"}
    assert agreement.security.minimum_tls == "1.2"
    [purpose] = agreement.purposes
    assert purpose.anchors == {vocabulary.NAME, vocabulary.ADDRESS}
    assert purpose.budgets == agreement.budgets
    assert (purpose.ages, set(purpose.region_levels)) == ((17,), {4})
    assert not purpose.existence_reason


def test_purpose_budgets_fill_up_from_the_agreement(document: str) -> None:
    """A purpose can have less than the agreement, and has the agreement's where it says nothing."""
    text = document + "\n[purposes.budgets]\nsubject_per_day = 4\n"
    [purpose] = parse(text.encode()).agreement.purposes
    assert (purpose.budgets.subject_per_day, purpose.budgets.prefix_per_day) == (4, 20)


FAULTS = [
    ("version = 1", "version = 0", "version", "a whole number from 1"),
    ("version = 1", "version = true", "version", "a whole number from 1"),
    ("version = 1", "version = 1.0", "version", "a whole number from 1"),
    ('agency = "health"', 'agency = "Health"', "agency", "a-z, 0-9 and hyphens"),
    ('agency = "health"', 'agency = "health\\u0000"', "agency", "a-z, 0-9 and hyphens"),
    ('agency = "health"', 'agancy = "health"', "agancy", "did you mean 'agency'?"),
    ("until = 2028-01-01T00:00:00+07:00", "until = 2028-01-01T00:00:00", "validity.until", "with its offset"),
    ("until = 2028-01-01T00:00:00+07:00", "until = 2028-01-01", "validity.until", "with its offset"),
    (
        "until = 2028-01-01T00:00:00+07:00",
        "until = 2026-01-01T00:00:00+07:00",
        "validity.until",
        "the first moment without",
    ),
    ('kind = "public_body"', 'kind = "public"', "parties.agency.kind", "did you mean 'public_body'?"),
    ('basis = ["UU 24/2013 Art. 58(4)"]', "basis = []", "legal.basis", "laws and articles"),
    ('"192.0.2.0/24"', '"192.0.2.1/24"', "security.source_addresses[0]", "without bits to the right"),
    ('"192.0.2.0/24"', '"everywhere"', "security.source_addresses[0]", "write 192.0.2.0/24"),
    ('["192.0.2.0/24", "2001:db8::/48"]', "[]", "security.source_addresses", "list the networks"),
    (
        "availability_percent = 99.5",
        "availability_percent = nan",
        "service_level.availability_percent",
        "number",
    ),
    ("[codes.marital_status]", "[codes.marital]", "codes.marital", "did you mean 'marital_status'?"),
    ('M = "2"', "M = 2", "codes.marital_status.M", "a code of the list"),
    ('currency = "IDR"', 'currency = "rupiah"', "tariff.currency", "ISO 4217"),
    ('lawful_use = "public_service"', 'lawful_use = "marketing"', "purposes[0].lawful_use", "use one of"),
    ('"consent"]', '"consent", "consent"]', "purposes[0].legal_bases[2]", "name it once"),
    (
        '["public_task", "consent"]',
        '["public_tusk"]',
        "purposes[0].legal_bases[0]",
        "did you mean 'public_task'?",
    ),
    ('"rw", ', '"rw", "shoe_size", ', "purposes[0].attributes[4]", "use one of"),
    ("ages = [17]", "ages = [0]", "purposes[0].ages[0]", "whole numbers from 1 to 150"),
    ("region_levels = [4]", "region_levels = [5]", "purposes[0].region_levels[0]", "2, 4, 6 or 10"),
    ('profile = "strict"', "", "purposes[0].profile", "it must be one of"),
    ("subject_per_day = 6\n", "", "budgets.subject_per_day", "a whole number"),
]


@pytest.mark.parametrize(("old", "new", "where", "right"), FAULTS)
def test_parse_names_key_line_and_remedy(document: str, old: str, new: str, where: str, right: str) -> None:
    """A fault is shown at its key, with the number of its line and what would be right."""
    assert old in document
    text = document.replace(old, new, 1)
    with pytest.raises(AgreementDocumentError) as caught:
        parse(text.encode(), name="health.toml")
    found = [problem for problem in caught.value.problems if problem.where == where]
    assert found, str(caught.value)
    assert right in found[0].right
    key = re.split(r"[.\[]", re.sub(r"\[\d+\]$", "", where))[-1]
    line = text.splitlines()[found[0].line - 1]
    assert key in line or found[0].wrong == "missing"
    assert f"health.toml: line {found[0].line}: {where}: " in str(caught.value)


def test_parse_shows_all_faults_at_once(document: str) -> None:
    """Several faults are shown together, in the order of their lines."""
    text = document.replace('"IDR"', '"x"').replace("version = 1", "version = 0").replace('"strict"', '"s"')
    with pytest.raises(AgreementDocumentError) as caught:
        parse(text.encode())
    lines = [problem.line for problem in caught.value.problems]
    assert len(lines) == 3
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("data", "line", "wrong"),
    [
        (b"format = 1\nid = \n", 2, "not TOML"),
        (b"format = 1\nformat = 1\n", 2, "not TOML"),
        (b'a = 1\nb = "', 2, "not TOML"),
        (b'a = 1\n\nb = "\xff"', 3, "not UTF-8"),
        (b"a = " + b"[" * 5000, 0, "nested too deeply"),
        (b"#" * (MAX_DOCUMENT + 1), 0, "larger than"),
    ],
)
def test_parse_refuses_what_is_no_toml(data: bytes, line: int, wrong: str) -> None:
    """What is no document is refused with the line, where there is one."""
    with pytest.raises(AgreementDocumentError) as caught:
        parse(data)
    [problem] = caught.value.problems
    assert problem.line == line
    assert problem.wrong.startswith(wrong)


@pytest.mark.parametrize("purposes", ["", "purposes = 1", 'purposes = ["x"]', "purposes = []"])
def test_parse_refuses_a_document_without_purposes(document: str, purposes: str) -> None:
    """An agreement that grants nothing, or nothing readable, is refused."""
    text = purposes + "\n" + document[: document.index("[[purposes]]")]
    with pytest.raises(AgreementDocumentError):
        parse(text.encode())


def test_parse_refuses_a_purpose_twice(document: str) -> None:
    """A code names one purpose."""
    text = document + document[document.index("[[purposes]]") :]
    with pytest.raises(AgreementDocumentError, match="stands there twice"):
        parse(text.encode())


def test_parse_refuses_a_purpose_with_more_than_the_agreement(document: str) -> None:
    """A purpose's budget cannot be above the agreement's."""
    text = document + "\n[purposes.budgets]\nsubject_per_day = 7\n"
    with pytest.raises(AgreementDocumentError, match=r"7 is above the agreement's 6"):
        parse(text.encode())


def test_disclosure_needs_article_and_delay(change: Callable[..., bytes]) -> None:
    """A delayed disclosure without its article is refused, and the other way round."""
    with pytest.raises(AgreementDocumentError, match="a delay needs its article"):
        parse(change() + b"\n[disclosure]\ndelayed_days = 30\n")
    with pytest.raises(AgreementDocumentError, match="a delay needs its article"):
        parse(change() + b'\n[disclosure]\ndelayed_article = "15(1)b"\n')
    agreement = parse(change() + b'\n[disclosure]\ndelayed_article = "15(1)b"\ndelayed_days = 30\n').agreement
    assert (agreement.disclosure.article, agreement.disclosure.days) == ("15(1)b", 30)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_parse(path: Path) -> None:
    """The agreements of the demonstration are well-formed, and are for the agency that their file names."""
    assert parse(path.read_bytes()).agreement.agency == path.stem


def test_there_are_examples() -> None:
    """The demonstration has five agreements."""
    assert len(EXAMPLES) == 5


JSON_LIKE = st.recursive(
    st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def problems_of(data: bytes) -> tuple[Problem, ...]:
    """Parse, and return what is wrong; nothing for a good document."""
    try:
        parse(data)
    except AgreementDocumentError as error:
        return error.problems
    return ()


@given(st.binary(max_size=300))
def test_any_bytes_give_the_documents_error(data: bytes) -> None:
    """No input ends in another exception than the document's."""
    assert problems_of(data)


@given(st.data())
def test_any_damage_is_shown_within_the_document(document: str, data: st.DataObject) -> None:
    """A line that is cut, doubled or swapped for another gives an agreement or the document's error."""
    lines = document.splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    lines[index] = data.draw(
        st.sampled_from(
            ["", lines[index][: len(lines[index]) // 2], "x = 1", "[x]", "[[x]]", 'x.y = "z"', "]"]
        )
    )
    assert all(0 <= problem.line <= len(lines) for problem in problems_of("\n".join(lines).encode()))


@given(st.sampled_from(["attributes", "anchors", "ages", "code", "budgets", "biometrics"]), JSON_LIKE)
def test_any_value_of_a_purpose_is_read_or_shown(document: str, key: str, value: object) -> None:
    """A value of any type under a purpose's key gives an agreement or the document's error."""
    text = re.sub(rf"^{key} = .*\n", "", document, flags=re.MULTILINE)
    last = len(text.splitlines()) + 1
    assert all(
        problem.line <= last for problem in problems_of(f"{text}{key} = {json.dumps(value)}\n".encode())
    )
