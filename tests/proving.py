"""The log's listener alone: the service's own proofs, rate and transport, over the folder of a test."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from verifier import transport
from verifier.call import Now
from verifier.errors import RateLimitedError
from verifier.identity import Peer
from verifier.limiter import RateLimiter
from verifier.tree.proofs import Proofs

if TYPE_CHECKING:
    from tests.simulator.pki import Pki
    from verifier.call import Call
    from verifier.ports import Journal
    from verifier.tree.folder import TreeFolder


class OpenGate:
    """A gate that takes everybody for one agency."""

    def admit(self, pem: bytes, now: float) -> Peer:
        """Let in."""
        return Peer(kind="agency", id="tax", serial="1", fingerprint=pem, not_before=int(now), not_after=2)


class ProofListener:
    """Serves GetInclusionProof within its `with` block.

    Attributes:
        address: where it listens.
        answered: calls that were.
        refused: calls that came too fast.
        stands: whether the clock of the rate stands, so that no call is admitted any more once its burst is used up.
    """

    def __init__(self, folder: TreeFolder, journal: Journal, pki: Pki, *, share: float = 1.0) -> None:
        """Open the port.

        Args:
            folder: of the published tree.
            journal: where refusals are logged.
            pki: certificates.
            share: of a caller's rate that this one has, as a worker.
        """
        self.answered = 0
        self.refused = 0
        self.stands = False
        self._changed = threading.Condition()
        self._proofs = Proofs(
            gate=OpenGate(), journal=journal, rates=RateLimiter(share=share), folder=folder, now=self._now
        )
        handler = transport.unary("padan.v1.AuditService", {"GetInclusionProof": self._include})
        self._server = transport.new_server([handler], threads=2)
        credentials = grpc.ssl_server_credentials(
            [(Path(pki.server.key).read_bytes(), Path(pki.server.cert).read_bytes())],
            root_certificates=Path(pki.ca).read_bytes(),
            require_client_auth=True,
        )
        self.address = f"127.0.0.1:{transport.listen(self._server, '127.0.0.1:0', credentials)}"

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many calls were answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.answered >= count, 30)

    def wait_for_refusals(self, count: int) -> None:
        """Wait until so many calls were refused."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.refused >= count, 30)

    def _now(self) -> Now:
        return Now(
            wall=1.0, mono=0.0 if self.stands else time.monotonic(), today=dt.datetime.now(dt.UTC).date()
        )

    def _include(self, call: Call) -> bytes:
        try:
            answer = self._proofs.get_inclusion_proof(call)
        except RateLimitedError:
            with self._changed:
                self.refused += 1
                self._changed.notify_all()
            raise
        with self._changed:
            self.answered += 1
            self._changed.notify_all()
        return answer

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
