"""Proofs of the log over mutual TLS, and the watch over the receipts of a client. Assumes the extra `receipts`.

    proofs = Proofs(ProofClient.from_files("padan.example:7444", ...), policy=policy, on_alarm=tell)
    client = padan.Client.from_files("padan.example:7443", ..., proofs=proofs)

Each answer's receipt is looked after: when its merge delay is over the proof is fetched and checked. Where there is
none, or it does not hold, a `MissingProofWarning` is given and `on_alarm` called. Proofs are asked for as fast as the
service admits them; receipts beyond those that may wait are counted, and an `UnwatchedReceiptWarning` is given. Nothing
is passed over in silence.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
import warnings
from typing import TYPE_CHECKING, Self

import grpc

from padan import channel, expecting
from padan.errors import PadanError, UnavailableError
from padan.pace import Pace
from padan.rpc import from_rpc
from padan.v1 import audit_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from padan.expecting import Expected
    from padan.tlog.policy import Policy
    from padan.tlog.proof import LogProof

TIMEOUT = 5.0


class ProofClient:
    """Asks AuditService for proofs; use as a context manager, or call `close`."""

    def __init__(self, link: grpc.Channel, *, timeout: float = TIMEOUT) -> None:
        """Take over an open channel.

        Args:
            link: mutual TLS to the log's listener.
            timeout: seconds for a call.
        """
        self._link = link
        self._timeout = timeout
        self._include: grpc.UnaryUnaryMultiCallable[
            audit_pb2.GetInclusionProofRequest, audit_pb2.GetInclusionProofResponse
        ] = link.unary_unary(
            expecting.INCLUSION,
            request_serializer=audit_pb2.GetInclusionProofRequest.SerializeToString,
            response_deserializer=audit_pb2.GetInclusionProofResponse.FromString,
        )
        self._connect: grpc.UnaryUnaryMultiCallable[
            audit_pb2.GetConsistencyProofRequest, audit_pb2.GetConsistencyProofResponse
        ] = link.unary_unary(
            expecting.CONSISTENCY,
            request_serializer=audit_pb2.GetConsistencyProofRequest.SerializeToString,
            response_deserializer=audit_pb2.GetConsistencyProofResponse.FromString,
        )
        self._state: grpc.UnaryUnaryMultiCallable[
            audit_pb2.GetCheckpointRequest, audit_pb2.GetCheckpointResponse
        ] = link.unary_unary(
            expecting.CHECKPOINT,
            request_serializer=audit_pb2.GetCheckpointRequest.SerializeToString,
            response_deserializer=audit_pb2.GetCheckpointResponse.FromString,
        )

    @classmethod
    def from_files(
        cls,
        address: str,
        *,
        ca: str | os.PathLike[str],
        cert: str | os.PathLike[str],
        key: str | os.PathLike[str],
        server_name: str | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Open a client; arguments as in `padan.Client.from_files`, with the log's own address.

        Raises:
            ConfigError: a file is not usable.
        """
        link = channel.secure(address, ca=ca, cert=cert, key=key, server_name=server_name)
        return cls(link, timeout=timeout)

    def inclusion(self, leaf: bytes, *, policy: Policy | None = None) -> LogProof:
        """Fetch the proof that a leaf stands in the published tree, and check it.

        Args:
            leaf: 33 bytes, as a receipt names it.
            policy: whom to believe; None checks the path alone, and believes whoever answered.

        Raises:
            LogProofError: reason "UNKNOWN_LEAF" where no published checkpoint holds it; or the path does not hold.
            QuorumError: all of it holds, and witnesses are missing.
            LogError: nobody who is believed has signed the checkpoint.
            PadanError: see `padan errors`.
        """
        request = audit_pb2.GetInclusionProofRequest(leaf_hash=expecting.leaf_hash(leaf))
        try:
            response = self._include(request, timeout=self._timeout)
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None
        return expecting.read(response, leaf, policy)

    def consistency(self, old_size: int, new_size: int = 0) -> tuple[int, list[bytes], bytes]:
        """Fetch the proof that a later tree begins with an earlier one, for `padan.tlog.merkle.check_consistency`.

        Args:
            old_size: leaves of the earlier tree.
            new_size: leaves of the later one; 0 for the published one.

        Returns:
            The later tree's leaves, the proof's hashes, and the published checkpoint.

        Raises:
            PadanError: see `padan errors`.
        """
        request = audit_pb2.GetConsistencyProofRequest(old_size=old_size, new_size=new_size)
        try:
            response = self._connect(request, timeout=self._timeout)
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None
        return response.new_size, list(response.path), response.checkpoint

    def checkpoint(self) -> bytes:
        """Fetch the published checkpoint, for `padan.tlog.policy.Policy.believe`.

        Raises:
            PadanError: see `padan errors`.
        """
        try:
            return self._state(audit_pb2.GetCheckpointRequest(), timeout=self._timeout).checkpoint
        except grpc.RpcError as failure:
            raise from_rpc(failure) from None

    def close(self) -> None:
        """Close the channel."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Proofs:
    """Watches over receipts in a thread of its own. May be used by several clients and threads."""

    def __init__(
        self,
        client: ProofClient,
        *,
        policy: Policy,
        on_alarm: Callable[[str, PadanError], object] | None = None,
        on_proof: Callable[[str, LogProof], object] | None = None,
        delay: float | None = None,
        share: float = 1.0,
        most: int = expecting.MOST,
    ) -> None:
        """Prepare.

        Args:
            client: asks; closed by `close`.
            policy: whom to believe.
            on_alarm: is called with a receipt and why there is no proof of it, in the watching thread.
            on_proof: is called with a receipt and its proof, to keep both.
            delay: seconds after the answer at which to ask first; by default the receipt's merge delay.
            share: of the receipts that are watched over, 0 to 1.
            most: receipts that may wait at once; one that comes then is not watched over.
        """
        self._client = client
        self._policy = policy
        self._on_alarm = on_alarm
        self._on_proof = on_proof
        self._delay = delay
        self._share = share
        self._most = most
        self._pace = Pace()
        self._due: list[tuple[float, int, Expected]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._asking = False
        self._full = False
        self._thread: threading.Thread | None = None
        self.alarms = 0
        """How many receipts have no proof that holds."""
        self.unwatched = 0
        """How many receipts came while as many waited as may: of these nothing is known."""

    def watch(self, receipt: str) -> None:
        """Look after a receipt; a client that was given this does it with every answer."""
        try:
            expected = expecting.expect(receipt, now=time.monotonic(), delay=self._delay, share=self._share)
        except PadanError as error:
            self._raise_alarm(receipt, error)
            return
        if expected is None:
            return
        with self._changed:
            waiting = len(self._due) + self._asking
            if waiting <= self._most // 2:
                self._full = False  # the next time that too many wait is told of again
            if waiting < self._most:
                self._add(expected)
                return
            told, self._full = self._full, True
            self.unwatched += 1
        if not told:
            _warn(expecting.unwatched(self._most))

    def drain(self, seconds: float) -> bool:
        """Wait until every receipt has its proof or its alarm; returns whether none is left.

        Args:
            seconds: to wait at most.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._asking, seconds)

    def close(self) -> None:
        """Stop watching; receipts whose time has not come are left to `padan receipt prove`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=TIMEOUT + 1)
        self._client.close()

    def _add(self, expected: Expected) -> None:
        with self._changed:
            heapq.heappush(self._due, (expected.at, next(self._number), expected))
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="proofs", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while (expected := self._next()) is not None:
            later = None
            try:
                proof = self._client.inclusion(expected.leaf, policy=self._policy)
            except PadanError as error:
                later = self._judge(expected, error)
            except ValueError:  # the channel was closed meanwhile
                return
            else:
                self._pace = self._pace.answered(time.monotonic())
                self._tell(self._on_proof, expected.receipt, proof)
            with self._changed:  # at once, so that no receipt waits twice or not at all
                self._asking = False
                if later is not None:
                    self._add(later)
                self._changed.notify_all()

    def _judge(self, expected: Expected, error: PadanError) -> Expected | None:
        """Say when to ask again, or raise the alarm."""
        now = time.monotonic()
        if expecting.too_fast(error):
            self._pace = self._pace.refused(now, error.retry_after)
        elif isinstance(error, UnavailableError):
            self._pace = self._pace.unanswered(now)
        else:
            self._pace = self._pace.answered(now)
        later = expecting.again(expected, error, now=now)
        if later is None:
            self._raise_alarm(expected.receipt, error)
        return later

    def _next(self) -> Expected | None:
        with self._changed:
            while not self._closing:
                at = max(self._due[0][0], self._pace.at) if self._due else None
                left = None if at is None else at - time.monotonic()
                if left is not None and left <= 0:
                    self._asking = True
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left)
        return None

    def _raise_alarm(self, receipt: str, error: PadanError) -> None:
        self.alarms += 1
        self._tell(self._on_alarm, receipt, error)
        _warn(expecting.alarm(error))

    @staticmethod
    def _tell(told: Callable[..., object] | None, receipt: str, what: object) -> None:
        if told is None:
            return
        try:
            told(receipt, what)
        except Exception as error:  # noqa: BLE001 - the caller's fault must not end the watch, nor pass in silence
            warnings.warn(f"what is told of proofs has failed: {type(error).__name__}", stacklevel=4)


def _warn(warning: UserWarning) -> None:
    with contextlib.suppress(type(warning)):  # where warnings are errors, thread and caller go on
        warnings.warn(warning, stacklevel=4)
