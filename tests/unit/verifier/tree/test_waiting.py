"""Who cosigns late: how long a checkpoint waits for that, and what comes of lines that come after its time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from keys.signing import Signer
from padan.tlog import note
from padan.tlog.note import Algorithm, Line, VerifierKey
from tests.tree import MANDATE, lost
from verifier.log.store import LeaderLostError
from verifier.tree.cosigner import Asked, renewed
from verifier.tree.sequencer import COSIGN_SECONDS, SLOW_COSIGN_SECONDS
from verifier.tree.waiting import PATIENT_ROUNDS, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tree import Site

WITNESS = Signer(bytes(32))
WITNESS_KEY = VerifierKey("witness.example/w", Algorithm.COSIGNATURE, WITNESS.public_key)
OTHER_KEY = VerifierKey("witness.example/other", Algorithm.COSIGNATURE, WITNESS.public_key)
ASKED = Asked("text\n", b"", 1, lambda _: [])
PATIENCE = 30.0
"""More than anything takes here."""


def line(text: str, time: int, key: VerifierKey = WITNESS_KEY) -> Line:
    """Cosign a text."""
    return note.cosign(text, key, WITNESS.sign, time)


def cosigned(site: Site) -> list[tuple[str, int]]:
    """List the cosignatures of the published checkpoint, which all hold, with their times."""
    data = site.folder.checkpoint()
    assert data is not None
    site.stated()
    return [(each.key.name, each.time) for each in note.verify(note.parse(data), [WITNESS_KEY, OTHER_KEY])]


def ended(waiting: Waiting) -> None:
    """Wait until the last round is over."""
    assert waiting._round is not None
    waiting._round.join(PATIENCE)
    assert not waiting._round.is_alive()


class Answers:
    """A cosigner that answers each round when it is told to, and goes on by itself as far as it is told."""

    def __init__(self, *, enough: bool = True, lines: int = 1) -> None:
        self.go = threading.Event()
        self.go.set()
        self.enough = enough
        self.lines = lines
        self.slowly = 0.0
        self.since: list[Line] = []
        self.told: list[tuple[int, tuple[Line, ...]]] = []

    def __call__(self, text: str, signed: bytes, size: int, consistency: object) -> list[Line]:
        """Answer."""
        del signed, size, consistency
        threading.Event().wait(self.slowly)
        assert self.go.wait(PATIENCE)
        return [line(text, 1)] * self.lines

    def late(self, text: str) -> list[Line]:
        """Give what has come since."""
        del text
        lines, self.since = self.since, []
        return lines

    def suffices(self, lines: Sequence[Line]) -> bool:
        """Say what it was told to say."""
        return bool(lines) and self.enough

    def published(self, asked: Asked, lines: Sequence[Line]) -> None:
        """Keep what is published."""
        self.told.append((asked.size, tuple(lines)))


def test_a_busy_log_is_cosigned_by_witnesses_that_are_slow(local: Site) -> None:
    """Each turn has something new, and the lines of each checkpoint are late: but for the first all are cosigned."""
    answers = Answers()
    answers.slowly = COSIGN_SECONDS * 1.5
    sequencer = local.sequencer(answers)
    found = []
    for _ in range(4):
        local.write(1)
        assert sequencer.turn(MANDATE)
        found.append(len(cosigned(local)))
        ended(sequencer._waiting)
    assert found == [0, 1, 1, 1]
    assert [(size, len(lines)) for size, lines in answers.told] == [(1, 1), (2, 2), (3, 2), (4, 2)]
    assert answers.slowly < SLOW_COSIGN_SECONDS


def test_patience_ends_where_it_is_of_no_use() -> None:
    """After a round without enough lines, and after many that were in time, no checkpoint waits for long."""
    answers = Answers()
    waiting = Waiting(answers, seconds=0.01, at_most=PATIENCE)

    def is_late() -> bool:
        """Have one round answered after its time, and say whether it was not waited for."""
        answers.go.clear()
        lines = waiting.ask(ASKED)
        answers.go.set()
        ended(waiting)
        waiting.late(ASKED.text)
        return not lines

    assert is_late()
    answers.slowly = 0.1
    assert len(waiting.ask(ASKED)) == 1, "it was late before"
    answers.lines = 0
    assert waiting.ask(ASKED) == []
    assert is_late(), "nothing had come"
    answers.lines, answers.enough = 1, False
    assert is_late(), "nothing had come"
    assert is_late(), "too little had come"
    answers.enough, answers.slowly = True, 0.0
    assert is_late()
    for _ in range(PATIENT_ROUNDS):
        assert len(waiting.ask(ASKED)) == 1
    assert waiting._next_patience() == 0


def test_an_idle_log_shows_the_newest_cosignatures(local: Site) -> None:
    """A line that was given again takes the place of the older one, an older one of none, and each is told of."""
    answers = Answers()
    sequencer = local.sequencer(answers)
    local.write(3)
    assert sequencer.turn(MANDATE)
    (text,) = {note.parse(local.folder.checkpoint() or b"").text}
    assert cosigned(local) == [(WITNESS_KEY.name, 1)]
    for since, shown in (
        ([line(text, 50)], [(WITNESS_KEY.name, 50)]),
        ([line(text, 49)], [(WITNESS_KEY.name, 50)]),
        ([line(text, 60), line(text, 55, OTHER_KEY)], [(WITNESS_KEY.name, 60), (OTHER_KEY.name, 55)]),
        ([line(text, 70, OTHER_KEY)], [(WITNESS_KEY.name, 60), (OTHER_KEY.name, 70)]),
    ):
        before, answers.since = cosigned(local), since
        assert sequencer.turn(MANDATE) == (before != shown)
        assert cosigned(local) == shown
        assert len(answers.told[-1][1]) == 1 + len(shown)
    assert len(answers.told) == 5
    assert not sequencer.turn(MANDATE)
    assert len(answers.told) == 5


def test_a_leader_that_begins_adds_lines_to_what_is_published(local: Site) -> None:
    """With nothing to publish it goes on from the checkpoint that stands, and the lines in it stay."""
    local.publish(3)
    (text,) = {note.parse(local.folder.checkpoint() or b"").text}
    answers = Answers()
    for name, key in ((WITNESS_KEY.name, WITNESS_KEY), (OTHER_KEY.name, OTHER_KEY)):
        answers.told.clear()
        sequencer = local.sequencer(answers)
        assert not sequencer.turn(MANDATE)
        assert [size for size, _ in answers.told] == [3]
        answers.since = [line(text, 9, key)]
        assert sequencer.turn(MANDATE)
        assert (name, 9) in cosigned(local)
    assert len(cosigned(local)) == 2


def test_a_leader_whose_term_is_over_adds_no_line(local: Site) -> None:
    """The next one may have published since."""
    answers = Answers()
    sequencer = local.sequencer(answers)
    local.write(3)
    assert sequencer.turn(MANDATE)
    (text,) = {note.parse(local.folder.checkpoint() or b"").text}
    answers.since = [line(text, 9)]

    sequencer._require = lost
    with pytest.raises(LeaderLostError):
        sequencer.turn(MANDATE)
    assert cosigned(local) == [(WITNESS_KEY.name, 1)]


def test_lines_of_the_log_are_no_cosignatures() -> None:
    """They stay where they are, whatever comes."""
    own = note.sign("text\n", VerifierKey("log", Algorithm.LOG, WITNESS.public_key), WITNESS.sign)
    assert note.stated_time(own) == 0
    assert renewed([own], [line("text\n", 5)]) == (own, line("text\n", 5))
