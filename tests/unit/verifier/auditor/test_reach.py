"""What may be read: deny by default, and the database's bounds let through all that the judgement shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import canonical
from padan import entry as log_entry
from padan.entry import ALERT_KINDS, Area, EntryKind, Field
from tests.simulator.log_store import MemoryLog
from verifier.auditor.errors import OutsideGrantError
from verifier.auditor.reach import Reach
from verifier.log.store import StoredEntry

ALL = Reach(agencies=None, purposes=None, areas=frozenset(Area), alerts=True)
TAX = Reach(
    agencies=frozenset({"tax"}),
    purposes=frozenset({"service"}),
    areas=frozenset({Area.QUESTIONS}),
    alerts=False,
)
ALERTED = Reach(agencies=frozenset({"tax"}), purposes=None, areas=frozenset({Area.QUESTIONS}), alerts=True)
LATE = Reach(agencies=None, purposes=None, areas=frozenset(Area), alerts=True, from_ms=1_000)


def row(
    kind: int = EntryKind.VERIFY,
    agency: str = "tax",
    purpose: str = "service",
    *,
    named: str | None = None,
    time: int = 5_000,
    sequence: int = 1,
) -> StoredEntry:
    """Make an entry; `named` is the agency in the entry where it is not the row's."""
    fields: dict[int, bytes] = {
        Field.KIND: kind.to_bytes(2, "big"),
        Field.AGENCY: (agency if named is None else named).encode(),
    }
    return StoredEntry(
        sequence=sequence,
        kind=kind,
        agency=agency,
        purpose=purpose,
        outcome=0,
        log_time_ms=time,
        entry=log_entry.encode(canonical.encode(fields), {}),
        salt=bytes(32),
        leaf=bytes(33),
    )


ALERT = row(EntryKind.BUDGET_ALERT, "", "", named="tax")
OTHERS_ALERT = row(EntryKind.BUDGET_ALERT, "", "", named="health")
OWN = Reach.of_agency("tax")
CASES: dict[str, tuple[Reach, StoredEntry, bool]] = {
    "a granted question": (TAX, row(), True),
    "another agency's": (TAX, row(agency="health"), False),
    "under another purpose": (TAX, row(purpose="other"), False),
    "refused before its purpose was known": (TAX, row(EntryKind.REFUSED, purpose=""), True),
    "of another area": (TAX, row(EntryKind.AGREEMENT_ACTIVATED, purpose=""), False),
    "an alert, without alerts": (TAX, ALERT, False),
    "an alert about the agency": (ALERTED, ALERT, True),
    "an alert about another agency": (ALERTED, OTHERS_ALERT, False),
    "an alert, with all": (ALL, OTHERS_ALERT, True),
    "an alert, with all but alerts": (
        Reach(agencies=None, purposes=None, areas=frozenset(Area), alerts=False),
        ALERT,
        False,
    ),
    "an alert whose area is not granted": (
        Reach(agencies=None, purposes=None, areas=frozenset({Area.KEYS}), alerts=True),
        ALERT,
        False,
    ),
    "a kind of no area": (ALL, row(1_000), False),
    "keys concern no agency": (
        Reach(agencies=frozenset({"tax"}), purposes=None, areas=frozenset({Area.KEYS}), alerts=False),
        row(EntryKind.KEYRING_CHANGED, "", ""),
        True,
    ),
    "older than from_time": (LATE, row(time=999), False),
    "at from_time": (LATE, row(time=1_000), True),
    "an agency's own": (OWN, row(), True),
    "an agency's own, of any area": (OWN, row(EntryKind.AGREEMENT_ACTIVATED, purpose=""), True),
    "an agency and another's": (OWN, row(agency="health"), False),
    "an agency and an alert about it": (OWN, ALERT, False),
    "an agency and an alert under its own name": (OWN, row(EntryKind.BUDGET_ALERT, "tax", ""), False),
    "an agency and what concerns none": (OWN, row(EntryKind.KEYRING_CHANGED, "", ""), False),
}


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    """The table of who sees what."""
    reach, entry, shown = CASES[case]
    assert reach.shows(entry) is shown


