"""Which class an entry belongs to, and until when each is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan import canonical
from padan.entry import FORMAT, EntryKind, Field
from verifier.agreement import vocabulary
from verifier.log.store import StoredEntry
from verifier.retention.classes import RetentionClass, Schedule, class_of, is_held
from verifier.retention.state import RetentionStateError, State

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_MS = 86_400_000


def row(
    kind: int, fields: Mapping[int, bytes] | None = None, *, agency: str = "", data: bytes = b""
) -> StoredEntry:
    """Make a row as the log gives it."""
    encoded = FORMAT + canonical.encode({Field.KIND: kind.to_bytes(2, "big"), **(fields or {})})
    return StoredEntry(
        sequence=1,
        kind=kind,
        agency=agency,
        purpose="",
        outcome=0,
        log_time_ms=0,
        entry=data or encoded,
        salt=bytes(32),
        leaf=bytes(33),
    )


def test_an_agreement_names_the_class_of_its_questions() -> None:
    """The numbers of agreements are the classes, and an entry that carries one belongs to it whatever its kind."""
    assert {name.upper(): number for name, number in vocabulary.RETENTIONS.items()} == {
        kept.name: int(kept) for kept in RetentionClass if kept is not RetentionClass.LASTING
    }
    for kept in (RetentionClass.SHORT, RetentionClass.STANDARD, RetentionClass.LONG):
        for kind in (EntryKind.VERIFY, EntryKind.REPLAY, EntryKind.REFUSED):
            assert class_of(row(kind, {Field.RETENTION: bytes((kept,))})) is kept


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (EntryKind.REFUSED, RetentionClass.STANDARD),
        (EntryKind.BUDGET_ALERT, RetentionClass.STANDARD),
        (EntryKind.FEED_APPLIED, RetentionClass.LONG),
        (EntryKind.ENTRIES_LISTED, RetentionClass.LONG),
        (EntryKind.KEYRING_CHANGED, RetentionClass.LASTING),
        (EntryKind.PERIOD_OPENED, RetentionClass.LASTING),
        (EntryKind.AGREEMENT_ACTIVATED, RetentionClass.LASTING),
        (EntryKind.BUDGET_RESET, RetentionClass.LASTING),
        (EntryKind.RETENTION_APPLIED, RetentionClass.LASTING),
        (4_711, RetentionClass.LASTING),
    ],
)
def test_other_entries_are_judged_by_their_area(kind: int, kept: RetentionClass) -> None:
    """What names no class is kept by what it is about; what is not known is kept longest."""
    assert class_of(row(kind)) is kept


def test_what_cannot_be_read_is_kept_longest() -> None:
    """Another format or a class of a later release: nothing is erased early."""
    assert class_of(row(1, data=b"\x09new")) is RetentionClass.LASTING
    assert class_of(row(1, {Field.RETENTION: b"\x09"})) is RetentionClass.LASTING
    assert is_held(row(1, data=b"\x09new"), {"tax"})


def test_a_hold_finds_its_agency_in_row_and_entry() -> None:
    """An agency's questions, those asked for it by another, and the alerts about it, whose rows name nobody."""
    hold = {"tax"}
    assert is_held(row(1, agency="tax"), hold)
    assert is_held(row(10, {Field.AGENCY: b"tax"}), hold)
    assert is_held(row(1, {Field.ON_BEHALF_OF: b"tax"}, agency="reseller"), hold)
    assert not is_held(row(1, agency="health"), hold)
    assert not is_held(row(1, agency="tax"), ())


def test_a_class_is_over_by_whole_days() -> None:
    """An entry of the last moment of a day is kept as long as that day's first one."""
    schedule = Schedule(days={RetentionClass.SHORT: 10})
    assert schedule.until_ms(RetentionClass.SHORT, 30 * DAY_MS) == 20 * DAY_MS
    assert schedule.until_ms(RetentionClass.SHORT, 31 * DAY_MS - 1) == 20 * DAY_MS
    assert schedule.until_ms(RetentionClass.SHORT, 5 * DAY_MS) == 0


def test_the_state_is_written_and_read() -> None:
    """It comes back as it was; another format and damage are told."""
    state = (
        State.beginning()
        .held_by(frozenset({"tax"}))
        .judged(RetentionClass.SHORT, 7, DAY_MS)
        .with_erased(RetentionClass.SHORT, 3)
        .with_counted("answers", 2)
    )
    assert State.parse(state.text()) == state
    assert not state.is_logged
    assert state.logged().is_logged
    assert State.parse("") == State.beginning()
    for text in ("{}", "[]", "nonsense", '{"format":2}', state.text().replace("short", "shorter")):
        with pytest.raises(RetentionStateError):
            State.parse(text)


def test_a_lifted_hold_has_everything_judged_again() -> None:
    """More holds change no mark; fewer begin anew, since what was passed over may be over."""
    state = State.beginning().judged(RetentionClass.LONG, 9, DAY_MS)
    held = state.held_by(frozenset({"tax"}))
    assert held.done == {RetentionClass.LONG: 9}
    assert held.held_by(frozenset()).done == {}
