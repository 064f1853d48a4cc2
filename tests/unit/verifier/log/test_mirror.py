"""The log's mirror: what is committed is in it, what it holds brings a copy up to date, and it fails closed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.verifier.log.rows import DAY, answer, entry, key, request
from verifier import migrations
from verifier.directory import Agency, Directory
from verifier.dispute.state import Outcome, Standing, State
from verifier.intent import DisputeOpening
from verifier.log import mirror_format as form
from verifier.log.mirror import Mark, MirrorPlaceError, MirrorUnavailableError, adopt, read_mark, segments
from verifier.log.mirror_replay import MirrorReplayError, replay
from verifier.log.sqlite import SqliteLogStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLES = ("entry", "agency", "setting", "generation", "dispute")


class Disks:
    """A log on one disk, its mirror on another, and a copy of the log made at some time."""

    def __init__(self, folder: Path) -> None:
        self.log, self.mirror, self.copy = folder / "log.sqlite", folder / "mirror", folder / "copy.sqlite"
        self.mirror.mkdir()
        migrations.upgrade(str(self.log))
        assert adopt(self.log, self.mirror)
        self.store = SqliteLogStore(self.log)

    def back_up(self) -> None:
        """Copy the log."""
        with closing(sqlite3.connect(self.log)) as living, closing(sqlite3.connect(self.copy)) as copy:
            living.backup(copy)

    def commit(self, number: int, *, counted: int = 1, day: int = DAY) -> None:
        """Commit a group of one."""
        with self.store.transaction() as transaction:
            assert transaction.claim_replays([request(number)])
            transaction.counters([key(number), key(9)], day)
            changed, kept = {key(number): counted, key(9): number}, [answer(number, day=day)]
            transaction.write(changed, day, [entry(number)], kept)

    def direct(self, number: int) -> None:
        """Write to the directory."""
        with closing(Directory(str(self.log))) as directory:
            directory.enrol_agency(Agency(id=f"agency-{number}", name="Ünit\x00", created_ms=number))

    def segment(self) -> Path:
        """Name the newest segment."""
        return self.mirror / form.file_name(segments(self.mirror)[-1])


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    """Two disks."""
    made = Disks(tmp_path)
    yield made
    made.store.close()


def write(path: Path, number: int) -> None:
    """Write an entry to a log, as a process of its own would."""
    with closing(SqliteLogStore(path)) as store, store.transaction() as transaction:
        transaction.write({}, DAY, [entry(number)], [])


def state(path: Path, numbers: range) -> tuple[object, ...]:
    """Read everything that counts."""
    with closing(SqliteLogStore(path, replaying=True)) as store, store.transaction() as transaction:
        rows = [transaction.connection.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES]  # noqa: S608
        kept = transaction.replays([request(number) for number in numbers])
        counted = transaction.counters([key(9), *map(key, numbers)], DAY)
    return rows, kept, counted


def test_a_copy_and_the_mirror_are_the_log(disks: Disks) -> None:
    """Entries, counters, answers and directory after the copy come back, in order, also over a restart."""
    disks.commit(1)
    disks.back_up()
    disks.direct(1)
    disks.commit(2)
    disks.store.close()
    disks.commit(3, counted=7)
    disks.direct(2)
    assert replay(disks.copy, disks.mirror) == 4
    disks.store.close()
    assert state(disks.copy, range(1, 4)) == state(disks.log, range(1, 4))


@pytest.mark.parametrize("later", [1, 2])
def test_a_request_that_is_answered_again_when_its_answer_is_over_comes_back(
    disks: Disks, later: int
) -> None:
    """Expiry frees request ids: a copy from before it takes the new answer, and keeps those of days that go on."""
    disks.commit(1)
    disks.commit(2)
    disks.commit(3, day=DAY + later)
    disks.back_up()
    disks.store.expire(DAY + later)
    disks.commit(4, day=DAY + later)
    disks.commit(1, day=DAY + later)
    assert replay(disks.copy, disks.mirror) == 2
    disks.store.close()
    rows, kept, _ = state(disks.copy, range(1, 5))  # the counters of that day go with the next expiry
    assert (rows, kept) == state(disks.log, range(1, 5))[:2]
    assert kept.keys() == {request(number) for number in (1, 3, 4)}  # type: ignore[attr-defined]
    assert kept[request(1)].day == DAY + later  # type: ignore[index]


def test_an_answer_that_is_kept_twice_on_one_day_is_refused(disks: Disks) -> None:
    """A copy that has an answer of the same day, which the mirror brings again, is not that log's."""
    disks.back_up()
    with closing(SqliteLogStore(disks.copy, replaying=True)) as store, store.transaction() as transaction:
        transaction.claim_replays([request(1)])
        transaction.write({}, DAY, [], [answer(1)])
    disks.commit(1)
    with pytest.raises(MirrorReplayError, match="kept twice"):
        replay(disks.copy, disks.mirror)


