"""As many custodians as the roster demands change a keyring together, or nobody does."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from keys import ceremony, keyceremony
from keys.ceremony import State
from keys.ceremonyfile import CeremonyFile
from keys.errors import (
    CustodiansMissingError,
    KeyProposalError,
    NoRosterError,
    NotCustodianError,
    ProposalCancelledError,
    ProposalEditedError,
    ProposalExecutedError,
    ProposalExpiredError,
    ProposalFormatError,
    ProposalOpenError,
    ProposalOutdatedError,
    RosterStandsError,
    TransitionError,
)
from keys.keychange import Action, Change
from keys.purpose import Purpose
from keys.roster import Roster
from keys.state import KeyState
from tests.unit.keys.council import NAMES, SIGNERS, STRANGER, agree, roster, seat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keys.custody import Custody
    from keys.signing import Signer
    from tests.unit.keys.conftest import Clock

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


def sign(custody: Custody, file: CeremonyFile, signer: Signer) -> CeremonyFile:
    """Approve as this custodian."""
    return keyceremony.approve(custody.sitting(), file, signer)


def edited(file: CeremonyFile, **changed: Any) -> CeremonyFile:
    """Put another proposal under the same signatures."""
    return dataclasses.replace(file, proposal=dataclasses.replace(file.proposal, **changed))


def resigned(custody: Custody, file: CeremonyFile, *who: int, **changed: Any) -> CeremonyFile:
    """Put another proposal into the file, signed by these custodians whatever it says."""
    proposal = dataclasses.replace(file.proposal, **changed)
    realm = custody.read().realm
    return CeremonyFile(
        proposal=proposal,
        voices=tuple(ceremony.approve(realm, proposal, SIGNERS[number]) for number in who),
    )


def unchanged(custody: Custody, tmp_path: Path, attempt: Callable[[], object], kind: type[Exception]) -> None:
    """See that an attempt is refused for this reason, and leaves keyring and history to the byte."""
    paths = [tmp_path / "keyring.json", custody.events_path]
    before = [path.read_bytes() for path in paths]
    with pytest.raises(kind):
        attempt()
    assert [path.read_bytes() for path in paths] == before


def test_without_a_roster_one_custodian_works_as_before(custody: Custody) -> None:
    """Where nobody is named, there is no ceremony about keys, and none is needed."""
    with pytest.raises(NoRosterError):
        agree(custody, ROTATE, 0)
    assert custody.rotate(Purpose.REPLAY)[1]


def test_the_first_roster_takes_the_signature_of_everybody_on_it(custody: Custody, tmp_path: Path) -> None:
    """A key on a roster has an owner: who has not signed is not put on it by others."""
    file = agree(custody, roster(2, 3), 0, 1)
    assert keyceremony.standing(custody.sitting(), file).missing == 1
    unchanged(custody, tmp_path, lambda: custody.execute(file), CustodiansMissingError)
    custody.execute(sign(custody, file, SIGNERS[2]))
    assert custody.sitting().register.roster == roster(2, 3)


def test_only_those_on_it_sign_a_first_roster(custody: Custody) -> None:
    """A stranger neither proposes nor approves it."""
    with pytest.raises(NotCustodianError):
        keyceremony.propose(custody.sitting(), roster(), STRANGER)
    with pytest.raises(NotCustodianError):
        sign(custody, agree(custody, roster(), 0), STRANGER)


ALONE: dict[str, Callable[[Custody, int], object]] = {
    "create": lambda custody, _: custody.add(Purpose.BIOMETRIC),
    "activate": lambda custody, key: custody.activate(Purpose.REPLAY, key, primary=True),
    "deactivate": lambda custody, key: custody.deactivate(Purpose.REPLAY, key),
    "rotate": lambda custody, _: custody.rotate(Purpose.REPLAY),
    "compromise": lambda custody, key: custody.compromise(Purpose.REPLAY, key, reason="x"),
    "destroy": lambda custody, key: custody.destroy(Purpose.REPLAY, key),
    "export": lambda custody, key: custody.export(Purpose.REPLAY, key, recipient="x"),
}


@pytest.mark.parametrize("act", ALONE)
def test_where_a_roster_stands_nobody_acts_alone(custody: Custody, tmp_path: Path, act: str) -> None:
    """Each change by one person is refused, and nothing is written."""
    seat(custody)
    key = custody.read().primary(Purpose.REPLAY).key_id
    unchanged(custody, tmp_path, lambda: ALONE[act](custody, key), RosterStandsError)


def test_a_key_lives_and_dies_by_ceremonies(custody: Custody) -> None:
    """Every change is done by two of three, and the history names who decided."""
    seat(custody)
    _, key = custody.execute(agree(custody, Change(action=Action.CREATE, purpose=Purpose.BIOMETRIC), 0, 1))
    states = []
    for number, (action, more) in enumerate(
        [
            (Action.ACTIVATE, {"primary": True}),
            (Action.COMPROMISE, {"text": "lost laptop"}),
            (Action.DESTROY, {}),
        ]
    ):
        change = Change(action=action, purpose=Purpose.BIOMETRIC, key_id=key, **more)  # type: ignore[arg-type]
        ring, about = custody.execute(agree(custody, change, number, (number + 1) % 3))
        states.append(ring.key(Purpose.BIOMETRIC, about).state)
    assert states == [KeyState.ACTIVE, KeyState.COMPROMISED, KeyState.DESTROYED]
    ring, new = custody.execute(agree(custody, ROTATE, 2, 0))
    old = next(each.key_id for each in ring.keyset(Purpose.REPLAY).keys if each.key_id != new)
    custody.execute(agree(custody, Change(action=Action.DESTROY, purpose=Purpose.REPLAY, key_id=old), 1, 2))
    executed = [event for event in custody.history() if event.name == keyceremony.EXECUTED]
    assert [set(event.details["approved"].split()) for event in executed[-2:]] == [
        {SIGNERS[2].key_id, SIGNERS[0].key_id},
        {SIGNERS[1].key_id, SIGNERS[2].key_id},
    ]
    custody.check()


def test_one_is_not_two(custody: Custody, tmp_path: Path) -> None:
    """One approval too few is told with the number, and the same custodian twice is one."""
    seat(custody, 3, 4)
    file = agree(custody, ROTATE, 0, 1)
    file = dataclasses.replace(file, voices=(*file.voices, *file.voices, *file.voices))
    assert keyceremony.standing(custody.sitting(), file).missing == 1
    unchanged(custody, tmp_path, lambda: custody.execute(file), CustodiansMissingError)
    again = sign(custody, agree(custody, ROTATE, 0, 1), SIGNERS[1])
    assert len(again.voices) == 2


def test_a_stranger_neither_proposes_nor_approves_nor_counts(custody: Custody) -> None:
    """Only keys of the roster are heard, and a stranger's signature in the file ends nothing."""
    seat(custody)
    sitting = custody.sitting()
    with pytest.raises(NotCustodianError):
        keyceremony.propose(sitting, ROTATE, STRANGER)
    file = agree(custody, ROTATE, 0)
    for speak in (keyceremony.approve, keyceremony.withdraw):
        with pytest.raises(NotCustodianError):
            speak(sitting, file, STRANGER)
    strange = file.with_voice(ceremony.withdraw(sitting.realm, file.proposal, STRANGER)).with_voice(
        ceremony.approve(sitting.realm, file.proposal, STRANGER)
    )
    assert keyceremony.standing(sitting, strange).missing == 1
    custody.execute(sign(custody, strange, SIGNERS[1]))


