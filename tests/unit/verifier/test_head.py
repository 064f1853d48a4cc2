"""The head of an entry is canonical, whatever of it is cached, and holds what was valid of a request and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan import canonical
from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import error_pb2
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import World
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def world() -> World:
    """A world with one agency and one person."""
    return World(seed=1, agencies={"tax": Terms()}, people=[dict(BUDI)])


def last(world: World) -> Mapping[int, bytes]:
    """Decode the last entry."""
    return log_entry.decode(world.log.rows[-1].entry).fields


def test_an_entry_says_who_asked_what_under_what(world: World) -> None:
    """Agency, officer, agreement, clause, purpose, kinds of claim, digest, epoch and versions are there."""
    message = request(
        purpose="strict", legal_basis=vocabulary.LEGAL_BASIS_CONSENT, consent_receipt="receipt-1"
    )
    world.ask("tax", message)
    entry = log_entry.decode(world.log.rows[-1].entry)
    assert entry.kind == EntryKind.VERIFY
    assert entry.text(Field.AGENCY) == "tax"
    assert entry.text(Field.OFFICER) == "officer-1"
    assert entry.text(Field.AGREEMENT) == "tax-test"
    assert entry.text(Field.CLAUSE) == "PKS Art. 4(2)b"
    assert entry.text(Field.PURPOSE) == "strict"
    assert entry.text(Field.CONSENT_RECEIPT) == "receipt-1"
    assert entry.number(Field.LEGAL_BASIS) == vocabulary.LEGAL_BASIS_CONSENT
    assert entry.fields[Field.CLAIMS] == bytes((0, vocabulary.ATTRIBUTE_NAME))
    assert entry.texts(Field.POLICY_VERSIONS) == ["normaliser:1"]
    assert entry.fields[Field.REQUEST_ID] == bytes.fromhex(message.request_id.replace("-", ""))
    assert len(entry.fields[Field.REQUEST_DIGEST]) == 32


def test_what_is_encoded_in_parts_is_canonical(world: World) -> None:
    """The joined parts are what one encoding of all fields gives."""
    for message in (request(), request(purpose="strict"), request(purpose="nothing"), request(nik="1")):
        world.ask("tax", message)
        fields = last(world)
        assert log_entry.FORMAT + canonical.encode(dict(fields)) == world.log.rows[-1].entry


def test_two_entries_about_one_person_share_no_reference(world: World) -> None:
    """References are blinded by the entry's own nonce."""
    world.ask("tax", request())
    first = last(world)
    world.ask("tax", request())
    second = last(world)
    assert first[Field.SUBJECT] != second[Field.SUBJECT]
    assert first[Field.NONCE] != second[Field.NONCE]


def test_an_overall_answer_leaves_no_verdicts_per_claim_in_the_entry(world: World) -> None:
    """The entry says nothing about its subject that the answer did not tell."""
    world.ask("tax", request(purpose="strict"))
    assert Field.VERDICTS not in last(world)
    world.ask("tax", request())
    assert last(world)[Field.VERDICTS] == bytes((vocabulary.VERDICT_MATCH,))


def test_a_refused_request_is_an_entry_about_its_subject(world: World) -> None:
    """A request outside the agreement names its subject, so that the resident can learn of it; no outcome is there."""
    world.ask("tax", request(purpose="nothing"))
    fields = last(world)
    assert int.from_bytes(fields[Field.REASON], "big") == error_pb2.ERROR_REASON_PURPOSE_NOT_GRANTED
    assert len(fields[Field.SUBJECT]) == 16
    assert Field.OUTCOME not in fields


def test_a_malformed_request_leaves_nothing_that_was_typed(world: World) -> None:
    """What was not valid is not recorded."""
    world.ask("tax", request(officer="line\nbreak", purpose="nothing"))
    fields = last(world)
    assert not {Field.OFFICER, Field.PURPOSE, Field.SUBJECT, Field.REQUEST_ID} & set(fields)
    assert b"break" not in world.log.rows[-1].entry


def test_a_stranger_is_an_entry_without_an_agency(world: World) -> None:
    """Who calls with an unknown certificate leaves an entry."""
    world.ask("stranger", request())
    fields = last(world)
    assert Field.AGENCY not in fields
    assert int.from_bytes(fields[Field.REASON], "big") == error_pb2.ERROR_REASON_UNKNOWN_CALLER


def test_a_fault_of_ours_is_an_entry_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that falls over refuses its request without detail, leaves an entry, and spares the rest of the batch."""
    original = world.core._decide

    def decide(work: object, now: object) -> None:
        if len(world.log.rows) == 0 and getattr(work, "call", None) is first:
            raise KeyError("3273010101909001")
        original(work, now)  # type: ignore[arg-type]  # passed through as it came

    first, second = world.call("tax", request()), world.call("tax", request())
    monkeypatch.setattr(world.core, "_decide", decide, raising=True)
    replies = world.core.verify_many([first, second])
    assert replies[0].body is None
    assert replies[1].body is not None
    reasons = [log_entry.decode(row.entry).number(Field.REASON) for row in world.log.rows]
    assert reasons == [error_pb2.ERROR_REASON_INTERNAL, 0]