def test_a_dispute_comes_back_with_its_entry(disks: Disks) -> None:
    """What a dispute was opened with and moved to is one record with the entry that says so, and comes back."""
    disks.commit(1)
    disks.back_up()
    opening = DisputeOpening(
        dispute_id="abcdefgh234567xy",
        request_id=bytes(16),
        order=bytes(32),
        answer=1,
        hours=72,
        limit=9,
        document=b"kept\x00",
    )
    serial = read_mark_of(disks.log).serial
    with disks.store.transaction() as transaction:
        assert transaction.disputes().open("agency-1", opening, 5) == ""
        transaction.write({}, DAY, [entry(2)], [])
    begun = Standing.opened(5, 72)
    with disks.store.transaction() as transaction:
        after = begun.advance(State.RESOLVED, Outcome.UPHELD, now_ms=7)
        assert transaction.disputes().move(
            opening.dispute_id, before=begun, after=after, decision=b"d", signature=b"s", signer="k"
        )
        transaction.write({}, DAY, [entry(3)], [])
    assert read_mark_of(disks.log).serial == serial + 2
    assert replay(disks.copy, disks.mirror) == 2
    assert state(disks.copy, range(1, 3)) == state(disks.log, range(1, 3))
    assert state(disks.copy, range(1, 3))[0][-1] != []  # type: ignore[index]  # the rows of the last table


def read_mark_of(path: Path) -> Mark:
    """Read where a log's mirror is."""
    with closing(sqlite3.connect(path)) as connection:
        return read_mark(connection)


def test_a_restored_copy_goes_on_in_the_same_mirror(disks: Disks) -> None:
    """After a restore the copy is the log: it writes on where the mirror ends, and a second restore has that too."""
    disks.back_up()
    older = disks.copy.read_bytes()
    disks.commit(1)
    disks.store.close()
    replay(disks.copy, disks.mirror)
    shutil.move(disks.copy, disks.log)
    for suffix in ("-wal", "-shm"):
        disks.log.with_name(disks.log.name + suffix).unlink(missing_ok=True)
    assert not adopt(disks.log, disks.mirror)
    disks.commit(2)
    disks.store.close()
    disks.copy.write_bytes(older)
    assert replay(disks.copy, disks.mirror) == 2
    assert state(disks.copy, range(1, 3)) == state(disks.log, range(1, 3))


def test_what_is_rolled_back_is_not_in_the_mirror(disks: Disks) -> None:
    """A record whose transaction failed after it was written is overwritten by the next one."""
    disks.back_up()
    with contextlib.suppress(ZeroDivisionError), disks.store.transaction() as transaction:
        transaction.write({}, DAY, [entry(50)], [])
        raise ZeroDivisionError
    disks.commit(1)
    assert replay(disks.copy, disks.mirror) == 1
    disks.store.close()
    assert state(disks.copy, range(1, 2)) == state(disks.log, range(1, 2))


def test_a_record_cut_off_at_the_end_was_never_acknowledged(disks: Disks) -> None:
    """At every place where the last record can be cut off, all before it come back, and writing goes on."""
    disks.back_up()
    copy = disks.copy.read_bytes()
    disks.commit(1)
    whole = disks.segment().stat().st_size
    disks.commit(2)
    data = disks.segment().read_bytes()
    for size in (whole, whole + 1, whole + 20, len(data) - 1):
        disks.segment().write_bytes(data[:size])
        disks.copy.write_bytes(copy)
        assert replay(disks.copy, disks.mirror) == 1
        write(disks.copy, 3)
        disks.copy.write_bytes(copy)
        assert replay(disks.copy, disks.mirror) == 2


@pytest.mark.parametrize("place", [0, 9, 20, 40, 80, 150])
def test_damage_before_the_end_is_refused(disks: Disks, place: int) -> None:
    """A flipped bit anywhere before the last record is told, and nothing after it is left out in silence."""
    disks.back_up()
    disks.commit(1)
    disks.commit(2)
    data = bytearray(disks.segment().read_bytes())
    data[place] ^= 1
    disks.segment().write_bytes(data)
    with pytest.raises(MirrorReplayError):
        replay(disks.copy, disks.mirror)


def test_another_logs_mirror_is_refused(disks: Disks, tmp_path: Path) -> None:
    """A mirror is its log's alone."""
    disks.back_up()
    disks.commit(1)
    other = Disks(_folder(tmp_path / "other"))
    other.commit(1)
    other.store.close()
    with pytest.raises(MirrorReplayError, match="another log"):
        replay(disks.copy, other.mirror)


def test_what_was_never_mirrored_shows(disks: Disks) -> None:
    """Commits while the mirror was off leave a gap that a restore refuses."""
    disks.back_up()
    disks.commit(1)
    assert adopt(disks.log, None)
    disks.commit(2)
    assert adopt(disks.log, disks.mirror)
    disks.commit(3)
    with pytest.raises(MirrorReplayError, match="never mirrored"):
        replay(disks.copy, disks.mirror)


