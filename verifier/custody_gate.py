"""Who may call CustodyService: custodians, with certificates that the register holds at the time of the call."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError

from padan.v1 import custody_pb2
from verifier import validate
from verifier.directory import Directory
from verifier.errors import MalformedMessageError, MethodNotAllowedError
from verifier.identity import PeerGate, PeerReader
from verifier.revocation import RegisterReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.call import Call
    from verifier.config import Settings
    from verifier.identity import Peer
    from verifier.revocation import Register

M = TypeVar(
    "M",
    custody_pb2.GetStandingRequest,
    custody_pb2.HandInShareRequest,
    custody_pb2.GetKeyringRequest,
    custody_pb2.ListProposalsRequest,
    custody_pb2.PutProposalRequest,
)


class Registrations:
    """The register of callers, read anew for each call: the agent keeps nothing of it, and waits for no database."""

    def __init__(self, database: str) -> None:
        self._database = database

    def current(self) -> Register:
        """Read it.

        Raises:
            LogUnavailableError: the database cannot be read.
        """
        with contextlib.closing(Directory(self._database)) as directory:
            return RegisterReader(directory).read()


class CustodyGate:
    """Admits custodians.

    Args:
        settings: name the trust domain and the register's database.
        wall: wall clock, seconds of the Unix epoch.
    """

    def __init__(self, settings: Settings, *, wall: Callable[[], float] = time.time) -> None:
        self._gate = PeerGate(PeerReader(settings.trust_domain), Registrations(settings.log_database))
        self._wall = wall

    def custodian(self, call: Call) -> Peer:
        """Say who calls.

        Raises:
            VerifierError: nobody that is known, or no custodian.
        """
        peer = self._gate.admit(call.certificate, self._wall())
        if peer.kind != "custodian":
            raise MethodNotAllowedError("only custodians may call this")
        return peer


def parse(message: M, raw: bytes) -> M:
    """Read a request into an empty message of its type.

    Raises:
        MalformedMessageError: it is none, or holds fields that are not known.
    """
    try:
        message.ParseFromString(raw)
    except DecodeError:
        raise MalformedMessageError("the bytes are no message of this method") from None
    validate.refuse_unknown(message)
    return message
