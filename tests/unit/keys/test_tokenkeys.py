"""Keys behind agencies' tokens: what the agent gives of a domain, and what the algebra of RFC 9497 makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keys.errors import KeyNotFoundError
from keys.purpose import Purpose, TokenDomain
from keys.tokenkey import CONTEXT, TokenKey, hashed
from padan import dleq, group, grouphash

if TYPE_CHECKING:
    from keys.custody import Custody
    from keys.tokenkeys import Version
    from tests.unit.keys.conftest import Clock, Unlock

AID = TokenDomain("aid")


def versions(unlock: Unlock, domain: str) -> dict[int, Version]:
    """Give what an agent gives of a domain, by version."""
    return {version.number: version for version in unlock().tokens().domain(domain)}


def test_a_domain_has_keys_of_its_own(custody: Custody, unlock: Unlock) -> None:
    """Two domains issue different tokens of one number, and a domain that nobody made issues none."""
    custody.rotate(AID)
    custody.rotate(TokenDomain("tax"))
    element = hashed(b"3273010101909000")
    issued = {versions(unlock, name)[1].key.evaluate(element) for name in ("aid", "tax")}
    assert len(issued) == 2
    with pytest.raises(KeyNotFoundError, match="no primary token-domain/health key"):
        versions(unlock, "health")


def test_a_new_version_issues_and_the_old_one_reads(custody: Custody, unlock: Unlock, clock: Clock) -> None:
    """After a rotation the old version says since when it is replaced, and its quotient leads to the new one."""
    custody.rotate(AID)
    clock.now += timedelta(days=3)
    custody.rotate(AID)
    found = versions(unlock, "aid")
    assert (found[2].replaced, found[1].replaced) == (None, clock.now)
    element = hashed(b"3273010101909001")
    old, new = found[1].key, found[2].key
    quotient = old.toward(new)
    pair = old.evaluate(element), new.evaluate(element)
    assert quotient.turn(pair[0]) == pair[1]
    proof = quotient.prove(old.public, new.public, [pair], context=b"test")
    dleq.check(new.public, [pair], proof, context=b"test", origin=old.public)
    with pytest.raises(dleq.ProofError):
        dleq.check(new.public, [(pair[0], old.evaluate(element))], proof, context=b"test", origin=old.public)
    with pytest.raises(dleq.ProofError):
        dleq.check(new.public, [pair], proof, context=b"test")


def test_a_destroyed_version_is_gone_and_its_number_stays_taken(custody: Custody, unlock: Unlock) -> None:
    """Versions are counted by the keys that were made, so that no number comes back."""
    custody.rotate(AID)
    custody.rotate(AID)
    custody.destroy(AID, custody.read().keyset(AID).keys[0].key_id)
    assert set(versions(unlock, "aid")) == {2}
    custody.rotate(AID)
    assert set(versions(unlock, "aid")) == {2, 3}


def test_a_key_is_what_the_rfc_derives(unlock: Unlock) -> None:
    """The scalar is DeriveKeyPair's, and a token what Evaluate multiplies (RFC 9497 sections 3.2.1 and 3.3.1)."""
    del unlock
    seed, info, nik = bytes(range(32)), b"info", b"3273010101909002"
    scalar = grouphash.derive_key(seed, info, CONTEXT)
    key = TokenKey(seed, info=info)
    assert key.public == group.base(scalar)
    assert key.evaluate(hashed(nik)) == group.multiply(scalar, grouphash.to_group(nik, CONTEXT))
    assert CONTEXT == b"OPRFV1-\x00-ristretto255-SHA512"


def test_tables_beside_the_vault_open_under_an_older_key(custody: Custody, unlock: Unlock) -> None:
    """The primary row-seal key seals; what one before it sealed opens; tables share nothing."""
    box = unlock().tokens().table("token").seal(b"content", b"name")
    custody.succeed([Purpose.ROW_SEAL])
    tokens = unlock().tokens()
    assert tokens.table("token").open(box, b"name") == b"content"
    assert tokens.table("token").key_id == custody.read().primary(Purpose.ROW_SEAL).key_id
    with pytest.raises(Exception, match="does not open"):
        tokens.table("enrolment").open(box, b"name")


def test_a_wiped_key_makes_nothing(unlock: Unlock) -> None:
    """What was zeroed gives an error and no element."""
    del unlock
    key = TokenKey(bytes(range(32)), info=b"")
    key.wipe()
    with pytest.raises(group.GroupError):
        key.evaluate(hashed(b"3273010101909003"))
