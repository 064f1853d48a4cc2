"""The main path of an update: what is kept, gone on with, written, asked again and reported, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from padan.errors import QuotaError, UnavailableError
from padan.table.errors import TableError
from padan.token import Token
from padan.update import UpdateProofError
from padan.updating.fileplace import FilePlace
from padan.updating.held import DOUBLE, FOREIGN, NONE, OUTDATED, REFUSED
from padan.updating.sample import SampleError, draw
from padan.updating.undo import undo
from padan.updating.update import Summary, count, update
from tests.simulator.tokendomain import Domain
from tests.unit.padan.updating.conftest import BOUND, Meter, calls_of, updated

if TYPE_CHECKING:
    from pathlib import Path

    from padan.updating.calls import Calls

MANY = 120  # three calls


@pytest.fixture
def path(tmp_path: Path, domain: Domain) -> Path:
    """A file with tokens of the first version."""
    return write(tmp_path / "t.csv", domain.texts(range(MANY), 1))


def write(path: Path, tokens: list[str]) -> Path:
    """Write a file with tokens."""
    path.write_text("id,token\n" + "".join(f"{row},{token}\n" for row, token in enumerate(tokens)))
    return path


def read(path: Path) -> list[str]:
    """Read a file's tokens."""
    return [line.split(",")[1] for line in path.read_text().splitlines()[1:]]


def opened(path: Path) -> FilePlace:
    """Open a file."""
    return FilePlace.open(path, "token", BOUND)


def raising(error: Exception) -> Any:
    """Make a step that fails."""

    def step() -> None:
        raise error

    return step


def test_every_row_gets_its_residents_new_token(path: Path, domain: Domain, calls: Calls) -> None:
    """In their order; custodians are told by each call how many are done, of how many."""
    summary, reported = updated(opened(path), calls)
    assert read(path) == domain.texts(range(MANY))
    assert (summary.rows, summary.moved, summary.before, summary.written) == (MANY, MANY, 0, True)
    assert reported == [summary]
    told = [(len(call.tokens), call.progress.done, call.progress.total) for call in domain.calls]
    assert told[:3] == [(50, 50, MANY), (50, 100, MANY), (20, MANY, MANY)]
    assert all((done, total) in {(0, 0), (MANY, MANY)} for _, done, total in told[3:])


@pytest.mark.parametrize("error", [UnavailableError("away"), UpdateProofError("not believed")])
def test_what_came_before_a_failure_is_kept_and_not_asked_again(
    path: Path, domain: Domain, calls: Calls, error: Exception
) -> None:
    """The file is as it was until every row is answered; the report says how far it is, also when an error ends it."""
    before = path.read_bytes()
    domain.steps.extend([lambda: None, raising(error)])
    reported: list[Summary] = []
    with opened_closing(path) as place, pytest.raises(type(error)):
        update(place, calls, lambda *_: Meter(), reported.append)
    assert (reported[0].moved, reported[0].written, path.read_bytes()) == (50, False, before)
    domain.calls.clear()
    summary, _ = updated(opened(path), calls_of(domain), sample=0)
    assert (summary.before, summary.moved) == (50, MANY - 50)
    assert [len(call.tokens) for call in domain.calls] == [50, 20]
    assert domain.calls[0].progress.done == 100
    assert read(path) == domain.texts(range(MANY))


def opened_closing(path: Path) -> Any:
    """Open a file, and let go of it."""
    from contextlib import closing

    return closing(opened(path))


def test_a_stop_keeps_what_was_answered(path: Path, domain: Domain, calls: Calls) -> None:
    """Whoever presses Ctrl-C gets the call that is under way, and an untouched file."""
    before = path.read_bytes()
    domain.steps.append(calls.stop)
    with opened_closing(path) as place:
        summary, _ = updated(place, calls)
    assert (summary.moved, summary.written, summary.sample, path.read_bytes()) == (50, False, None, before)
    assert updated(opened(path), calls_of(domain))[0].before == 50


def test_a_refusal_for_the_rate_is_the_same_call_later(path: Path, domain: Domain, calls: Calls) -> None:
    """The same bytes are sent again."""
    domain.steps.append(raising(QuotaError("too fast", reason="RATE_LIMITED", retry_after=0.0)))
    updated(opened(path), calls, sample=0)
    assert domain.bodies[0] == domain.bodies[1]
    assert read(path) == domain.texts(range(MANY))


def test_a_domain_that_rotates_meanwhile_is_followed(path: Path, domain: Domain, calls: Calls) -> None:
    """No row is left with a token of the version between."""
    domain.steps.extend([lambda: None, domain.rotate])
    summary, _ = updated(opened(path), calls)
    assert (summary.version, read(path)) == (3, domain.texts(range(MANY), 3))
    assert summary.sample is not None
    assert (summary.sample.rows, summary.sample.wrong) == (10, ())


