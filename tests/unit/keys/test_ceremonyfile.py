"""A ceremony's file keeps every signature, and says what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from keys import ceremony, ceremonyfile
from keys.ceremonyfile import CeremonyFile
from keys.errors import ProposalFormatError
from tests.unit.keys.test_ceremony import PROPOSAL, REALM, SIGNERS

FILE = CeremonyFile(proposal=PROPOSAL).with_voice(ceremony.approve(REALM, PROPOSAL, SIGNERS[0]))


def test_round_trip() -> None:
    """What is written is read again; a second approval takes the place of the first, a withdrawal stands beside."""
    twice = FILE.with_voice(ceremony.approve(REALM, PROPOSAL, SIGNERS[0]))
    assert twice == FILE
    full = FILE.with_voice(ceremony.withdraw(REALM, PROPOSAL, SIGNERS[0])).with_voice(
        ceremony.approve(REALM, PROPOSAL, SIGNERS[1])
    )
    assert len(full.voices) == 3
    assert ceremonyfile.decode(REALM, ceremonyfile.encode(REALM, full)) == full


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2}, {"use": "agreement"}, {"registry_id": "other"}, {"environment": "staging"}, {"proposal": "AA=="},
        {"proposal": "?"}, {"proposal": 7}, {"voices": [{}] * 65}, {"voices": [{"key_id": "a"}]}, {"voices": None},
    ],
    ids=lambda changed: f"{next(iter(changed))} {str(next(iter(changed.values())))[:9]}",
)  # fmt: skip
def test_what_is_no_ceremony(changed: dict[str, Any]) -> None:
    """Another format, use, registry or environment, and anything malformed, is refused."""
    content = json.loads(ceremonyfile.encode(REALM, FILE))
    with pytest.raises(ProposalFormatError):
        ceremonyfile.decode(REALM, json.dumps(content | changed).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"[" * 100_000, b" " * 70_000, b"\xff"])
def test_strange_bytes(data: bytes) -> None:
    """Whatever stands in the file, the error is ours."""
    with pytest.raises(ProposalFormatError):
        ceremonyfile.decode(REALM, data)


def test_a_missing_part() -> None:
    """A file without a part is refused."""
    content = json.loads(ceremonyfile.encode(REALM, FILE))
    del content["voices"]
    with pytest.raises(ProposalFormatError):
        ceremonyfile.decode(REALM, json.dumps(content).encode())


def test_another_realm() -> None:
    """A file of another registry is named as such."""
    elsewhere = dataclasses.replace(REALM, registry_id="other")
    with pytest.raises(ProposalFormatError, match="another registry"):
        ceremonyfile.decode(elsewhere, ceremonyfile.encode(REALM, FILE))
