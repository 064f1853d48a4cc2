"""The front: grpcio's thread-pool server behind the servicer interface, hardened by measured limits.

Handlers take and give bytes: the core parses, so that a malformed message is refused, and logged, like any other
request. Nothing here decides. Sources of the limits: docs/adr, and measurements in bench/.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent import futures
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

import grpc

from verifier.call import Call, Reply
from verifier.errors import InvalidFieldError, OperatorError, RateLimitedError
from verifier.status import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_UNARY_BYTES = 65_536
STREAM_SECONDS = 300
"""The longest deadline of a stream: it holds a thread for as long, also where nothing comes."""
_CENTURY = 100 * 365 * 86_400.0
_LOGGER = logging.getLogger("padan.transport")

OPTIONS: tuple[tuple[str, int], ...] = (
    # Without a bound on streams one client that resets rapidly takes an honest client's p50 from 1 to 340 ms. The core
    # refuses what comes above it, and counts calls that are answered but not yet cleared away; a client sends the next
    # one as soon as it is answered: so twice what our client libraries have at once. That is below the 100 which RFC
    # 9113 recommends at least (section 6.5.2), so that a foreign client may be refused a call, and sends it again.
    ("grpc.max_concurrent_streams", 64),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 60_000),
    # Age (grpc.max_connection_age_ms, a setting) alone never ends a half-open call; the grace does.
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.max_receive_message_length", MAX_UNARY_BYTES),
    ("grpc.max_metadata_size", 4_096),
    ("grpc.absolute_max_metadata_size", 8_192),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The limits on headers bind a client only once it has acknowledged our SETTINGS; this long it may take.
    ("grpc.http2.settings_timeout", 5_000),
    ("grpc.so_reuseport", 1),
)


AUDIT_OPTIONS: tuple[tuple[str, int], ...] = (("grpc.max_send_message_length", 8 << 20),)
"""A page of entries is larger than any answer about a resident."""


class ListenError(OperatorError):
    """An address cannot be listened on."""


class Core(Protocol):
    """What answers."""

    def verify_many(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer calls."""
        ...


