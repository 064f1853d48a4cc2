"""Custodians of a roster decide from afar about a keyring that the key host opens by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import grpc
import pytest

from keys import ceremonyfile, keyceremony, ringformat
from keys.keychange import Action, Change
from keys.purpose import Purpose
from keys.signing import thumbprint
from padan.cli.console import CommandError, ExitCode
from padan.rpc import from_rpc
from padan.v1 import custody_pb2, verification_pb2_grpc
from tests.installation import Installation, install
from tests.integration.test_custody import wait_for
from tests.integration.test_key_rotation import custody, key_of
from tests.restarting import roles
from tests.service import request, running, wait_until_ready
from tests.unit.keys.council import SIGNERS, seat
from verifier.cli.custody_line import Line
from verifier.cli.place import FarDesk

SECONDS = 180.0
"""How long a busy machine may take."""


def line_of(made: Installation, name: str) -> Line:
    """A custodian's line to the key agent."""
    identity = made.certify(name, kind="custodian")
    return Line(
        address=made.settings.custody_listen,
        ca=made.ca,
        cert=identity.certificate,
        key=identity.key,
        server_name="localhost",
    )


def listens(desk: FarDesk) -> bool:
    """Whether the key agent answers a custodian."""
    try:
        desk.table()
    except CommandError as error:
        if error.code != ExitCode.UNAVAILABLE:
            raise
        return False
    return True


@pytest.mark.timeout(600)
def test_a_roster_decides_from_afar(tmp_path: Path) -> None:
    """Proposed and approved over the wire, executed on the key host from the file that lies there, without a share.

    The roster is the first one, set while the service runs: nothing is restarted for it.
    """
    made = install(tmp_path / "installation", extra="workers = 2\n")
    lines = [line_of(made, name) for name in ("ani", "bayu")]
    ani, bayu = (FarDesk(line) for line in lines)
    with running(made, ready=False) as service, service.channel() as channel:
        wait_until_ready(made, service.process, SECONDS)
        processes = roles(service)
        assert not listens(ani)
        seat(custody(made))
        wait_for(lambda: listens(ani))
        assert roles(service) == processes
        at = ani.table()
        change = Change(action=Action.ROTATE, purpose=Purpose.RECEIPT_SIGNING)
        ani.keep(at, None, keyceremony.propose(at.sitting, change, SIGNERS[0]))
        (waiting,) = bayu.proposals(at)
        approved = bayu.keep(at, None, keyceremony.approve(bayu.table().sitting, waiting, SIGNERS[1]))
        told = bayu.execution(at, None, approved)
        path = Path(told.rpartition(" ")[2])
        assert (told.startswith("on the key host: padan-keys execute "), path.parent.name) == (
            True,
            "proposals",
        )
        with lines[0].stub() as line, pytest.raises(grpc.RpcError) as refused:
            line.HandInShare(custody_pb2.HandInShareRequest(), timeout=SECONDS)
        assert from_rpc(refused.value).reason == "NOT_PADAN"
        custody(made).execute(ceremonyfile.decode(made.realm, path.read_bytes()))
        new = ringformat.peek(made.settings.keyring.read_bytes()).primary(Purpose.RECEIPT_SIGNING)
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        wait_for(lambda: key_of(stub.Verify(request(), timeout=10).receipt) == thumbprint(new.public))
        assert ani.proposals(ani.table()) == ()
        assert not path.exists()
        os.kill(processes["agent"], signal.SIGKILL)
        wait_for(lambda: roles(service).get("agent", processes["agent"]) != processes["agent"])
        wait_for(lambda: listens(bayu))
