"""A history proves itself: what is not signed by those who decided at its time is found, and named."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING

import pytest

from keys import ceremony, keyceremony, keyproof
from keys.custody import Custody
from keys.keychange import Action, Change
from keys.keyproof import HistoryUnprovenError
from keys.purpose import Purpose
from keys.realm import Realm
from keys.roster import Roster
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.conftest import Clock
from tests.unit.keys.council import NAMES, SIGNERS, STRANGER, agree, roster, seat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.events import Event

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


@pytest.fixture
def history(lived: tuple[Event, ...]) -> list[Event]:
    """The lines of that history, to change."""
    return list(lived)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Event, ...]:
    """A history of a first roster, a rotation, a cancellation, another roster, and a rotation by that one."""
    path = tmp_path_factory.mktemp("lived") / "keyring.json"
    custody = Custody(path=path, provider=MemoryKekProvider(), actor="tester", now=Clock())
    custody.create(Realm(registry_id="registry-test", environment="development"))
    custody.add(Purpose.BIOMETRIC)
    seat(custody)
    custody.execute(agree(custody, ROTATE, 0, 1))
    given_up = agree(custody, ROTATE, 2)
    custody.close(keyceremony.withdraw(custody.sitting(), given_up, SIGNERS[2]))
    after = Roster.of(2, {NAMES[number]: SIGNERS[number].public_key for number in (2, 3)})
    custody.execute(agree(custody, after, 0, 1, 2, 3))
    old = custody.read().keyset(Purpose.REPLAY).keys[0].key_id
    destroy = Change(action=Action.DESTROY, purpose=Purpose.REPLAY, key_id=old)
    custody.execute(agree(custody, destroy, 2, 3))
    return custody.history()


def test_what_was_decided_is_proven_from_the_history_alone(history: list[Event], realm: Realm) -> None:
    """Each execution is proven by the roster of its time, whose members have left since."""
    proven = keyproof.prove(realm, history)
    assert [each.action for each in proven] == ["roster.set", "key.rotate", "roster.set", "key.destroy"]
    assert [len(each.approved) for each in proven] == [3, 2, 4, 2]
    assert [history[each.number - 1].name for each in proven] == [keyceremony.EXECUTED] * 4


def test_another_realm_proves_nothing(history: list[Event], realm: Realm) -> None:
    """Signatures are for one registry and environment."""
    with pytest.raises(HistoryUnprovenError):
        keyproof.prove(dataclasses.replace(realm, environment="staging"), history)


def at(history: Sequence[Event], name: str, which: int = -1) -> int:
    """Find a line."""
    return [place for place, line in enumerate(history) if line.name == name][which]


def put(history: list[Event], place: int, **details: str) -> None:
    """Change details of a line."""
    line = history[place]
    history[place] = dataclasses.replace(line, details={**line.details, **details})


def forged_signature(history: list[Event]) -> None:
    """A signature of nobody's."""
    put(history, at(history, keyceremony.APPROVED), signature=base64.b64encode(bytes(64)).decode())


def missing_signature(history: list[Event]) -> None:
    """One approval of the two is gone."""
    del history[at(history, keyceremony.APPROVED)]


def one_voice_twice(history: list[Event]) -> None:
    """One custodian's approval stands in the place of another's."""
    place = at(history, keyceremony.APPROVED)
    history[place] = dataclasses.replace(history[place], details=history[place - 1].details)


def strangers(history: list[Event]) -> None:
    """A stranger's good signature stands in the place of a custodian's."""
    place = at(history, keyceremony.APPROVED)
    proposal = ceremony.Proposal.decode(
        base64.b64decode(history[at(history, keyceremony.PROPOSED)].details["bytes"])
    )
    realm = history_realm(history)
    voice = ceremony.approve(realm, proposal, STRANGER)
    put(history, place, by=voice.key_id, signature=base64.b64encode(voice.signature).decode())


def history_realm(history: list[Event]) -> Realm:
    """Name the realm that the first line says."""
    details = history[0].details
    return Realm(registry_id=details["registry"], environment=details["environment"])


def other_key(history: list[Event]) -> None:
    """Another key was destroyed than was proposed."""
    put(history, at(history, "key-destroyed"), key_id="1")


def more_than_proposed(history: list[Event]) -> None:
    """A key more was changed in the same write."""
    place = at(history, "key-destroyed")
    history.insert(place, dataclasses.replace(history[place], name="key-exported"))


def without_ceremony(history: list[Event]) -> None:
    """The lines of the ceremony are gone, and the change stands."""
    last = history[-1].counter
    history[:] = [line for line in history if line.counter != last or line.name.startswith("ke")]


def roster_without_ceremony(history: list[Event]) -> None:
    """Somebody else's roster stands in a write of its own."""
    line = history[at(history, keyceremony.ROSTER_SET)]
    alone = dataclasses.replace(line, counter=99, details={"roster": roster(2, 2).text})
    history.append(alone)


def other_roster(history: list[Event]) -> None:
    """Another roster was set than was proposed."""
    put(history, at(history, keyceremony.ROSTER_SET, 0), roster=roster(2, 2).text)


def too_late(history: list[Event]) -> None:
    """It was executed after its time."""
    last = history[-1]
    history[:] = [
        dataclasses.replace(line, at=line.at.replace(year=line.at.year + 1))
        if line.counter == last.counter
        else line
        for line in history
    ]


def other_id(history: list[Event]) -> None:
    """The execution names another proposal."""
    put(history, at(history, keyceremony.EXECUTED), proposal="00" * 32)


def malformed(history: list[Event]) -> None:
    """The proposal's bytes are none."""
    put(history, at(history, keyceremony.PROPOSED), bytes="?")


def twice(history: list[Event]) -> None:
    """The same ceremony stands in a later write again."""
    last = history[-1].counter
    history += [dataclasses.replace(line, counter=last + 1) for line in history if line.counter == last]


def two_in_one(history: list[Event]) -> None:
    """Two executions stand in one write."""
    place = at(history, keyceremony.EXECUTED)
    history.insert(place, history[place])


@pytest.mark.parametrize(
    "forge",
    [
        forged_signature, missing_signature, one_voice_twice, strangers, other_key, more_than_proposed,
        without_ceremony, roster_without_ceremony, other_roster, too_late, other_id, malformed, twice, two_in_one,
    ],
    ids=lambda forge: forge.__name__,
)  # fmt: skip
def test_what_is_not_proven_is_named(
    history: list[Event], realm: Realm, forge: Callable[[list[Event]], None]
) -> None:
    """Whatever the holder of the keyring writes into its history without the custodians is found, with its line."""
    forge(history)
    with pytest.raises(HistoryUnprovenError, match=r"^line \d+ of the history"):
        keyproof.prove(realm, history)
