"""Whether a witness is well: it writes its book to find out, seldom, and changes nothing in it."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING

import pytest

from padan.tlog import note
from padan.witness.book import Book
from padan.witness.witness import PROBE_SECONDS, Witness
from tests.smalllog import SmallLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Bench:
    """A witness of a log, with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.log = SmallLog()
        self.path = folder / "book.sqlite"
        self.book = Book(self.path, create=True)
        self.time = 0.0
        self.witness = Witness(
            logs=[self.log.key],
            book=self.book,
            cosign=lambda text, at: note.cosign(text, self.log.key, self.log.private.sign, at),
            clock=lambda: self.time,
        )

    def written(self) -> int:
        """Give the bytes that lie beside the book: each write adds some."""
        return self.path.with_name("book.sqlite-wal").stat().st_size

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no file grow beyond what is written already."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.written(), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A witness that has cosigned nothing."""
    made = Bench(tmp_path)
    yield made
    made.book.close()


def test_a_full_disk_is_not_well(bench: Bench) -> None:
    """Where submissions get 503, so does whoever asks whether the witness is well; neither does once there is room."""
    with bench.full_disk():
        assert bench.witness.add_checkpoint(bench.log.body(0, 5)).status == 503
        assert not bench.witness.is_well()
    assert bench.witness.is_well()
    assert bench.witness.add_checkpoint(bench.log.body(0, 5)).status == 200
    bench.time += 2 * PROBE_SECONDS
    with bench.full_disk():
        assert not bench.witness.is_well()


def test_who_asks_often_has_it_written_once(bench: Bench) -> None:
    """Within a second of a write, by a probe or for a log, nothing is written; after it once."""
    before = bench.written()
    assert bench.witness.is_well()
    once = bench.written()
    assert once > before
    for _ in range(5):
        assert bench.witness.is_well()
    assert bench.written() == once
    bench.time += PROBE_SECONDS
    assert bench.witness.is_well()
    assert bench.written() > once
    bench.time += PROBE_SECONDS
    bench.witness.add_checkpoint(bench.log.body(0, 5))
    cosigned = bench.written()
    assert bench.witness.is_well()
    assert bench.written() == cosigned


def test_a_probe_changes_nothing(bench: Bench) -> None:
    """What was cosigned stands in the book as before, and another process reads it."""
    bench.witness.add_checkpoint(bench.log.body(0, 5))
    known = bench.book.logs()
    for _ in range(3):
        bench.time += PROBE_SECONDS
        assert bench.witness.is_well()
    with contextlib.closing(Book(bench.path)) as other:
        assert other.logs() == known
