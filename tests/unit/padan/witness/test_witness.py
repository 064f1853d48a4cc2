"""The witness decides as C2SP's tlog-witness says, status by status, and never takes anything back."""

from __future__ import annotations

import base64
import pathlib
import sqlite3
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from padan.errors import ConfigError, LogFormatError
from padan.tlog import note
from padan.tlog.checkpoint import Checkpoint
from padan.witness import key, submission
from padan.witness.book import MOST_EVIDENCE, Book, Evidence, Latest
from padan.witness.witness import Witness, is_fork
from tests.smalllog import ORIGIN, SmallLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# From C2SP's tlog-witness text (CC BY 4.0).
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""
NOW = 1_796_000_000


@pytest.fixture
def log() -> SmallLog:
    """Make a log that the witness watches."""
    return SmallLog()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Make an empty book."""
    made = Book(tmp_path / "book.sqlite", create=True)
    yield made
    made.close()


@pytest.fixture
def signing(tmp_path: Path) -> key.WitnessKey:
    """Make the witness's key."""
    key.create(tmp_path / "key", "witness.example/w1")
    return key.load(tmp_path / "key")


@pytest.fixture
def witness(log: SmallLog, book: Book, signing: key.WitnessKey) -> Witness:
    """Make a witness at a fixed time."""
    return Witness(logs=[log.key], book=book, cosign=signing.cosign, now=lambda: NOW)


def test_the_example_of_the_text() -> None:
    """The body in C2SP's text is read as what it shows."""
    found = submission.parse(EXAMPLE.encode())
    assert (found.old, len(found.proof)) == (20_852_014, 4)
    assert (found.stated.origin, found.stated.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert submission.join(found.old, found.proof, str(found.signed).encode()) == EXAMPLE.encode()


def test_growth_is_cosigned(witness: Witness, log: SmallLog, signing: key.WitnessKey, book: Book) -> None:
    """200: each checkpoint that grows is cosigned over its text at the time, and written down."""
    old = 0
    for size in (0, 1, 3, 8, 8, 13):
        answer = witness.add_checkpoint(log.body(old, size))
        assert answer.status == 200, answer
        (line,) = note.parse_lines(answer.body.decode())
        (verified,) = note.verify(note.Note(log.text(size), (line,)), [signing.public])
        assert verified.time == NOW
        assert [latest.size for latest in book.logs()] == [size]
        old = size


def test_the_log_is_not_known(witness: Witness) -> None:
    """404: another origin."""
    assert witness.add_checkpoint(SmallLog("other.example/log").body(0, 1)).status == 404


def test_no_known_key_has_signed(witness: Witness, log: SmallLog, book: Book) -> None:
    """403: another key of the same name, or a signature that does not hold."""
    assert witness.add_checkpoint(SmallLog().body(0, 1)).status == 403
    changed = log.body(0, 1).replace(b"\n1\n", b"\n2\n")
    assert witness.add_checkpoint(changed).status == 403
    assert book.logs() == []


def test_signatures_of_strangers_are_ignored(witness: Witness, log: SmallLog, book: Book) -> None:
    """Lines of unknown keys neither help nor harm, and are not kept."""
    stranger = SmallLog("witness.example/other")
    text = log.text(2)
    lines = [note.sign(text, each.key, each.private.sign) for each in (stranger, log)]
    assert witness.add_checkpoint(submission.join(0, [], note.join(text, lines))).status == 200
    assert [latest.signed for latest in book.logs()] == [log.signed(2)]


def test_the_old_size_is_too_large(witness: Witness, log: SmallLog) -> None:
    """400: the old size is above the checkpoint's."""
    assert witness.add_checkpoint(submission.join(4, [], log.signed(3))).status == 400


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"old 2", b"old 02"),
        lambda body: body.replace(b"old 2", b"old  2"),
        lambda body: body.replace(b"old 2", b"old +2"),
        lambda body: body.replace(b"old 2", b"Old 2"),
        lambda body: body.replace(b"old 2", "old \u0662".encode()),
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: body[:-1],
        lambda body: body[:0],
        lambda body: body.replace(b"=\n", b"\n", 1),
        lambda body: body.replace(
            b"\n\n", b"\n" + b"\n".join([base64.b64encode(bytes(32))] * 64) + b"\n\n", 1
        ),
        lambda body: body.replace(b"\n5\n", b"\n9999999999999999999\n"),
        lambda body: body.replace(b"\n5\n", b"\n5\nextension\n"),
    ],
)
def test_what_is_no_submission(witness: Witness, log: SmallLog, change: object, book: Book) -> None:
    """400: another form, more than 63 hashes, or a size that no tree has."""
    assert callable(change)
    answer = witness.add_checkpoint(change(log.body(2, 5)))
    assert answer.status == 400, answer
    assert book.logs() == []


