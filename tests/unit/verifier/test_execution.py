"""Custodians who are apart hand in shares for one proposal: it is executed once, and for it alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

import pytest

from keys import ceremonyfile, events, keyceremony, table
from keys.custody import Custody
from keys.keychange import Action, Change
from keys.purpose import Purpose
from keys.ringfile import RingFile
from padan.v1 import custody_pb2
from tests.unit.verifier.conftest import PAIR, REALM, House, provider
from verifier import desk_calls
from verifier.cli import place
from verifier.custody_gate import CustodyGate
from verifier.desk import Desk, ProposalNotReadyError, ProposalOverError
from verifier.desk_calls import DeskCalls
from verifier.errors import InvalidFieldError, LogUnavailableError
from verifier.unsealing import NotSealedError, Seal, ShareError, UnsealFailedError

if TYPE_CHECKING:
    from keys.ceremonyfile import CeremonyFile
    from padan.v1 import custody_pb2_grpc

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


def agreed(house: House, what: Change, *who: int) -> CeremonyFile:
    """Propose as the first of these custodians, and approve as the others."""
    sitting = Desk(house.settings).papers.table().sitting
    file = keyceremony.propose(sitting, what, PAIR[who[0]].signer)
    for number in who[1:]:
        file = keyceremony.approve(sitting, file, PAIR[number].signer)
    return file


def laid(seal: Seal, file: CeremonyFile) -> bytes:
    """Lay a proposal on the desk; gives its id."""
    return seal.desk.put(ceremonyfile.encode(REALM, file))[0]


def awaited(house: House, seal: Seal) -> dict[bytes, tuple[list[str], int]]:
    """Ask who has come for which proposal, and how long their shares wait still."""
    return {each.proposal: (list(each.present), each.seconds_left) for each in house.standing(seal).awaited}


def test_shares_for_a_proposal_execute_it(house: House) -> None:
    """While the keys are open: shares for each proposal are its own, the last one changes the keyring and the agent."""
    seal = house.seal()
    for number in (0, 1):
        house.hand_in(seal, number)
    name = laid(seal, agreed(house, ROTATE, 0, 1))
    other = laid(seal, agreed(house, Change(action=Action.CREATE, purpose=Purpose.REPLAY), 1, 0))
    first = house.answer(seal, 0, proposal=name)
    assert (list(first.present), first.executed, first.standing.behind) == (["custodian-1"], False, False)
    house.now += 60
    assert house.answer(seal, 1, proposal=other).seconds_left == 900
    assert awaited(house, seal) == {name: (["custodian-1"], 840), other: (["custodian-2"], 900)}
    for swapped in (other, b""):
        with pytest.raises(ShareError, match="custodian-2"):
            house.answer(seal, 1, proposal=name, sealed_for=swapped)
    done = house.answer(seal, 1, proposal=name)
    assert (first.seconds_left, done.seconds_left) == (900, 0)
    assert (list(done.present), done.executed) == (["custodian-1", "custodian-2"], True)
    assert (done.standing.behind, done.standing.sealed) == (False, False)
    assert awaited(house, seal) == {}
    before, after = house.opened
    assert before.key_id(Purpose.REPLAY) != after.key_id(Purpose.REPLAY)
    told = house.entries()[-1]
    assert sorted(told) == [
        "counter=1",
        "custodians=custodian-1,custodian-2",
        "generation=1",
        f"proposal={name.hex()}",
        "refused=custodian-2,custodian-2",
        "threshold=2",
    ]
    history = events.read(house.root / "keyring.events.jsonl", after.keyring)
    (line,) = [event for event in history if event.name == keyceremony.EXECUTED]
    assert (line.actor, line.details["proposal"]) == ("key-agent: custodian-1,custodian-2", name.hex())
    for ended in (name, other):
        with pytest.raises(ProposalOverError):
            house.answer(seal, 0, proposal=ended)
    with pytest.raises(NotSealedError):
        house.hand_in(seal, 0)
    for agent in house.opened:
        agent.close()


def test_a_sealed_agent_executes_and_opens(house: House) -> None:
    """Shares that opened nothing yet are not counted for a proposal; those for it open the changed keyring."""
    seal = house.seal()
    house.hand_in(seal, 0)
    name = laid(seal, agreed(house, ROTATE, 0, 1))
    assert not house.answer(seal, 1, proposal=name).executed
    assert awaited(house, seal) == {name: (["custodian-2"], 900)}
    house.now += 900
    assert awaited(house, seal) == {}
    seal.expire()
    assert list(house.answer(seal, 0, proposal=name).present) == ["custodian-1"]
    assert house.standing(seal).sealed
    done = house.answer(seal, 1, proposal=name)
    assert (done.executed, done.standing.sealed) == (True, False)
    (agent,) = house.opened
    assert agent.keyring_counter == 2
    agent.close()


def test_no_share_is_taken_for_what_is_not_agreed(house: House) -> None:
    """Too few approvals, a renewal of the KEK, and no such proposal: refused, and no share stays."""
    seal = house.seal()
    key_id = Desk(house.settings).papers.table().ring.primary(Purpose.REPLAY).key_id
    destroy = Change(action=Action.DESTROY, purpose=Purpose.REPLAY, key_id=key_id)
    alone, renewing = laid(seal, agreed(house, ROTATE, 0)), laid(seal, agreed(house, destroy, 0, 1))
    for name, kind, told in (
        (alone, ProposalNotReadyError, "1 more"),
        (renewing, ProposalNotReadyError, "renews the KEK"),
        (bytes(32), ProposalOverError, "no proposal"),
    ):
        for number in (0, 1):
            with pytest.raises(kind, match=told):
                house.answer(seal, number, proposal=name)
    assert (house.opened, seal._for) == ([], {})


@pytest.mark.parametrize("fault", ["log", "busy", "withdrawn", "changed"])
def test_a_proposal_that_cannot_be_executed(house: House, fault: str) -> None:
    """Log away, keyring being written, cancelled or outdated meanwhile: keyring and agent stay, and shares are gone."""
    seal = house.seal()
    for number in (0, 1):
        house.hand_in(seal, number)
    path = house.root / "keyring.json"
    file = agreed(house, ROTATE, 0, 1)
    name = laid(seal, file)
    house.answer(seal, 0, proposal=name)
    kind: type[Exception] = ProposalOverError
    with contextlib.ExitStack() as undo:
        if fault == "log":
            nowhere = str(house.root / "nowhere" / "log.sqlite")
            seal._settings = house.settings.model_copy(update={"log_url": nowhere})
            undo.callback(setattr, seal, "_settings", house.settings)
            kind = LogUnavailableError
        elif fault == "busy":
            undo.enter_context(RingFile(path).lock())
            kind = UnsealFailedError
        elif fault == "withdrawn":
            laid(seal, keyceremony.withdraw(seal.desk.papers.table().sitting, file, PAIR[1].signer))
            laid(seal, keyceremony.withdraw(seal.desk.papers.table().sitting, file, PAIR[0].signer))
        else:
            custody = Custody(path=path, provider=provider(house.root), actor="tester")
            custody.add(Purpose.REPLAY)
        before = path.read_bytes()
        with pytest.raises(kind):
            house.answer(seal, 1, proposal=name)
    assert path.read_bytes() == before
    assert len(house.opened) == 1
    if fault in {"log", "busy"}:
        assert list(house.answer(seal, 0, proposal=name).present) == ["custodian-1"]
        assert house.answer(seal, 1, proposal=name).executed
    for agent in house.opened:
        agent.close()


class Wire:
    """CustodyService without a wire: a custodian's calls, as the stub makes them."""

    def __init__(self, house: House, calls: DeskCalls) -> None:
        self.asked = 0
        self._house = house
        self._calls = calls

    def GetKeyring(  # noqa: N802 - the method's name
        self, request: custody_pb2.GetKeyringRequest, *, timeout: float
    ) -> custody_pb2.GetKeyringResponse:
        """Answer in this process."""
        assert timeout
        self.asked += 1
        call = self._house.call(PAIR[0].card.name, request.SerializeToString())
        return custody_pb2.GetKeyringResponse.FromString(self._calls.get_keyring(call))


def test_a_long_history_comes_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A custodian fetches keyring, history and quorum whole, and what lies on both sides is the same table."""
    desk = Desk(house.settings)
    calls = DeskCalls(desk, CustodyGate(house.settings))
    monkeypatch.setattr(desk_calls, "MOST_HISTORY", 1000)
    wire = Wire(house, calls)
    keyring, history, statement = place._fetch(cast("custody_pb2_grpc.CustodyServiceStub", wire))
    assert (keyring, history, statement) == desk.papers.read()
    assert wire.asked == -(-len(history) // 1000) > 3
    far = table.lay(keyring, history, holders=lambda kek_id: table.holders_in(statement, kek_id), now=0)
    assert far.sitting.register.roster == desk.papers.table().sitting.register.roster is not None
    beyond = custody_pb2.GetKeyringRequest(history_offset=len(history) + 1).SerializeToString()
    with pytest.raises(InvalidFieldError):
        calls.get_keyring(house.call(PAIR[0].card.name, beyond))