def test_executed_once(custody: Custody, tmp_path: Path) -> None:
    """The second time is refused, by the history and not by the file."""
    seat(custody)
    file = agree(custody, ROTATE, 0, 1)
    custody.execute(file)
    unchanged(custody, tmp_path, lambda: custody.execute(file), ProposalExecutedError)
    with pytest.raises(ProposalExecutedError):
        sign(custody, file, SIGNERS[2])


def test_expired(custody: Custody, tmp_path: Path, clock: Clock) -> None:
    """At its last second a proposal is worth something, at the next nothing."""
    seat(custody)
    file = agree(custody, ROTATE, 0, 1)
    clock.now += timedelta(seconds=keyceremony.SECONDS)
    unchanged(custody, tmp_path, lambda: custody.execute(file), ProposalExpiredError)
    with pytest.raises(ProposalExpiredError):
        sign(custody, file, SIGNERS[2])
    clock.now -= timedelta(seconds=1)
    custody.execute(file)


def test_outdated(custody: Custody, tmp_path: Path) -> None:
    """Of two proposals on one keyring the second to come is for another keyring than was shown."""
    seat(custody)
    first, second = agree(custody, ROTATE, 0, 1), agree(custody, ROTATE, 1, 2)
    custody.execute(first)
    unchanged(custody, tmp_path, lambda: custody.execute(second), ProposalOutdatedError)
    with pytest.raises(ProposalOutdatedError):
        sign(custody, second, SIGNERS[0])