def test_bad_rows_are_named_by_number_and_good_ones_go_on(
    tmp_path: Path, domain: Domain, calls: Calls
) -> None:
    """Empty, cut, foreign, outdated and forged tokens stay as they are; no name of the rule holds a token."""
    good = domain.texts([1], 1)[0]
    own = Token.from_text(good)
    forged = Token(domain="health", version=1, element=own.element, tag=bytes(16)).text
    ended = Token(domain="health", version=0, element=own.element, tag=own.tag).text
    tokens = ["", good[:-2], Domain(name="tax").texts([1])[0], ended, forged, "\x01", good]
    path = write(tmp_path / "t.csv", tokens)
    summary, _ = updated(opened(path), calls)
    assert list(summary.bad) == [1, 2, 3, 4, 5, 6]
    assert (summary.bad[1], *list(summary.bad.values())[2:5]) == (NONE, FOREIGN, OUTDATED, REFUSED)
    assert "cut off" in summary.bad[2]
    assert DOUBLE not in summary.bad.values()
    assert read(path) == [*tokens[:-1], domain.texts([1])[0]]
    assert not any(good[:20] in rule for rule in summary.bad.values())


def test_versions_do_not_mix_in_a_call(tmp_path: Path, domain: Domain) -> None:
    """Tokens of several older versions go in calls of one version each, and are told apart to the custodians."""
    domain.rotate()
    mixed = [*domain.texts(range(3), 1), *domain.texts(range(3, 8), 2), *domain.texts(range(8, 9), 3)]
    path = write(tmp_path / "t.csv", mixed[::-1])
    calls = calls_of(domain)
    counted = count(opened(path), calls)
    assert (counted.versions, counted.written, read(path)) == ({1: 3, 2: 5, 3: 1}, False, mixed[::-1])
    updated(opened(path), calls, sample=0)
    assert sorted((len(call.tokens), call.progress.total) for call in domain.calls) == [(3, 3), (5, 5)]
    assert read(path) == domain.texts(range(9))[::-1]


def test_a_sample_finds_rows_that_were_exchanged(path: Path, domain: Domain, calls: Calls) -> None:
    """Two rows that hold each other's token are named: each is accepted, and not what its old one becomes."""

    class Exchanging(FilePlace):
        def settle(self) -> None:
            """Exchange two rows behind the update's back."""
            super().settle()
            new = domain.texts(range(2))
            path.write_text(
                path.read_text().replace(new[0], "?").replace(new[1], new[0]).replace("?", new[1])
            )
            self._look()

        def before(self, held: Any) -> bytes:
            """Give what stood in the row."""
            return domain.issue(held.number - 1, 1)

    with pytest.raises(SampleError, match=rf"2 of {MANY} rows .*: 1, 2$"):
        updated(Exchanging.open(path, "token", BOUND), calls, sample=MANY)


def test_a_sample_finds_what_the_service_never_issued(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """A forged token of the version that issues is not moved, but a sample that draws it names its row."""
    own = Token.from_text(domain.texts([1])[0])
    forged = Token(domain="health", version=2, element=own.element, tag=bytes(16)).text
    path = write(tmp_path / "t.csv", [own.text, forged])
    with pytest.raises(SampleError, match=r": 2$"):
        updated(opened(path), calls)
    assert read(path) == [own.text, forged]


def test_a_sample_is_drawn_evenly() -> None:
    """Each row is about as often in it as another; a small place is in it whole."""
    rows: list[Any] = list(range(20))
    assert draw(rows[:4], 5) == rows[:4]
    drawn = [row for _ in range(4_000) for row in draw(rows, 5)]
    assert all(850 < drawn.count(row) < 1_150 for row in rows)


def test_a_file_that_others_changed_is_not_written_over(path: Path, domain: Domain, calls: Calls) -> None:
    """Neither the change nor the answers are lost: the same command goes on."""

    def append() -> None:
        with path.open("a") as file:
            file.write(f"x,{domain.texts([MANY], 1)[0]}\n")

    domain.steps.append(append)
    with opened_closing(path) as place, pytest.raises(TableError, match="was changed while it was read"):
        updated(place, calls)
    assert read(path) == domain.texts(range(MANY + 1), 1)
    summary, _ = updated(opened(path), calls_of(domain))
    assert (summary.before + summary.moved, read(path)) == (MANY + 1, domain.texts(range(MANY + 1)))


def test_an_undo_tells_the_custodians(path: Path, domain: Domain, calls: Calls) -> None:
    """The last word about the old version is that none of its tokens is moved; a failure to say so undoes nothing."""
    before = path.read_bytes()
    with opened_closing(path) as place:
        updated(place, calls)
        undone, custodians = undo(place, calls)
    assert (undone.put_back, custodians, path.read_bytes()) == (MANY, True, before)
    assert (domain.calls[-1].progress.done, domain.calls[-1].progress.total) == (0, MANY)
    with opened_closing(path) as place:
        updated(place, calls)
        domain.steps.append(raising(UnavailableError("away")))
        assert undo(place, calls)[1] is False
    assert path.read_bytes() == before


def test_a_second_update_is_undone_by_one_step(path: Path, domain: Domain) -> None:
    """Rows that were moved twice go back to the version between, those that were moved once to theirs."""
    with opened_closing(path) as place:
        updated(place, calls_of(domain))
    domain.rotate()
    with opened_closing(path) as place:
        updated(place, calls_of(domain))
        assert read(path) == domain.texts(range(MANY), 3)
        undo(place, calls_of(domain))
    assert read(path) == domain.texts(range(MANY), 2)


def test_what_is_too_late_is_not_put_back(path: Path, domain: Domain, calls: Calls) -> None:
    """A token whose version's time is over would be refused from then on, so the new one stays."""
    with opened_closing(path) as place:
        updated(place, calls)
        domain.end(1)
        undone, _ = undo(place, calls_of(domain))
    assert (undone.put_back, undone.outdated, read(path)) == (0, MANY, domain.texts(range(MANY)))