def test_what_cannot_be_told_is_not_shown() -> None:
    """An erased entry without an agency in its row is hidden from those who see some agencies only."""
    erased = StoredEntry(
        sequence=1,
        kind=1,
        agency="",
        purpose="",
        outcome=0,
        log_time_ms=5_000,
        entry=b"",
        salt=b"",
        leaf=bytes(33),
    )
    assert not ALERTED.shows(erased)
    assert ALL.shows(erased)


AGENCIES = st.sampled_from(["", "tax", "health", "police"])
PURPOSES = st.sampled_from(["", "service", "strict"])
ROWS = st.builds(
    row,
    st.sampled_from([*EntryKind, 550, 999, 1_000, 65_535]).map(int),
    AGENCIES,
    PURPOSES,
    time=st.integers(0, 2_000),
)
SOME_AGENCIES = st.none() | st.frozensets(st.sampled_from(["tax", "health"]))
SOME_PURPOSES = st.none() | st.frozensets(st.sampled_from(["service", "strict"]))
REACHES = st.builds(
    Reach,
    agencies=SOME_AGENCIES,
    purposes=SOME_PURPOSES,
    areas=st.frozensets(st.sampled_from(Area)),
    alerts=st.booleans(),
    from_ms=st.none() | st.integers(0, 2_000),
    common=st.booleans(),
)


@given(REACHES, ROWS)
def test_nothing_is_shown_that_is_not_named(reach: Reach, entry: StoredEntry) -> None:
    """Deny by default: whatever is shown is named by its area, agency, purpose, time, and as an alert."""
    if not reach.shows(entry):
        return
    assert any(entry.kind in area.kinds for area in reach.areas)
    assert reach.alerts or entry.kind not in ALERT_KINDS
    named = log_entry.decode(entry.entry).text(Field.AGENCY)
    assert reach.agencies is None or named in reach.agencies or (named == "" and reach.common)
    assert reach.purposes is None or entry.purpose in reach.purposes or entry.purpose == ""
    assert reach.from_ms is None or entry.log_time_ms >= reach.from_ms


@given(REACHES, st.lists(ROWS, max_size=20))
def test_the_query_loses_nothing(reach: Reach, rows: list[StoredEntry]) -> None:
    """What the judgement shows of the whole log is what it shows of the bounded query."""
    log = MemoryLog()
    log.rows = rows
    bounded = log.entries(0, 100, from_ms=reach.start(None), scope=reach.scope())
    assert [entry for entry in bounded if reach.shows(entry)] == [
        entry for entry in rows if reach.shows(entry)
    ]


REFUSED: dict[str, tuple[Reach, dict[str, str | int]]] = {
    "another agency": (TAX, {"agency": "health"}),
    "another purpose": (TAX, {"purpose": "strict"}),
    "too early a start": (LATE, {"from_ms": 999}),
    "an end before the start": (LATE, {"until_ms": 1_000}),
    "an agency asks for another": (OWN, {"agency": "health"}),
}
NOTHING: dict[str, str | int | None] = {"agency": "", "purpose": "", "from_ms": None, "until_ms": None}


@pytest.mark.parametrize("case", REFUSED)
def test_a_filter_outside_is_refused(case: str) -> None:
    """Such a filter is refused with the bound; without it, or within it, the same reach reads."""
    reach, wanted = REFUSED[case]
    with pytest.raises(OutsideGrantError, match=r"may (not )?be read"):
        reach.require(**{**NOTHING, **wanted})  # type: ignore[arg-type]  # a table of arguments
    reach.require(agency="", purpose="", from_ms=None, until_ms=None)
    ALL.require(**{**NOTHING, **wanted})  # type: ignore[arg-type]  # a table of arguments


def test_the_later_start_counts() -> None:
    """A filter may begin later than the grant, never earlier."""
    assert LATE.start(None) == 1_000
    assert LATE.start(2_000) == 2_000
    assert ALL.start(2_000) == 2_000
    assert ALL.start(None) is None