@pytest.mark.parametrize(
    "changed",
    [
        {"body": Change(action=Action.ROTATE, purpose=Purpose.LOG_SIGNING).body()},
        {"expires": 2_000_000_000, "created": 1_999_999_000},
        {"nonce": bytes(16)},
        {"proposer": SIGNERS[1].key_id},
        {"needed": 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_edited(custody: Custody, tmp_path: Path, changed: dict[str, Any]) -> None:
    """Whatever is changed under the signatures, they are found not to be over it."""
    seat(custody)
    file = edited(agree(custody, ROTATE, 0, 1), **changed)
    unchanged(custody, tmp_path, lambda: custody.execute(file), ProposalEditedError)


def test_a_proposal_without_its_proposer(custody: Custody, tmp_path: Path) -> None:
    """Two others do not stand behind what somebody else is said to have proposed."""
    seat(custody)
    file = agree(custody, ROTATE, 0, 1, 2)
    others = tuple(voice for voice in file.voices if voice.key_id != SIGNERS[0].key_id)
    cut = dataclasses.replace(file, voices=others)
    unchanged(custody, tmp_path, lambda: custody.execute(cut), ProposalEditedError)


def test_what_the_roster_does_not_allow_is_worth_nothing_with_signatures(
    custody: Custody, tmp_path: Path
) -> None:
    """A proposal that asks for fewer approvals than the roster, or is made by a stranger, is refused all the same."""
    seat(custody, 3, 4)
    file = agree(custody, ROTATE, 0)
    fewer = resigned(custody, file, 0, 1, needed=2)
    unchanged(custody, tmp_path, lambda: custody.execute(fewer), KeyProposalError)
    strange = resigned(custody, file, 0, 1, 2, proposer=STRANGER.key_id)
    unchanged(custody, tmp_path, lambda: custody.execute(strange), NotCustodianError)


def test_the_proposer_cancels_alone_and_others_as_many_as_must_agree(
    custody: Custody, tmp_path: Path
) -> None:
    """A cancelled proposal is executed no more, from a file without the cancellation either."""
    seat(custody)
    file = agree(custody, ROTATE, 0, 1)
    one_against = keyceremony.withdraw(custody.sitting(), file, SIGNERS[2])
    assert keyceremony.standing(custody.sitting(), one_against).state is State.APPROVED
    two_against = keyceremony.withdraw(custody.sitting(), one_against, SIGNERS[1])
    assert keyceremony.standing(custody.sitting(), two_against).state is State.WITHDRAWN
    cancelled = keyceremony.withdraw(custody.sitting(), file, SIGNERS[0])
    unchanged(custody, tmp_path, lambda: custody.execute(cancelled), ProposalCancelledError)
    assert custody.close(cancelled) == keyceremony.CANCELLED
    unchanged(custody, tmp_path, lambda: custody.execute(file), ProposalCancelledError)
    unchanged(custody, tmp_path, lambda: custody.close(cancelled), ProposalCancelledError)
    line = custody.history()[-1]
    assert (line.name, line.details["by"]) == (keyceremony.CANCELLED, SIGNERS[0].key_id)


def test_an_end_is_recorded_where_there_is_one(custody: Custody, tmp_path: Path, clock: Clock) -> None:
    """What is open, executed or outdated is not recorded as ended; what has expired is, once, and with signatures."""
    seat(custody)
    file, late = agree(custody, ROTATE, 0, 1), agree(custody, ROTATE, 1)
    unchanged(custody, tmp_path, lambda: custody.close(file), ProposalOpenError)
    clock.now += timedelta(days=4)
    forged = edited(late, nonce=bytes(16))
    unchanged(custody, tmp_path, lambda: custody.close(forged), ProposalEditedError)
    assert custody.close(late) == keyceremony.EXPIRED
    unchanged(custody, tmp_path, lambda: custody.close(late), ProposalExpiredError)
    unchanged(custody, tmp_path, lambda: custody.close(file), ProposalExpiredError)
    fresh = agree(custody, ROTATE, 0, 1)
    custody.execute(fresh)
    unchanged(custody, tmp_path, lambda: custody.close(fresh), ProposalExecutedError)


def test_a_refused_step_spends_no_proposal(custody: Custody, tmp_path: Path) -> None:
    """What the states do not allow is refused whoever agrees, and is not executed in the history."""
    seat(custody)
    key = custody.read().primary(Purpose.REPLAY).key_id
    file = agree(custody, Change(action=Action.DEACTIVATE, purpose=Purpose.REPLAY, key_id=key), 0, 1)
    unchanged(custody, tmp_path, lambda: custody.execute(file), TransitionError)
    unchanged(custody, tmp_path, lambda: custody.execute(file), TransitionError)


def test_a_roster_changes_by_the_one_before_and_whoever_is_new(custody: Custody, tmp_path: Path) -> None:
    """Two of the old agree and the newcomer signs; afterwards who has left is a stranger."""
    seat(custody)
    after = Roster.of(
        2, {name: SIGNERS[number].public_key for number, name in enumerate(NAMES) if number in {1, 2, 3}}
    )
    alone = agree(custody, after, 0)
    assert keyceremony.standing(custody.sitting(), alone).missing == 2
    newcomer = sign(custody, alone, SIGNERS[3])
    assert keyceremony.standing(custody.sitting(), newcomer).missing == 1
    unchanged(custody, tmp_path, lambda: custody.execute(newcomer), CustodiansMissingError)
    old_alone = sign(custody, alone, SIGNERS[1])
    unchanged(custody, tmp_path, lambda: custody.execute(old_alone), CustodiansMissingError)
    custody.execute(sign(custody, old_alone, SIGNERS[3]))
    with pytest.raises(NotCustodianError):
        agree(custody, ROTATE, 0)
    custody.execute(agree(custody, ROTATE, 3, 2))


def test_a_newcomer_proposes_nothing(custody: Custody) -> None:
    """Nobody puts themselves on the roster."""
    seat(custody)
    with pytest.raises(NotCustodianError):
        keyceremony.propose(custody.sitting(), roster(2, 4), SIGNERS[3])


def test_an_export_is_agreed_on_for_one_key_and_place(custody: Custody, tmp_path: Path) -> None:
    """A key leaves by a ceremony of its own, to where it said, and by no other command."""
    seat(custody)
    key = custody.read().primary(Purpose.INDEX).key_id
    file = agree(custody, Change(action=Action.EXPORT, purpose=Purpose.INDEX, key_id=key, text="hsm"), 0, 1)
    unchanged(custody, tmp_path, lambda: custody.execute(file), KeyProposalError)
    unchanged(
        custody,
        tmp_path,
        lambda: custody.export(Purpose.INDEX, key, recipient="elsewhere", agreed=file),
        KeyProposalError,
    )
    ring, kek = custody.export(Purpose.INDEX, key, recipient="hsm", agreed=file)
    assert ring.kek_id == kek.id
    assert custody.history()[-1].name == "key-exported"


def test_a_time_out_of_bounds(custody: Custody) -> None:
    """A proposal lives a second at least and 30 days at most."""
    seat(custody)
    for seconds in (0, 30 * 86_400 + 1):
        with pytest.raises(ProposalFormatError):
            keyceremony.propose(custody.sitting(), ROTATE, SIGNERS[0], seconds=seconds)


def test_a_malformed_roster_is_a_malformed_proposal(custody: Custody) -> None:
    """A proposal whose roster cannot be read is refused before anybody is asked who may sign it."""
    file = agree(custody, roster(), 0)
    for body in (b"", b"\0", file.proposal.body[:-1], file.proposal.body + b"\0\2\0\0\0\0"):
        with pytest.raises(KeyProposalError):
            keyceremony.standing(custody.sitting(), edited(file, body=body))
