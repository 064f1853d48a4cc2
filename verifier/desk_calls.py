"""What custodians who are apart ask of the desk: the keyring as it is, the proposals, and to add to them.

The service shows no words about a proposal: each custodian's own command computes them from the keyring that it
fetched, and signs only what it showed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from padan.v1 import custody_pb2
from verifier.custody_gate import parse
from verifier.errors import CallerError, InvalidFieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from verifier.call import Call
    from verifier.custody_gate import CustodyGate
    from verifier.desk import Desk

MOST_HISTORY: Final = 1 << 20
"""Bytes of history in one answer: with the keyring far below the 4 MiB that a client takes."""
_LOGGER = logging.getLogger("padan.custody")


class DeskCalls:
    """The methods of CustodyService about proposals."""

    def __init__(self, desk: Desk, gate: CustodyGate) -> None:
        self._desk = desk
        self._gate = gate

    @property
    def methods(self) -> Mapping[str, Callable[[Call], bytes]]:
        """Name them."""
        return {
            "GetKeyring": self.get_keyring,
            "ListProposals": self.list_proposals,
            "PutProposal": self.put_proposal,
        }

    def get_keyring(self, call: Call) -> bytes:
        """Answer one GetKeyring, serialised.

        Raises:
            VerifierError: the caller may not, the request is malformed, or the keyring cannot be read.
        """
        self._gate.custodian(call)
        request = parse(custody_pb2.GetKeyringRequest(), call.raw)
        keyring, history, quorum = self._desk.papers.read()
        if request.history_offset > len(history):
            raise InvalidFieldError("at most the bytes of the history", field="history_offset")
        return custody_pb2.GetKeyringResponse(
            keyring=keyring,
            history=history[request.history_offset :][:MOST_HISTORY],
            history_size=len(history),
            quorum=quorum,
        ).SerializeToString()

    def list_proposals(self, call: Call) -> bytes:
        """Answer one ListProposals, serialised.

        Raises:
            VerifierError: as `get_keyring`.
        """
        self._gate.custodian(call)
        parse(custody_pb2.ListProposalsRequest(), call.raw)
        return custody_pb2.ListProposalsResponse(proposals=self._desk.proposals()).SerializeToString()

    def put_proposal(self, call: Call) -> bytes:
        """Answer one PutProposal, serialised.

        Raises:
            VerifierError: the caller may not, or the proposal or a signature under it is refused.
        """
        peer = self._gate.custodian(call)
        request = parse(custody_pb2.PutProposalRequest(), call.raw)
        try:
            name, file = self._desk.put(request.proposal)
        except CallerError as error:
            _LOGGER.warning("a proposal was refused", extra={"reason": f"custodian {peer.id}: {error}"})
            raise
        _LOGGER.info("a proposal came", extra={"reason": f"{name.hex()}, by custodian {peer.id}"})
        return custody_pb2.PutProposalResponse(
            proposal=file, path=str(self._desk.path(name))
        ).SerializeToString()
