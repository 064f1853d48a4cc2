"""Answers GetInclusionProof, GetConsistencyProof and GetCheckpoint from the published folder.

Leaves are blind and the folder is public, so whoever is admitted may ask about any leaf, and an answer is no entry of
the log; a refusal is one, but for a leaf that is unknown and calls that come too fast. An inclusion proof is checked
before it leaves: what a damaged folder comes to is no answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from padan.errors import LogError
from padan.tlog import checkpoint, merkle, note
from padan.tlog.tile import TileNodes
from padan.v1 import audit_pb2
from verifier import admin_entry, validate
from verifier.errors import CallerError, InvalidFieldError, MalformedMessageError, RateLimitedError
from verifier.tree.errors import TreeStoreError, UnknownLeafError
from verifier.tree.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from padan.tlog.checkpoint import Checkpoint
    from verifier.call import Call, Now
    from verifier.limiter import RateLimiter
    from verifier.ports import Gate, Journal
    from verifier.tree.folder import TreeFolder

PER_SECOND: Final = 100
"""Proofs a second and caller; the folder serves those who want more."""
_UNLOGGED: Final = (UnknownLeafError, RateLimitedError)
_Request = TypeVar("_Request", bound=Message)

_LOGGER = logging.getLogger("padan.tree")


class Proofs:
    """Proves what stands in the published tree."""

    def __init__(
        self,
        *,
        gate: Gate,
        journal: Journal,
        rates: RateLimiter,
        folder: TreeFolder,
        now: Callable[[], Now],
    ) -> None:
        self._gate = gate
        self._journal = journal
        self._rates = rates
        self._folder = folder
        self._places = Places(folder)
        self._now = now

    def get_inclusion_proof(self, call: Call) -> bytes:
        """Answer one GetInclusionProof, serialised.

        Raises:
            VerifierError: the caller may not, the request is malformed, or the leaf unknown.
            LogUnavailableError: the folder cannot be read or does not hold together, or a refusal not be logged.
        """
        return self._answer(call, "GetInclusionProof", audit_pb2.GetInclusionProofRequest, self._include)

    def get_consistency_proof(self, call: Call) -> bytes:
        """Answer one GetConsistencyProof, serialised; errors as `get_inclusion_proof`."""
        return self._answer(call, "GetConsistencyProof", audit_pb2.GetConsistencyProofRequest, self._connect)

    def get_checkpoint(self, call: Call) -> bytes:
        """Answer one GetCheckpoint, serialised; errors as `get_inclusion_proof`."""
        return self._answer(call, "GetCheckpoint", audit_pb2.GetCheckpointRequest, self._state)

    def _answer(
        self, call: Call, method: str, kind: type[_Request], answer: Callable[[_Request], Message]
    ) -> bytes:
        now, peer = self._now(), None
        try:
            peer = self._gate.admit(call.certificate, now.wall)
            if not self._rates.admit(f"{peer.kind}/{peer.id}", PER_SECOND, now.mono):
                raise RateLimitedError("too many proofs at once; the tree's folder serves any number")
            try:
                request = kind.FromString(call.raw)
            except DecodeError:
                raise MalformedMessageError(f"the bytes are no {kind.DESCRIPTOR.name}") from None
            validate.refuse_unknown(request)
            return answer(request).SerializeToString()
        except _UNLOGGED:
            raise
        except CallerError as error:
            self._journal.commit([admin_entry.refused(method, peer, error)])
            raise
        except LogError as error:
            _LOGGER.error("the published tree does not hold together", extra={"reason": str(error)})  # noqa: TRY400 - as told
            raise TreeStoreError("the published tree does not hold together") from error

    def _include(self, request: audit_pb2.GetInclusionProofRequest) -> Message:
        if len(request.leaf_hash) != merkle.HASH_SIZE:
            raise InvalidFieldError(f"{merkle.HASH_SIZE} bytes", field="leaf_hash")
        if self._folder.checkpoint() is None:
            raise UnknownLeafError("nothing is published yet")
        data, stated = self._published()
        index = self._places.find(request.leaf_hash, stated.size) if stated.size else None
        if index is None:
            raise UnknownLeafError("no published checkpoint holds this leaf")
        path = merkle.inclusion_proof(index, stated.size, TileNodes(stated.size, self._folder.read))
        merkle.check_inclusion(request.leaf_hash, index, stated.size, stated.root, path)
        return audit_pb2.GetInclusionProofResponse(index=index, path=path, checkpoint=data)

    def _connect(self, request: audit_pb2.GetConsistencyProofRequest) -> Message:
        data, stated = self._published()
        new = request.new_size or stated.size
        if new > stated.size:
            raise InvalidFieldError("at most the leaves of the published checkpoint", field="new_size")
        if not 1 <= request.old_size <= new:
            raise InvalidFieldError("1 to the leaves of the later tree", field="old_size")
        nodes = TileNodes(stated.size, self._folder.read)
        path = merkle.consistency_proof(request.old_size, new, nodes)
        return audit_pb2.GetConsistencyProofResponse(path=path, new_size=new, checkpoint=data)

    def _state(self, request: audit_pb2.GetCheckpointRequest) -> Message:
        del request
        return audit_pb2.GetCheckpointResponse(checkpoint=self._published()[0])

    def _published(self) -> tuple[bytes, Checkpoint]:
        data = self._folder.checkpoint()
        if data is None:
            raise TreeStoreError("nothing is published yet")
        return data, checkpoint.parse_text(note.parse(data).text)
