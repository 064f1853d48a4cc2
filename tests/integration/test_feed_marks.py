"""What a feed does with residents' marks, wherever it is killed and however often it is followed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete

from tests.installation import Installation, install
from tests.integration.feeding import NEWCOMER, SIGNED, comparable, feed
from tests.marks import lift, named, put
from tests.people import BUDI, PEOPLE, SARI
from verifier import schema
from verifier.directory import Directory
from verifier.feed import application
from verifier.feed.following import follow
from verifier.feed.sync import Sync
from verifier.resident.mark import Mark
from verifier.resident.rights import Rights
from verifier.resident.table import MarkTable
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from pathlib import Path


MERGER = {"change": "merged", "row": BUDI, "also": [SARI["NIK"]]}


@pytest.fixture
def installation(fresh_url: str, tmp_path: Path) -> Installation:
    """An installation on each engine that trusts the registry's key."""
    return install(tmp_path / "made", agencies={}, log_url=fresh_url, vault_url=fresh_url, extra=SIGNED)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody who reads marks: no service runs."""
    monkeypatch.setattr(application, "SEEN_SECONDS", 0.0)


def test_killed_after_the_marks_of_an_erasure(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renumbered and erased in one batch, and killed when the erasure was marked: held under neither number."""
    moved = {**SARI, "NIK": NEWCOMER["NIK"]}
    changes = (
        {"change": "nik_changed", "row": moved, "was": [SARI["NIK"]]},
        {"change": "erased", "nik": moved["NIK"]},
    )
    data = feed(installation, 0, *changes)

    die_after_marks(installation, data, monkeypatch)
    numbers = [SARI["NIK"], moved["NIK"]]
    assert comparable(installation, numbers)[SARI["NIK"]] is not None
    summary = follow(installation.settings, "f", data)
    assert summary.position == len(changes)
    assert list(comparable(installation, numbers).values()) == [None, None]