def test_the_old_size_is_another(witness: Witness, log: SmallLog) -> None:
    """409: the answer names the size from which the witness goes on, and that one is taken."""
    assert witness.add_checkpoint(log.body(2, 5)).body == b"0\n"
    assert witness.add_checkpoint(log.body(0, 5)).status == 200
    for old in (0, 3):
        answer = witness.add_checkpoint(log.body(old, 9))
        assert (answer.status, answer.body, answer.kind) == (409, b"5\n", "text/x.tlog.size")
    assert witness.add_checkpoint(log.body(5, 9)).status == 200


def test_the_proof_does_not_hold(witness: Witness, log: SmallLog, book: Book) -> None:
    """422: a wrong, missing, longer or needless proof; nothing moves."""
    assert witness.add_checkpoint(submission.join(0, [bytes(32)], log.signed(3))).status == 422
    witness.add_checkpoint(log.body(0, 5))
    good = log.proof(5, 9)
    for proof in ([], good[:-1], [*good, bytes(32)], [bytes(32), *good[1:]]):
        assert witness.add_checkpoint(submission.join(5, proof, log.signed(9))).status == 422
    assert witness.add_checkpoint(submission.join(5, [bytes(32)], log.signed(5))).status == 422
    assert [latest.size for latest in book.logs()] == [5]


def test_a_fork_of_one_size(witness: Witness, log: SmallLog, book: Book) -> None:
    """409: another root for the size that was cosigned is refused from any old size, and kept once as a proof."""
    witness.add_checkpoint(log.body(0, 5))
    lying = log.forked()
    for old in (5, 5, 3):
        answer = witness.add_checkpoint(lying.body(old, 5))
        assert (answer.status, answer.body) == (409, b"5\n")
    (kept,) = book.evidence()
    assert (kept.kind, kept.known, kept.refused) == ("fork", log.signed(5), lying.signed(5))
    assert is_fork(kept, [log.key])
    assert [latest.signed for latest in book.logs()] == [log.signed(5)]


def test_a_fork_that_does_not_extend(witness: Witness, log: SmallLog, book: Book) -> None:
    """422: a signed tree that does not begin with the one that was cosigned is refused and kept."""
    witness.add_checkpoint(log.body(0, 5))
    lying = log.forked()
    assert witness.add_checkpoint(lying.body(5, 9)).status == 422
    (kept,) = book.evidence()
    assert (kept.kind, kept.refused) == ("unproven", lying.signed(9))
    assert kept.proof == submission.join(5, lying.proof(5, 9), b"").decode()
    assert not is_fork(kept, [log.key])


def test_the_empty_tree_has_one_root(witness: Witness, log: SmallLog, book: Book) -> None:
    """409: a signed root of no leaves that is not the empty one is refused."""
    text = Checkpoint(ORIGIN, 0, bytes(32)).text
    signed = note.join(text, [note.sign(text, log.key, log.private.sign)])
    assert witness.add_checkpoint(submission.join(0, [], signed)).status == 409
    assert book.logs() == []


def test_evidence_has_an_end(witness: Witness, log: SmallLog, book: Book) -> None:
    """However often a log is refused, the book keeps a bounded number of each kind."""
    witness.add_checkpoint(log.body(0, 5))
    with book.turn() as turn:
        for number in range(MOST_EVIDENCE):
            turn.keep(
                Evidence(origin=ORIGIN, kind="fork", time=0, known=b"", refused=b"%d" % number, proof="")
            )
    assert witness.add_checkpoint(log.forked().body(5, 5)).status == 409
    assert book.evidence_counts() == {(ORIGIN, "fork"): MOST_EVIDENCE}


def test_times_do_not_go_back(log: SmallLog, book: Book, signing: key.WitnessKey) -> None:
    """A witness whose clock is put back cosigns at the time of its last cosignature, not before."""
    clock = [NOW, NOW - 1_000]
    witness = Witness(logs=[log.key], book=book, cosign=signing.cosign, now=lambda: clock.pop(0))
    for old in (0, 5):
        (line,) = note.parse_lines(witness.add_checkpoint(log.body(old, 5)).body.decode())
        (verified,) = note.verify(note.Note(log.text(5), (line,)), [signing.public])
        assert verified.time == NOW


