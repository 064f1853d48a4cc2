"""A rotation of the inner keys, as tokens see it: each leads to its resident in both epochs, at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import Purpose
from tests.integration import tokens
from tests.integration.feeding import feed, people
from tests.integration.projecting import COUNT, FEED, order_of, write
from tests.integration.tokens import AWAY, made
from verifier.core import present
from verifier.feed import document
from verifier.feed.following import follow, signers_of
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.step import Step
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.installation import Installation

__all__ = ["made"]
EVERYONE = people(COUNT)
NUMBERS = list(EVERYONE)
SPARE = list(people(COUNT + 3))[COUNT:]
GONE = NUMBERS[3]
"""Who is withdrawn before the rotation, so that neither its source nor its feed holds them."""


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is to be waited for: each `desk` looks at the epochs when it begins."""
    monkeypatch.setattr("verifier.rotation.token_rows.POLL_SECONDS", 0)


class Play:
    """An installation, and where each token leads that was issued in it."""

    def __init__(self, made: Installation) -> None:
        self.made = made
        self.position = 0
        self.expected: dict[bytes, str | None] = {}

    def issue(self, *chosen: str) -> None:
        """Issue tokens."""
        with tokens.desk(self.made) as desk:
            self.expected.update(zip(desk.issue(*chosen), chosen, strict=True))

    def lead(self, before: str | None, after: str | None) -> None:
        """Take notice that tokens lead elsewhere."""
        self.expected.update({token: after for token, number in self.expected.items() if number == before})

    def take(self, *changes: dict[str, Any]) -> bytes:
        """Take changes in."""
        data = feed(self.made, self.position, *changes)
        follow(self.made.settings, "changes", data)
        self.position += len(changes)
        return data

    def check(self) -> None:
        """See that each token leads where it should, in the epoch that is in use."""
        with tokens.desk(self.made) as desk:
            found = desk.leads(list(self.expected), [*NUMBERS, *SPARE])
        assert dict(zip(self.expected, found, strict=True)) == self.expected

    def begin(self) -> bytes:
        """Issue tokens, and let numbers change hands."""
        self.issue(*NUMBERS[:6])
        changes = self.take(
            {"change": "withdrawn", "nik": GONE},
            _change(NUMBERS[0], SPARE[0]),
            {"change": "merged", "row": EVERYONE[NUMBERS[1]], "also": [NUMBERS[2]]},
        )
        self.lead(NUMBERS[0], SPARE[0])
        self.lead(NUMBERS[2], NUMBERS[1])
        self.check()
        return changes

    def project(self) -> InnerRotator:
        """Bring everybody into a new epoch, while tokens are issued and a number changes hands."""
        changes = self.begin()
        absent = {NUMBERS[0], NUMBERS[2], GONE}
        rows = [row for number, row in EVERYONE.items() if number not in absent]
        source = write(self.made.root / "people.csv", [*rows, {**EVERYONE[NUMBERS[0]], "NIK": SPARE[0]}])
        rotator = InnerRotator(self.made.settings, reached=self._reached)
        rotator.project(order_of(source), holds={FEED: 1}, make_keys=True)
        self.check()
        parsed = document.parse(self.made.realm, changes, signers_of(self.made.settings))
        assert rotator.replay([parsed])[0].there.missing == 0
        self.issue(NUMBERS[9])
        self.check()
        return InnerRotator(self.made.settings)

    def project_without(self, absent: str) -> InnerRotator:
        """Bring everybody into a new epoch but one number, which a source that is newer than the feed lacks."""
        rows = [row for number, row in EVERYONE.items() if number != absent]
        source = write(self.made.root / "people.csv", rows)
        rotator = InnerRotator(self.made.settings, newer=True)
        done = rotator.project(order_of(source), holds={FEED: self.position}, make_keys=True)
        assert done.there.missing == 1
        return rotator

    def _reached(self, step: Step) -> None:
        if step is Step.MOVED:
            self.issue(NUMBERS[7], NUMBERS[8])
            self.take(_change(NUMBERS[7], SPARE[1]))
            self.lead(NUMBERS[7], SPARE[1])


def _change(before: str, after: str) -> dict[str, Any]:
    return {"change": "nik_changed", "row": {**EVERYONE[before], "NIK": after}, "was": [before]}