def test_killed_after_the_marks_of_one_who_was_merged_for_a_while(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged by mistake, parted again and erased in one batch, and killed in between: the other one stays."""
    apart = [{"change": "changed", "row": row} for row in (SARI, BUDI)]
    data = feed(installation, 0, MERGER, *apart, {"change": "erased", "nik": SARI["NIK"]})
    die_after_marks(installation, data, monkeypatch)
    follow(installation.settings, "f", data)
    budi, sari = comparable(installation, [BUDI["NIK"], SARI["NIK"]]).values()
    assert (budi is None, sari) == (False, None)
    follow(installation.settings, "g", feed(installation, 4, MERGER))
    assert list(comparable(installation, [BUDI["NIK"], SARI["NIK"]]).values()) == [None, None]


def test_an_erasure_of_a_merged_number_alone_is_the_same_wherever_it_is_killed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the number now stays, until a change of theirs names it."""
    data = feed(installation, 0, MERGER, {"change": "erased", "nik": SARI["NIK"]})
    die_after_marks(installation, data, monkeypatch)
    follow(installation.settings, "f", data)
    numbers = [BUDI["NIK"], SARI["NIK"]]
    assert [found is None for found in comparable(installation, numbers).values()] == [False, True]
    follow(installation.settings, "g", feed(installation, 2, {**MERGER, "change": "changed"}))
    assert list(comparable(installation, numbers).values()) == [None, None]


def test_changes_that_come_again_after_a_load_bring_no_later_mark_along(installation: Installation) -> None:
    """Merged by mistake, parted, and erased later: after a load that all of it follows again, the other one stays."""
    apart = [{"change": "changed", "row": row} for row in (SARI, BUDI)]
    erased = {"change": "erased", "nik": SARI["NIK"]}
    files = [
        feed(installation, 0, MERGER), feed(installation, 1, *apart), feed(installation, 3, erased)
    ]  # fmt: skip
    numbers = [BUDI["NIK"], SARI["NIK"]]
    for _ in range(2):
        for data in files:
            follow(installation.settings, "f", data)
        assert [found is None for found in comparable(installation, numbers).values()] == [False, True]
        installation.load(PEOPLE)
    # A registry that counts anew says something else under the same position, which its newer file shows.
    follow(installation.settings, "g", feed(installation, 0, MERGER, as_of="2026-06-03T05:00:00Z"))
    assert list(comparable(installation, numbers).values()) == [None, None]


def count(made: Installation, name: str) -> int:
    """Count the numbers that bear a mark."""
    with closing(Directory(made.settings.log_database)) as directory:
        return MarkTable(directory).counts()[name]


def lock(made: Installation, nik: str, *, followed: bool = False) -> None:
    """Lock a number before anything of the source was followed, or after all of it was."""
    with closing(open_vault(made.settings.vault_database)) as vault:
        places = vault.sources(vault.epochs()[-1].number) if followed else {}
    put(made.settings.log_database, named(made, nik), Mark.LOCKED, places)


def unlock(made: Installation, nik: str) -> None:
    """Lift a lock."""
    assert lift(made.settings.log_database, named(made, nik).tombstone, Mark.LOCKED)


def test_a_mark_goes_along_whatever_was_lifted_from_the_other_number(installation: Installation) -> None:
    """What officers took off the survivor was another matter."""
    lock(installation, SARI["NIK"])
    lock(installation, BUDI["NIK"])
    unlock(installation, BUDI["NIK"])
    follow(installation.settings, "f", feed(installation, 0, MERGER))
    assert count(installation, "locked") == 2


def test_what_was_lifted_does_not_come_back(installation: Installation) -> None:
    """Nor with a later change of the person, with a new number, or after a load that all of it follows again."""
    moved = {**BUDI, "NIK": NEWCOMER["NIK"]}
    lock(installation, SARI["NIK"])
    files = [
        feed(installation, 0, {"change": "changed", "row": SARI}, MERGER),
        feed(installation, 2, {**MERGER, "change": "changed"}),
        feed(installation, 3, {"change": "nik_changed", "row": moved, "was": [BUDI["NIK"]], "also": [SARI["NIK"]]}),
        feed(installation, 4, {"change": "changed", "row": moved, "also": [SARI["NIK"]]}),
    ]  # fmt: skip
    follow(installation.settings, "f", files[0])
    unlock(installation, BUDI["NIK"])
    for data in files[1:]:
        follow(installation.settings, "f", data)
        assert count(installation, "locked") == 1
    installation.load(PEOPLE)
    for data in files:
        follow(installation.settings, "f", data)
        assert count(installation, "locked") == 1


def test_what_was_lifted_after_a_parting_does_not_come_back(installation: Installation) -> None:
    """Merged by mistake with somebody locked, parted and unlocked: so also where a load is followed by all of it."""
    lock(installation, SARI["NIK"])
    files = [
        feed(installation, 0, MERGER),
        feed(installation, 1, *({"change": "changed", "row": row} for row in (SARI, BUDI))),
    ]
    for data in files:
        follow(installation.settings, "f", data)
    unlock(installation, BUDI["NIK"])
    installation.load(PEOPLE)
    for data in files:
        follow(installation.settings, "f", data)
        assert count(installation, "locked") == 1


def test_a_mark_that_was_lifted_does_not_come_back_by_way_of_a_third_number(
    installation: Installation,
) -> None:
    """The person is merged into another one, with every number that they had."""
    lock(installation, SARI["NIK"])
    follow(installation.settings, "f", feed(installation, 0, MERGER))
    unlock(installation, BUDI["NIK"])
    third = {"change": "merged", "row": NEWCOMER, "also": [BUDI["NIK"], SARI["NIK"]]}
    follow(installation.settings, "f", feed(installation, 1, third))
    assert count(installation, "locked") == 1


def test_a_number_that_was_given_up_binds_its_person_also_later(installation: Installation) -> None:
    """Officers marked what a resident's old card says: once the change is read again, the person bears it."""
    moved = {**SARI, "NIK": NEWCOMER["NIK"]}
    data = feed(installation, 0, {"change": "nik_changed", "row": moved, "was": [SARI["NIK"]]})
    follow(installation.settings, "f", data)
    lock(installation, SARI["NIK"], followed=True)
    installation.load(PEOPLE)
    follow(installation.settings, "f", data)
    assert count(installation, "locked") == 2


def test_whoever_is_merged_once_more_brings_their_marks_once_more(installation: Installation) -> None:
    """Parted in between, they were another person, from whom officers took nothing."""
    lock(installation, SARI["NIK"])
    apart = [{"change": "changed", "row": row} for row in (SARI, BUDI)]
    follow(installation.settings, "f", feed(installation, 0, MERGER))
    follow(installation.settings, "f", feed(installation, 1, *apart))
    unlock(installation, BUDI["NIK"])
    follow(installation.settings, "f", feed(installation, 3, MERGER))
    assert count(installation, "locked") == 2


def test_a_mark_that_was_put_once_more_goes_along_once_more(installation: Installation) -> None:
    """Also where the release before has lifted it, which knows nothing of whom it went to."""
    lock(installation, SARI["NIK"])
    follow(installation.settings, "f", feed(installation, 0, MERGER))
    unlock(installation, BUDI["NIK"])
    with closing(Directory(installation.settings.log_database)) as directory, directory.writing() as rows:
        rows.execute(delete(schema.resident_mark))
    lock(installation, SARI["NIK"])
    follow(installation.settings, "f", feed(installation, 1, {**MERGER, "change": "changed"}))
    assert count(installation, "locked") == 2


def test_nobody_is_found_under_an_erased_number_for_a_moment(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that comes again and is not bound by its other number writes no row under that."""
    merged = feed(installation, 0, {"change": "merged", "row": BUDI, "also": [SARI["NIK"]]})
    follow(installation.settings, "f", merged)
    follow(installation.settings, "f", feed(installation, 1, {"change": "erased", "nik": SARI["NIK"]}))
    installation.load(PEOPLE)
    die_after_rows(installation, merged, monkeypatch)
    found = comparable(installation, [BUDI["NIK"], SARI["NIK"]])
    assert [each is None for each in found.values()] == [False, True]


def test_nobody_is_found_under_a_locked_number_whose_lock_stays_there(installation: Installation) -> None:
    """While changes of before the lock are read again, the number is not answered as the other one's."""
    follow(installation.settings, "f", merged := feed(installation, 0, MERGER))
    follow(installation.settings, "f", feed(installation, 1, {"change": "changed", "row": SARI}))
    lock(installation, SARI["NIK"], followed=True)
    installation.load(PEOPLE)
    follow(installation.settings, "f", merged)
    found = comparable(installation, [BUDI["NIK"], SARI["NIK"]])
    assert [each is None for each in found.values()] == [False, True]
    assert count(installation, "locked") == 1


def die_after_marks(made: Installation, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process end when it has written down whom a file erases, and has changed no row yet."""
    die_after(Rights, "keep", made, data, monkeypatch)


def die_after_rows(made: Installation, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process end when it has changed rows, and not yet looked who was erased meanwhile."""
    die_after(Sync, "_until_unmoved", made, data, monkeypatch)


def die_after(
    kind: type, step: str, made: Installation, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a process end after a step."""

    class Killed(BaseException):
        """The end of a process."""

    done = getattr(kind, step)

    def die(*given: Any, **named: Any) -> None:
        done(*given, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(kind, step, die)
        with pytest.raises(Killed):
            follow(made.settings, "f", data)
