"""What a change of the registry leaves behind: a number that is held no longer, and one that was merged."""

from __future__ import annotations

import pytest

from padan.entry import Field, decode
from padan.nik import Nik
from padan.v1 import attribute_pb2, verification_pb2
from tests.people import AS_OF, BUDI, UNKNOWN_NIK
from tests.service import request
from tests.simulator.world import Periods, World
from tests.terms import Terms
from tokenizer.codes import CodeLists
from tokenizer.person import Person
from verifier.resident.mark import Mark

NAME = attribute_pb2.ATTRIBUTE_NAME
MATCH, NO_MATCH = attribute_pb2.VERDICT_MATCH, attribute_pb2.VERDICT_NO_MATCH
BLOCKED = attribute_pb2.VERDICT_BLOCKED
WITHHELD = attribute_pb2.VERDICT_NOT_AVAILABLE
MERGED = "3273014507900077"
BUDGET = 4


def world() -> World:
    """Make a world with one resident."""
    return World(seed=11, agencies={"tax": Terms(subject=BUDGET)}, people=[dict(BUDI)])


def ask(made: World, nik: str, name: str = BUDI["NAMA_LGKP"]) -> verification_pb2.VerifyResponse:
    """Ask about a name."""
    (reply,) = made.ask("tax", request(nik=nik, claims={NAME: name}))
    assert reply.body is not None
    return verification_pb2.VerifyResponse.FromString(reply.body)


def test_who_is_held_no_longer_is_answered_as_unknown() -> None:
    """After a withdrawal the right name is a no, in the shape of a number that was never held."""
    made = world()
    assert ask(made, BUDI["NIK"]).outcome == MATCH
    made.put(BUDI["NIK"], made.epoch.inner.withdrawn(revision=7, random=made.random.randbytes))
    withdrawn, unknown = ask(made, BUDI["NIK"]), ask(made, UNKNOWN_NIK)
    assert withdrawn.outcome == NO_MATCH
    assert len(withdrawn.SerializeToString()) == len(unknown.SerializeToString())
    assert [each.verdict for each in withdrawn.verdicts] == [each.verdict for each in unknown.verdicts]


def test_a_merged_number_is_the_survivors() -> None:
    """Either number finds the same person, names the same subject in the log, and spends the same budget."""
    made = world()
    survivor = Person.from_registry(dict(BUDI), codes=CodeLists.load(), today=AS_OF)
    alias = made.epoch.inner.project(survivor, under=Nik(MERGED), revision=3, random=made.random.randbytes)
    assert alias.revision == 3
    assert alias.r == made.epoch.inner.record_id(Nik(MERGED))
    assert ask(made, MERGED).outcome == NO_MATCH
    made.put(MERGED, alias)
    assert ask(made, MERGED).outcome == MATCH
    handle = made.epoch.inner.handles(Nik(BUDI["NIK"])).log
    for nik in (MERGED, BUDI["NIK"]):
        ask(made, nik, "SITI RAHAYU")
        entry = decode(made.log.rows[-1].entry)
        expected, _ = Periods().reference(handle, entry.fields[Field.NONCE])
        assert entry.fields[Field.SUBJECT] == expected
    for _ in range(BUDGET - 2):
        assert ask(made, MERGED, "SITI RAHAYU").outcome == NO_MATCH
    assert ask(made, MERGED).outcome == BLOCKED
    assert ask(made, BUDI["NIK"]).outcome == BLOCKED


@pytest.mark.parametrize("nik", [BUDI["NIK"], MERGED, UNKNOWN_NIK], ids=["own", "merged", "unknown"])
def test_marks_bind_whichever_number_is_asked_about(nik: str) -> None:
    """A lock hides and charges nothing; an erasure is an unknown number, whatever is locked; both bind merged ones."""
    made = world()
    survivor = Person.from_registry(dict(BUDI), codes=CodeLists.load(), today=AS_OF)
    made.put(
        MERGED,
        made.epoch.inner.project(survivor, under=Nik(MERGED), revision=3, random=made.random.randbytes),
    )
    marked = UNKNOWN_NIK if nik == UNKNOWN_NIK else BUDI["NIK"]
    handle = made.epoch.inner.handles(Nik(marked)).budget_subject
    before = ask(made, nik)
    made.marks.on[handle] = Mark.LOCKED
    for _ in range(BUDGET + 1):
        locked = ask(made, nik, "SITI RAHAYU")
        assert (locked.outcome, {each.verdict for each in locked.verdicts}) == (WITHHELD, {WITHHELD})
        assert len(locked.SerializeToString()) == len(before.SerializeToString())
    made.marks.on[handle] = Mark.LOCKED | Mark.ERASED
    assert ask(made, nik).outcome == NO_MATCH
    made.marks.on.clear()
    assert ask(made, nik).outcome == before.outcome