class VerificationFront:
    """Handlers of padan.v1.VerificationService."""

    def __init__(
        self,
        *,
        core: Core,
        captures: Callable[[Sequence[Call]], list[Reply]],
        info: Callable[[Call], bytes],
        observe: Callable[[Reply, float], None],
    ) -> None:
        """Make the handlers.

        Args:
            core: answers Verify.
            captures: answers VerifyBiometric.
            info: answers GetServiceInfo; raises a VerifierError to refuse.
            observe: is told of each reply and its seconds.
        """
        self._core = core
        self._captures = captures
        self._info = info
        self._observe = observe

    def handler(self) -> grpc.GenericRpcHandler:
        """Make the generic handler of the service: bytes in, bytes out."""
        return grpc.method_handlers_generic_handler(
            "padan.v1.VerificationService",
            {
                "Verify": grpc.unary_unary_rpc_method_handler(self.verify),
                "VerifyBiometric": grpc.unary_unary_rpc_method_handler(self.verify_biometric),
                "GetServiceInfo": grpc.unary_unary_rpc_method_handler(self.get_service_info),
            },
        )

    def verify(self, raw: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one Verify."""
        return self._reply(self._core.verify_many, raw, context)

    def verify_biometric(self, raw: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one VerifyBiometric."""
        return self._reply(self._captures, raw, context)

    def _reply(
        self,
        answer: Callable[[Sequence[Call]], list[Reply]],
        raw: bytes,
        context: grpc.ServicerContext,
    ) -> bytes:
        arrived = time.monotonic()
        try:
            (reply,) = answer((call_of(raw, context, arrived),))
        except Exception as error:  # noqa: BLE001 - the table of statuses decides what a caller reads
            reply = Reply(body=None, error=error)
        self._observe(reply, time.monotonic() - arrived)
        if reply.body is None:
            refuse(context, reply.error)
        return reply.body

    def get_service_info(self, raw: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one GetServiceInfo."""
        return _answer(self._info, raw, context)


def unary(service: str, methods: Mapping[str, Callable[[Call], bytes]]) -> grpc.GenericRpcHandler:
    """Make the generic handler of a service: bytes in, bytes out.

    Args:
        service: full name, "package.Service".
        methods: each answers a call that stands alone, or raises a VerifierError to refuse.
    """
    return grpc.method_handlers_generic_handler(
        service,
        {
            name: grpc.unary_unary_rpc_method_handler(partial(_answer, method))
            for name, method in methods.items()
        },
    )


def stream(
    service: str, methods: Mapping[str, Callable[[Call], bytes]], *, at_once: int
) -> grpc.GenericRpcHandler:
    """Make the generic handler of a service's streams: each message is answered as a call of its own, in order.

    Args:
        service: full name, "package.Service".
        methods: each answers one message, or raises a VerifierError, which ends the stream.
        at_once: streams that may be open in this process, one a certificate; each takes a thread, whether or not
            anything comes.
    """
    room = _Room(at_once)
    return grpc.method_handlers_generic_handler(
        service,
        {
            name: grpc.stream_stream_rpc_method_handler(partial(_answers, method, room))
            for name, method in methods.items()
        },
    )


def _answers(
    method: Callable[[Call], bytes],
    room: _Room,
    messages: Iterator[bytes],
    context: grpc.ServicerContext,
) -> Iterator[bytes]:
    remaining = _remaining(context)
    if remaining is not None and remaining > STREAM_SECONDS:
        refuse(context, InvalidFieldError(f"a stream has at most {STREAM_SECONDS} seconds", field="deadline"))
    peer = _certificate(context)
    if not room.enter(peer):
        refuse(context, RateLimitedError("as many streams are open as may be; one at a time of each agency"))
    try:
        for raw in messages:
            yield _answer(method, raw, context)
    finally:
        room.leave(peer)


class _Room:
    """Who has a stream open: each peer one, so that nobody holds up all others."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._there: set[bytes] = set()

    def enter(self, peer: bytes) -> bool:
        """Take a place; False where there is none."""
        with self._lock:
            if peer in self._there or len(self._there) >= self._at_once:
                return False
            self._there.add(peer)
            return True

    def leave(self, peer: bytes) -> None:
        """Give it back."""
        with self._lock:
            self._there.discard(peer)


def _answer(method: Callable[[Call], bytes], raw: bytes, context: grpc.ServicerContext) -> bytes:
    """Answer a call that stands alone."""
    try:
        return method(call_of(raw, context, time.monotonic()))
    except Exception as error:  # noqa: BLE001 - the table of statuses decides what a caller reads
        refuse(context, error)


def call_of(raw: bytes, context: grpc.ServicerContext, arrived: float) -> Call:
    """Describe a call: its bytes, and the identity that TLS proved."""
    return Call(
        raw=raw,
        certificate=_certificate(context),
        peer=context.peer(),
        remaining=_remaining(context),
        arrived=arrived,
    )


def _certificate(context: grpc.ServicerContext) -> bytes:
    certificates = context.auth_context().get("x509_pem_cert") or (b"",)
    return bytes(certificates[0])


def _remaining(context: grpc.ServicerContext) -> float | None:
    """Read what is left of the deadline; grpcio spells "none" as None or as centuries, by release."""
    remaining = cast("float | None", context.time_remaining())
    return None if remaining is None or remaining > _CENTURY else remaining


def refuse(context: grpc.ServicerContext, error: Exception | None) -> NoReturn:
    """End a call with the status of an error."""
    context.abort_with_status(status_to_send(error))
    raise AssertionError("abort raises")


def status_to_send(error: Exception | None) -> grpc.Status:
    """Turn an error into the status that a caller reads; what is a fault of ours is logged."""
    failure = RuntimeError("no answer") if error is None else error
    status = status_of(failure)
    if status.code is grpc.StatusCode.INTERNAL:
        _LOGGER.error("internal fault", exc_info=failure)
    return status


def listen(server: grpc.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    """Open an address for a server, with credentials of its own; gives the port.

    Raises:
        ListenError: the address cannot be listened on.
    """
    try:
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ListenError(f"{address}: cannot be listened on; is another service there?") from error


def new_server(
    handlers: Sequence[grpc.GenericRpcHandler],
    *,
    threads: int,
    extra_options: Sequence[tuple[str, int]] = (),
) -> grpc.Server:
    """Make a server.

    Args:
        handlers: of its services.
        threads: calls served at once; as many again may wait, the rest hears RESOURCE_EXHAUSTED.
        extra_options: channel arguments that override OPTIONS.
    """
    options = {**dict(OPTIONS), **dict(extra_options)}
    return grpc.server(
        futures.ThreadPoolExecutor(max_workers=threads, thread_name_prefix="call"),
        handlers=list(handlers),
        options=tuple(options.items()),
        maximum_concurrent_rpcs=threads * 8,
        compression=grpc.Compression.NoCompression,
    )
