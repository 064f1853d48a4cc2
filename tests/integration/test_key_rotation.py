"""Signing keys are replaced while the service runs, which follows the keyring; old signatures still verify."""

from __future__ import annotations

import base64
import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from padan import receipt
from padan.entry import EntryKind
from padan.tlog import note
from padan.tlog.note import Algorithm, VerifierKey
from padan.v1 import verification_pb2_grpc
from tests.installation import Installation, install
from tests.integration.feeding import details
from tests.service import request, running, wait_until_ready
from verifier.tree.folder import TreeFolder
from verifier.tree.signing import origin_of

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 90.0
"""How long a busy machine may take."""


def custody(made: Installation) -> Custody:
    """Open the keyring, as custodians do."""
    settings = made.settings
    return Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="custodian")


def key_of(token: str) -> str:
    """Read which key a receipt names."""
    return str(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"])


def signed_by(made: Installation) -> set[bytes]:
    """Say which of the log's keys have signed the published checkpoint."""
    with closing(made.agent()) as agent:
        keys = [key.public_key for key in agent.public_keys() if key.purpose == Purpose.LOG_SIGNING]
    data = TreeFolder(made.settings.tree_folder).checkpoint()
    assert data is not None
    parsed = note.parse(data)
    return {
        public
        for public in keys
        if note.verify(parsed, [VerifierKey(origin_of(made.realm), Algorithm.LOG, public)])
    }


def test_signing_keys_change_without_a_restart(tmp_path: Path) -> None:
    """New receipts and checkpoints carry the new keys within seconds, old receipts verify, and the change is logged.

    Checkpoints carry the old key's signature beside the new one's until the old key is deactivated.
    """
    made = install(tmp_path / "installation", extra="workers = 2\n")
    with (
        running(made, ready=False) as service,
        service.client(timeout=30) as client,
        service.channel() as channel,
    ):
        wait_until_ready(made, service.process, SECONDS)
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        old = stub.Verify(request(), timeout=10, wait_for_ready=True).receipt
        before = client.service_info().jwks()
        holder = custody(made)
        holder.rotate(Purpose.RECEIPT_SIGNING)
        previous = holder.read().primary(Purpose.LOG_SIGNING)
        holder.rotate(Purpose.LOG_SIGNING)
        ring, _ = holder.rotate(Purpose.REPLAY)
        publics = {
            purpose: ring.primary(purpose).public
            for purpose in (Purpose.RECEIPT_SIGNING, Purpose.LOG_SIGNING)
        }
        until = time.monotonic() + SECONDS
        while True:
            new, keys = stub.Verify(request(), timeout=10).receipt, client.service_info().jwks()
            follows = key_of(new) == keys["keys"][0]["kid"] != key_of(old)
            if follows and signed_by(made) == {previous.public, publics[Purpose.LOG_SIGNING]}:
                break
            assert time.monotonic() < until, service.messages()[-2000:]
            time.sleep(0.2)
        ring = holder.deactivate(Purpose.LOG_SIGNING, previous.key_id)
        while signed_by(made) != {publics[Purpose.LOG_SIGNING]}:
            assert time.monotonic() < until, service.messages()[-2000:]
            time.sleep(0.2)
        for token in (old, new):
            assert receipt.check(token, keys).key_id == key_of(token)
        assert receipt.check(old, before).key_id == key_of(old)
        repeated = request()
        first = stub.Verify(repeated, timeout=10)
        assert stub.Verify(repeated, timeout=10) == first
        assert service.process.poll() is None
    events = [entry["event"] for entry in details(made, EntryKind.KEYRING_CHANGED)]
    assert events.count("key-primary") >= 3
    assert [entry["counter"] for entry in details(made, EntryKind.KEYRING_CHANGED)][-1] == str(ring.counter)