def test_a_backup_from_before_the_mirror_is_refused(tmp_path: Path) -> None:
    """Without a mark in the backup nobody knows where to go on."""
    log, mirror = tmp_path / "log.sqlite", _folder(tmp_path / "mirror")
    migrations.upgrade(str(log))
    with pytest.raises(MirrorReplayError, match="before the log had a mirror"):
        replay(log, mirror)


def test_what_cannot_be_mirrored_is_not_committed(disks: Disks) -> None:
    """Without the mirror's disk neither an entry nor a change of the directory is committed; with it, they are."""
    disks.commit(1)
    disks.store.close()
    aside = disks.mirror.rename(disks.mirror.with_name("aside"))
    with pytest.raises(MirrorUnavailableError):
        disks.commit(2)
    with pytest.raises(MirrorUnavailableError):
        disks.direct(2)
    assert disks.store.head().sequence == 1
    with closing(Directory(str(disks.log))) as directory:
        assert directory.agencies() == []
    aside.rename(disks.mirror)
    disks.commit(2)
    assert disks.store.head().sequence == 2


def test_an_older_copy_does_not_write_over_its_mirror(disks: Disks) -> None:
    """A log that was put back without its mirror is refused its next commit, so that the mirror still restores it."""
    disks.back_up()
    older = disks.copy.read_bytes()
    for number in range(1, 4):
        disks.commit(number)
    before = disks.segment().read_bytes()
    with pytest.raises(MirrorUnavailableError, match="older copy"):
        write(disks.copy, 9)
    assert disks.segment().read_bytes() == before
    disks.copy.write_bytes(older)
    assert replay(disks.copy, disks.mirror) == 3


def test_an_older_copy_is_told_over_the_end_of_a_segment(
    disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the mirror has gone on in another file; a restore reads them all."""
    disks.back_up()
    monkeypatch.setattr(form, "SHIFT", 1)
    with closing(sqlite3.connect(disks.log)) as connection, connection:
        connection.execute("UPDATE mirror SET serial = 1")
    with closing(sqlite3.connect(disks.copy)) as connection, connection:
        connection.execute("UPDATE mirror SET serial = 1")
    older = disks.copy.read_bytes()
    for number in range(1, 6):
        disks.commit(number)
    assert segments(disks.mirror) == [1, 2, 3]
    with pytest.raises(MirrorUnavailableError, match="older copy"):
        write(disks.copy, 9)
    disks.copy.write_bytes(older)
    assert replay(disks.copy, disks.mirror) == 5
    (disks.mirror / form.file_name(2)).unlink()
    disks.copy.write_bytes(older)
    with pytest.raises(MirrorReplayError, match="never mirrored"):
        replay(disks.copy, disks.mirror)


def test_a_disk_that_is_not_mounted_is_no_mirror(disks: Disks) -> None:
    """A folder that is missing is refused, one that was emptied begins anew, and one that lacks a file is refused."""
    disks.commit(1)
    disks.store.close()
    aside = disks.mirror.rename(disks.mirror.with_name("aside"))
    with pytest.raises(MirrorPlaceError, match="mounted"):
        adopt(disks.log, disks.mirror)
    disks.mirror.mkdir()
    assert adopt(disks.log, disks.mirror)
    disks.commit(2)
    (aside / "000000000009.mirror").touch()
    disks.store.close()
    disks.segment().unlink()
    (disks.mirror / form.file_name(0)).touch()
    with pytest.raises(MirrorPlaceError, match="lacks"):
        adopt(disks.log, disks.mirror)


def test_every_file_is_for_its_owner_alone(disks: Disks) -> None:
    """A segment holds private entries."""
    disks.commit(1)
    assert disks.segment().stat().st_mode & 0o777 == 0o600


BYTES = st.binary(max_size=40)


@given(
    st.integers(1, 2**63),
    st.lists(st.tuples(BYTES, st.text(max_size=5)), max_size=3),
    st.integers(0, 2**31 - 1),
)
def test_groups_are_read_as_they_were_written(first: int, parts: list[tuple[bytes, str]], day: int) -> None:
    """Whatever entries and answers hold."""
    entries = [entry(number, agency=text, purpose=text) for number, (_, text) in enumerate(parts)]
    replays = [answer(number, body=data) for number, (data, _) in enumerate(parts)]
    counters = {key(number): len(data) for number, (data, _) in enumerate(parts)}
    read = form.decode_payload(form.encode_group(first, entries, day, counters, replays))
    assert read == form.GroupRecord(first=first, entries=entries, day=day, counters=counters, replays=replays)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_record(data: bytes) -> None:
    """Whatever comes, it is refused by its own error."""
    reads: list[Callable[[bytes], object]] = [form.decode_record, form.decode_payload, form.decode_header]
    for read in reads:
        try:
            read(data)
        except form.MirrorFormatError:
            continue
        assert read is form.decode_payload


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
