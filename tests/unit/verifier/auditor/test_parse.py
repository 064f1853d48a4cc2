"""A grant is read whole, or every fault is named by its line."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan.entry import Area, EntryKind
from tests.unit.verifier.auditor.documents import DOCUMENT, change
from verifier.auditor.errors import GrantDocumentError
from verifier.auditor.model import AuditorId, Grant
from verifier.auditor.parse import AREAS, MAX_NAMES, parse
from verifier.auditor.reach import Reach

PAGE = (Path(__file__).parents[4] / "docs" / "auditors.md").read_text(encoding="utf-8")
TEMPLATE = resources.files("verifier.auditor").joinpath("template.toml").read_text("utf-8")


def test_a_document_is_read() -> None:
    """Every key comes back as what it means."""
    assert parse(DOCUMENT.encode()) == Grant(
        auditor=AuditorId("ana"),
        version=1,
        mandate="Letter 700/1/IJ/2026",
        valid_from=1_767_200_400,
        valid_until=1_830_272_400,
        reach=Reach(
            agencies=frozenset({"health", "tax"}),
            purposes=None,
            areas=frozenset({Area.QUESTIONS, Area.AGENCIES}),
            alerts=True,
            from_ms=1_769_878_800_000,
        ),
    )


def test_what_may_be_absent_grants_nothing_more() -> None:
    """Without the key there are no alerts; without from_time there is no bound of time."""
    reach = parse(change(alerts=None, from_time=None)).reach
    assert not reach.alerts
    assert reach.from_ms is None
    assert not parse(DOCUMENT.encode()).trails
    assert parse(change(alerts="true\ntrails = true")).trails


FAULTS: dict[str, tuple[dict[str, str | None], int, str]] = {
    "another format": ({"format": "2"}, 1, "format: 2 does not fit"),
    "no auditor": ({"auditor": None}, 0, "auditor: missing"),
    "an auditor's name with a space": ({"auditor": '"a b"'}, 2, "auditor: 'a b' does not fit"),
    "version 0": ({"version": "0"}, 3, "version: 0 does not fit"),
    "no mandate": ({"mandate": '" "'}, 4, "mandate: ' ' does not fit"),
    "no offset": ({"until": "2028-01-01T00:00:00"}, 8, "validity.until"),
    "ends before it begins": ({"until": "2025-01-01T00:00:00Z"}, 8, "validity.until: not after 'from'"),
    "no agencies": ({"agencies": None}, 10, "entries.agencies: grants nothing"),
    "an empty list of agencies": ({"agencies": "[]"}, 11, "entries.agencies: grants nothing"),
    "a star": ({"agencies": '"*"'}, 11, "entries.agencies: '*' does not fit"),
    "all in a list with a capital": ({"agencies": '["All"]'}, 11, "entries.agencies[0]: 'All' does not fit"),
    "an agency twice": ({"agencies": '["a", "a"]'}, 11, "entries.agencies[1]: 'a' stands there twice"),
    "a number as purpose": ({"purposes": "[1]"}, 12, "entries.purposes[0]: 1 does not fit"),
    "no areas": ({"areas": "[]"}, 13, "entries.areas: grants nothing"),
    "all areas by a word": ({"areas": '"all"'}, 13, "entries.areas: 'all' does not fit"),
    "an unknown area": ({"areas": '["question"]'}, 13, "did you mean 'questions'?"),
    "alerts by a number": ({"alerts": "1"}, 14, "entries.alerts: 1 does not fit"),
    "a day as from_time": ({"from_time": "2026-02-01"}, 15, "entries.from_time"),
    "an unknown key": ({"outcomes": '["match"]'}, 16, "entries.outcomes: no such key"),
    "no TOML": ({"alerts": "yes please"}, 14, "not TOML"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_named_by_line(case: str) -> None:
    """Each fault is shown with line, key and what would be right."""
    keys, line, words = FAULTS[case]
    with pytest.raises(GrantDocumentError) as caught:
        parse(change(**keys), name="ana.toml")
    problems = [str(problem) for problem in caught.value.problems if problem.line == line]
    assert any(words in problem for problem in problems), caught.value
    assert str(caught.value).startswith("ana.toml: ")


def test_too_many_names_are_refused() -> None:
    """A list is bounded, so that it fits into a query."""
    names = ", ".join(f'"a{number}"' for number in range(MAX_NAMES + 1))
    with pytest.raises(GrantDocumentError, match="201 names"):
        parse(change(agencies=f"[{names}]"))


@given(st.binary(max_size=80))
def test_random_bytes(data: bytes) -> None:
    """Random bytes are refused as a document, and nothing else happens."""
    with pytest.raises(GrantDocumentError):
        parse(data)


@given(st.integers(0, len(DOCUMENT) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_is_a_grant_or_a_fault(place: int, other: str) -> None:
    """A document with one character changed is read, or its faults are named."""
    try:
        grant = parse((DOCUMENT[:place] + other + DOCUMENT[place + 1 :]).encode())
    except GrantDocumentError:
        return
    assert grant.reach.areas


def test_every_kind_is_in_one_area() -> None:
    """No kind of entry is outside all areas, and none in two."""
    assert all(sum(kind in area.kinds for area in Area) == 1 for kind in EntryKind)


def test_the_page_shows_the_template_and_every_key() -> None:
    """The example in docs is what the command prints, is without fault, and each key and area is explained."""
    assert re.search(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL).group(1) == TEMPLATE  # type: ignore[union-attr] # it is there
    assert parse(TEMPLATE.encode()).reach.areas == frozenset(Area)
    with pytest.raises(GrantDocumentError) as caught:
        parse(("zzz = 1\n" + re.sub(r"^(\[.*\]).*$", r"\1\nzzz = 1", TEMPLATE, flags=re.MULTILINE)).encode())
    known = [
        key
        for problem in caught.value.problems
        for key in problem.right.removeprefix("use one of ").split(", ")
    ]
    assert len(known) == 14
    for word in (*known, *AREAS):
        assert f"`{word}`" in PAGE or f"`[{word}]`" in PAGE, word
