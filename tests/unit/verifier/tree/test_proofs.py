"""Proofs over the published folder: a caller's rate, and a folder that does not hold together."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from padan.tlog import merkle
from padan.v1 import audit_pb2
from tests.proving import OpenGate
from tests.simulator.journal import Writer
from tests.simulator.log_store import MemoryLog
from tests.tree import flip
from verifier.call import Call, Now
from verifier.errors import InvalidFieldError, RateLimitedError
from verifier.limiter import RateLimiter
from verifier.tree.errors import TreeStoreError, UnknownLeafError
from verifier.tree.proofs import PER_SECOND, Proofs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tree import Site

NOW = Now(wall=1.0, mono=1.0, today=dt.date(2026, 11, 29))


@pytest.fixture
def site(local: Site) -> Site:
    """A published tree of 300 leaves."""
    local.publish(300)
    return local


@pytest.fixture
def log() -> MemoryLog:
    """Where refusals are logged."""
    return MemoryLog()


@pytest.fixture
def proofs(site: Site, log: MemoryLog, tmp_path: Path) -> Iterator[Proofs]:
    """Answers from that tree."""
    with Writer(tmp_path / "journal.sock", log) as writer:
        yield Proofs(
            gate=OpenGate(),
            journal=writer.committer,
            rates=RateLimiter(),
            folder=site.folder,
            now=lambda: NOW,
        )


def call(message: bytes) -> Call:
    """Make a call."""
    return Call(raw=message, certificate=b"", peer="ipv4:127.0.0.1:1", remaining=1.0, arrived=1.0)


def asking(leaf: bytes) -> Call:
    """Ask for a leaf."""
    return call(audit_pb2.GetInclusionProofRequest(leaf_hash=merkle.leaf_hash(leaf)).SerializeToString())


def test_each_leaf_is_proven(site: Site, proofs: Proofs) -> None:
    """The answer's path leads from the leaf to the root that is published."""
    leaves, stated = site.log.leaves(0, 300), site.stated()
    for index in (0, 255, 256, 299):
        answer = audit_pb2.GetInclusionProofResponse.FromString(
            proofs.get_inclusion_proof(asking(leaves[index]))
        )
        assert (answer.index, answer.checkpoint) == (index, site.folder.checkpoint())
        leaf = merkle.leaf_hash(leaves[index])
        merkle.check_inclusion(leaf, index, stated.size, stated.root, list(answer.path))


def test_a_caller_has_a_rate(proofs: Proofs, log: MemoryLog) -> None:
    """What comes too fast is turned away, and is no entry."""
    for _ in range(PER_SECOND):
        proofs.get_checkpoint(call(b""))
    with pytest.raises(RateLimitedError):
        proofs.get_checkpoint(call(b""))
    assert log.rows == []


def test_what_is_no_hash_is_an_entry_and_an_unknown_leaf_is_none(proofs: Proofs, log: MemoryLog) -> None:
    """A malformed request is logged like any refusal; who asks too early fills no log."""
    with pytest.raises(UnknownLeafError):
        proofs.get_inclusion_proof(asking(b"unknown"))
    assert log.rows == []
    with pytest.raises(InvalidFieldError):
        proofs.get_inclusion_proof(call(b"\x0a\x01x"))
    assert len(log.rows) == 1


def test_a_damaged_folder_proves_nothing(site: Site, proofs: Proofs) -> None:
    """A path that does not lead to the published root is no answer, and neither is a checkpoint that is cut off."""
    leaves = site.log.leaves(0, 300)
    flip(site.folder.path / "tile/0/001.p/44", at=5)
    with pytest.raises(TreeStoreError):
        proofs.get_inclusion_proof(asking(leaves[299]))
    (site.folder.path / "checkpoint").write_bytes(b"cut off")
    with pytest.raises(TreeStoreError):
        proofs.get_checkpoint(call(b""))
