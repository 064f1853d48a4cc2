"""A custodian reads in words, in two languages, what a signature will do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keys import summary
from keys.keychange import Action, Change
from keys.purpose import KeysetName, Purpose
from keys.roster import Roster
from tests.unit.keys.council import roster
from tests.unit.keys.test_keychange import END, KEYED, KEYSETS, TEXTED


@pytest.mark.parametrize("purpose", KEYSETS)
@pytest.mark.parametrize("action", sorted({*Action} - {Action.END_DOMAIN}))
def test_every_change_has_words(action: Action, purpose: KeysetName) -> None:
    """Each action on each purpose is told with purpose, key and reason, and what is final of it, in both languages."""
    change = Change(
        action=action,
        purpose=purpose,
        key_id=4711 if action in KEYED else 0,
        text="lost laptop" if action in TEXTED else "",
    )
    for told in (summary.english(change), summary.indonesian(change)):
        assert str(purpose) in told.does
        assert ("4711" in told.does) == (action in KEYED)
        assert ("lost laptop" in told.does) == (action in TEXTED)
        assert told.final
    assert summary.english(change) != summary.indonesian(change)


def test_the_end_of_a_domain_has_words() -> None:
    """Whose it is, when the agreement ended, from when it is executed, and that nothing gives it back, is told."""
    for told in (summary.english(END), summary.indonesian(END)):
        for part in ("token-domain/aid", "social", "pks-7", "2023-11-14T22:13:20Z", "2024-02-12T22:13:20Z"):
            assert part in told.does
    assert "Everything" in summary.english(END).final
    assert "Semuanya" in summary.indonesian(END).final


def test_a_roster_has_words() -> None:
    """Who decides from now on, and how many of them, is told."""
    for told in (summary.english(roster(2, 3)), summary.indonesian(roster(2, 3))):
        assert "ani, bayu, citra" in told.does
        assert "2" in told.does
        assert "3" in told.does
        assert told.final


def test_a_re_share_is_told() -> None:
    """That new shares are dealt, and that the old ones open nothing, stands in the words."""
    shared = Roster(
        threshold=2,
        custodians=tuple(
            replace(each, sealing_key=bytes([number]) * 32) for number, each in enumerate(roster().custodians)
        ),
    )
    assert "new shares" in summary.english(shared).does
    assert "old shares" in summary.english(shared).final
    assert "pecahan baru" in summary.indonesian(shared).does
    assert "Pecahan yang lama" in summary.indonesian(shared).final


def test_a_log_key_beside_the_present_one_is_told() -> None:
    """Custodians read that the log's present key goes on signing, and at its end who refuses the log then."""
    change = Change(action=Action.ROTATE, purpose=Purpose.LOG_SIGNING)
    assert "beside the present one" in summary.english(change).does
    assert "goes on signing" in summary.english(change).final
    assert "di samping yang sekarang" in summary.indonesian(change).does
    assert "tetap menandatangani" in summary.indonesian(change).final
    change = Change(action=Action.DEACTIVATE, purpose=Purpose.LOG_SIGNING, key_id=7)
    assert "Witnesses, auditors and agencies" in summary.english(change).does
    assert "Saksi, auditor, dan instansi" in summary.indonesian(change).does
    for action in (Action.ROTATE, Action.DEACTIVATE):
        other = Change(action=action, purpose=Purpose.RECEIPT_SIGNING, key_id=7 if action in KEYED else 0)
        assert "beside" not in summary.english(other).does
        assert "refuse" not in summary.english(other).does


def test_being_made_primary_is_told() -> None:
    """Whoever signs reads that the key makes everything from now on."""
    change = Change(action=Action.ACTIVATE, purpose=Purpose.INDEX, key_id=1, primary=True)
    assert "From now on" in summary.english(change).does
    assert "Mulai sekarang" in summary.indonesian(change).does