def test_nothing_is_signed_that_is_not_written(log: SmallLog, tmp_path: Path) -> None:
    """503: while the book cannot be written, nothing is cosigned; afterwards everything goes on."""
    path = tmp_path / "held.sqlite"
    book = Book(path, create=True)
    book._connection.execute("PRAGMA busy_timeout = 50")
    signed: list[int] = []

    def cosign(text: str, time: int) -> note.Line:
        signed.append(time)
        return note.cosign(text, log.key, log.private.sign, time)

    witness = Witness(logs=[log.key], book=book, cosign=cosign, now=lambda: NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert witness.add_checkpoint(log.body(0, 5)).status == 503
    assert not witness.is_well()
    assert signed == []
    other.execute("ROLLBACK")
    other.close()
    assert witness.add_checkpoint(log.body(0, 5)).status == 200
    assert witness.is_well()
    book.close()


def test_two_at_once_are_never_rolled_back(log: SmallLog, tmp_path: Path) -> None:
    """The text's last section: of requests from one size at once one wins, also through two books of one file."""
    path = tmp_path / "shared.sqlite"
    books = [Book(path, create=number == 0) for number in range(2)]
    witnesses = [
        Witness(
            logs=[log.key],
            book=book,
            cosign=lambda text, time: note.cosign(text, log.key, log.private.sign, time),
        )
        for book in books
    ]
    old = 0
    for round_ in range(1, 13):
        sizes = [old + 1 + step for step in range(4)]
        answers: dict[int, int] = {}
        barrier = threading.Barrier(len(sizes))

        def submit(
            size: int, old: int = old, barrier: threading.Barrier = barrier, into: dict[int, int] = answers
        ) -> None:
            barrier.wait()
            into[size] = witnesses[size % 2].add_checkpoint(log.body(old, size)).status

        threads = [threading.Thread(target=submit, args=(size,)) for size in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers.values()) == [200, 409, 409, 409], round_
        (won,) = [size for size, status in answers.items() if status == 200]
        assert [latest.size for latest in books[0].logs()] == [won]
        old = won
    for book in books:
        book.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.booleans(), st.booleans()), max_size=12
    )
)
def test_any_requests_leave_one_history(steps: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever is submitted in whatever order, what is cosigned is one tree that grows."""
    honest = SmallLog(private=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    lying = honest.forked()
    with tempfile.TemporaryDirectory() as folder:
        book = Book(pathlib.Path(folder) / "book.sqlite", create=True)
        witness = Witness(
            logs=[honest.key],
            book=book,
            cosign=lambda text, time: note.cosign(text, honest.key, honest.private.sign, time),
        )
        size, root = 0, b""
        for old, new, lies, spoils in steps:
            log = lying if lies else honest
            proof = log.proof(old, new) if 0 < old <= new else []
            body = submission.join(old, proof[:-1] if spoils else proof, log.signed(new))
            if witness.add_checkpoint(body).status == 200:
                assert new >= size
                assert not size or log.root(size) == root
                size, root = new, log.root(new)
        book.close()


@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    """Whatever bytes come, they are a submission or are refused as none."""
    try:
        found = submission.parse(data)
    except LogFormatError:
        return
    assert submission.join(found.old, found.proof, str(found.signed).encode()) == data


def test_the_book_outlives_the_process(log: SmallLog, tmp_path: Path) -> None:
    """What one process has written down another finds; a missing, foreign or doubled book is refused."""
    path = tmp_path / "book.sqlite"
    with pytest.raises(ConfigError, match="missing"):
        Book(path)
    book = Book(path, create=True)
    latest = Latest(origin=ORIGIN, size=5, root=log.root(5), signed=log.signed(5), time=NOW)
    with book.turn() as turn:
        turn.advance(latest)
    book.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="already"):
        Book(path, create=True)
    book = Book(path)
    assert book.logs() == [latest]
    book.close()
    (tmp_path / "text").write_text("no database, but a text that is long enough to be looked at")
    with pytest.raises(ConfigError, match="not a witness's book"):
        Book(tmp_path / "text")


def test_the_key_is_its_owners(tmp_path: Path) -> None:
    """The key's file is 0600, is never replaced, shows nothing, and is refused where others can read it."""
    path = tmp_path / "key"
    public = key.create(path, "witness.example/w1")
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = key.load(path)
    assert loaded.public == public
    assert repr(loaded) == "WitnessKey('witness.example/w1')"
    with pytest.raises(ConfigError, match="exists"):
        key.create(path, "witness.example/w1")
    with pytest.raises(ConfigError, match="cannot be used"):
        key.create(tmp_path / "other", "two words")
    text = path.read_text()
    for wrong in ("", text[:-9], text.replace("w1", "w2"), text.replace("PRIVATE", "PUBLIC"), str(public)):
        path.write_text(wrong)
        with pytest.raises(ConfigError, match="not a witness's key"):
            key.load(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        key.load(path)