def test_tokens_lead_alike_in_both_epochs(made: Installation) -> None:
    """Before, while and after, also reverted: whatever was issued, changed and merged at any step."""
    play = Play(made)
    rotator = play.project()
    rotator.flip()
    play.lead(GONE, None)
    play.check()
    play.issue(NUMBERS[11])
    play.take(_change(NUMBERS[8], SPARE[2]))
    play.lead(NUMBERS[8], SPARE[2])
    play.check()
    rotator.revert()
    play.lead(None, GONE)
    play.check()
    play.issue(NUMBERS[12])
    rotator.flip()
    play.lead(GONE, None)
    play.check()
    before = tokens.count(made)
    rotator.finish(now=True)
    assert tokens.count(made) == before - 1, "who was withdrawn is nobody under the new keys"
    play.check()
    play.take({"change": "new", "row": EVERYONE[GONE]})
    play.issue(GONE)
    play.check()


def test_a_process_that_is_late_writes_both_names(made: Installation) -> None:
    """Who has not followed a flip, or a revert, issues tokens that are found at once in the epoch that answers."""
    play = Play(made)
    rotator = play.project()
    for step, number in ((rotator.flip, NUMBERS[10]), (rotator.revert, NUMBERS[11])):
        with tokens.desk(made) as late:
            step()
            (token,) = late.issue(number)
        with tokens.desk(made) as desk:
            assert desk.leads([token], NUMBERS) == [number]


def test_what_knew_nothing_of_the_rotation_is_an_outage_and_then_found(made: Installation) -> None:
    """A row with one name is completed by the next sample; until then its token is never answered with a no."""
    play = Play(made)
    with tokens.desk(made) as old:
        rotator = play.project()
        (token,) = old.issue(NUMBERS[10])
    rotator.flip()
    with tokens.desk(made) as desk:
        assert desk.leads([token], NUMBERS) == [AWAY]
    rotator.sample()
    play.lead(GONE, None)
    play.expected[token] = NUMBERS[10]
    play.check()


def test_who_comes_back_after_the_projection_is_found_in_both_epochs(made: Installation) -> None:
    """Neither source nor feed held them when the rows were given their second names, which then said: nobody."""
    play = Play(made)
    rotator = play.project()
    play.take({"change": "new", "row": EVERYONE[GONE]})
    play.check()
    rotator.flip()
    play.check()
    rotator.revert()
    play.check()


def test_who_was_missing_is_found_once_a_feed_brings_them(made: Installation) -> None:
    """The source lacks a resident whom the epoch in use holds; a correction brings them before the flip."""
    play = Play(made)
    play.issue(*NUMBERS[:2])
    play.take({"change": "changed", "row": EVERYONE[NUMBERS[1]]})
    rotator = play.project_without(NUMBERS[0])
    play.take({"change": "changed", "row": {**EVERYONE[NUMBERS[0]], "NAMA_LGKP": "SITI NURHALIZA"}})
    rotator.flip()
    play.check()


def test_a_merged_number_that_the_source_lacks_leads_on(made: Installation) -> None:
    """A token that was issued to a merged number itself: the feed brings the number again after the projection."""
    play = Play(made)
    survivor, merged = NUMBERS[:2]
    play.take({"change": "merged", "row": EVERYONE[survivor], "also": [merged]})
    play.issue(survivor, merged)
    rotator = play.project_without(merged)
    play.take({"change": "moved", "row": EVERYONE[survivor], "also": [merged]})
    play.check()
    rotator.flip()
    play.check()
    rotator.revert()
    play.check()


def test_without_the_other_epochs_key_the_epoch_in_use_answers_on(made: Installation) -> None:
    """Somebody destroys the new key in the middle of a rotation: rows get one name again, and nothing is an outage."""
    play = Play(made)
    play.project()
    with tokens.desk(made) as desk:
        before, after = desk.epoch.inner.index_id, present(desk.epoch.other).index_id
    keys = tokens.custody(made)
    keys.activate(Purpose.INDEX, before, primary=True)
    keys.deactivate(Purpose.INDEX, after)
    keys.destroy(Purpose.INDEX, after)
    play.issue(NUMBERS[12])
    play.check()
    with tokens.desk(made) as desk:
        assert desk.epoch.other is None


def test_a_flip_renames_nothing(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of millions of tokens not one row is read at a flip or a revert, while changes are kept out."""
    play = Play(made)
    rotator = play.project()
    pages, read = RowTable.pages, 0

    def counted(table: RowTable) -> Iterator[list[tuple[bytes, bytes]]]:
        nonlocal read
        read += 1
        return pages(table)

    monkeypatch.setattr(RowTable, "pages", counted)
    rotator.flip()
    rotator.revert()
    assert not read
    rotator.sample()
    assert read
