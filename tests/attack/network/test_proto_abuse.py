"""Attack 22: abuse of the message. Whatever is not a valid request is refused, and the worker lives."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bench import frames
from tests import service
from tests.attack.network.wire import Wire
from tests.people import BUDI

if TYPE_CHECKING:
    from tests.attack.network.conftest import Target

pytestmark = pytest.mark.attack

_GOOD = service.request().SerializeToString()
_INVALID = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}


def _field(number: int, wire_type: int, payload: bytes) -> bytes:
    tag = number << 3 | wire_type
    out = bytearray()
    while tag >= 0x80:
        out.append(tag & 0x7F | 0x80)
        tag >>= 7
    out.append(tag)
    return bytes(out) + payload


def _text(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return _field(number, 2, bytes([len(value)]) + value)


def _claim(value: bytes = b"BUDI") -> bytes:
    return _text(8, _field(1, 0, b"\x01") + _text(2, value))


_CASES = {
    "empty": b"",
    "noise": bytes(range(256)),
    "unknown field": _GOOD + _text(900, b"x"),
    "reserved field": _GOOD + _text(16, b"x"),
    "unknown field in a claim": _GOOD + _text(8, _field(1, 0, b"\x01") + _text(2, b"BUDI") + _text(7, b"x")),
    "10,000 claims": _GOOD + _claim() * 4_000,
    "claims beyond the message limit": _GOOD + _claim() * 10_000,
    "attribute twice": _GOOD + _claim(),
    "attribute out of the enum": _GOOD + _text(8, _field(1, 0, b"\xff\x7f") + _text(2, b"BUDI")),
    "negative attribute": _GOOD + _text(8, _field(1, 0, b"\xff" * 9 + b"\x01") + _text(2, b"BUDI")),
    "wrong wire type": _field(1, 0, b"\x05"),
    "wrong wire type beside a good request": _GOOD + _field(6, 5, b"\0\0\0\0"),
    "invalid UTF-8": _GOOD + _text(3, b"\xff\xfe\xc0\x80"),
    "surrogate in UTF-8": _GOOD + _claim(b"\xed\xa0\x80"),
    "NUL": _GOOD + _claim(b"BU\0DI"),
    "truncated": _GOOD[:-3],
    "length beyond the message": _GOOD + _field(3, 2, b"\xff\xff\xff\xff\x07"),
    "endless varint": _GOOD + b"\x80" * 20,
    "group never closed": _GOOD + _field(30, 3, b""),
    "deep nesting": _GOOD + b"\xf3\x01" * 5_000,
    "field number zero": _GOOD + b"\x00\x01",
}


def _ask(target: Target, raw: bytes) -> grpc.RpcError:
    with target.running.channel("known") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/padan.v1.VerificationService/Verify"
        )
        with pytest.raises(grpc.RpcError) as refused:
            call(raw, timeout=5)
    return refused.value


def _is_alive(target: Target) -> bool:
    with contextlib.closing(Wire(target.honest)) as wire:
        return wire.call(frames.message(service.request().SerializeToString())).status == 0


@pytest.mark.parametrize("raw", _CASES.values(), ids=_CASES.keys())
def test_abused_message_is_refused(target: Target, raw: bytes) -> None:
    """The message is refused as the caller's fault, with a reason of the contract, and nothing of it comes back."""
    error = _ask(target, raw)
    assert error.code() in _INVALID, error
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo()
        assert status is not None
        assert status.details[0].Unpack(info)
        assert info.domain == "padan"
        assert info.reason in {"INVALID_FIELD", "MALFORMED_MESSAGE", "UNKNOWN_CODE"}
    assert BUDI["NIK"] not in str(error)


_PAYLOADS = {
    "compressed flag without an encoding": (frames.message(_GOOD, compressed=1), ()),
    "compressed noise": (frames.message(b"\xff" * 64, compressed=1), (("grpc-encoding", "gzip"),)),
    "unknown encoding": (frames.message(_GOOD, compressed=1), (("grpc-encoding", "zip-of-death"),)),
    "flag of 255": (frames.message(_GOOD, compressed=255), ()),
    "no message": (b"", ()),
    "half a prefix": (b"\0\0\0", ()),
    "prefix longer than the data": (b"\0\0\0\1\0" + b"x" * 10, ()),
}


@pytest.mark.parametrize(("payload", "extra"), _PAYLOADS.values(), ids=_PAYLOADS.keys())
def test_abused_framing_is_no_answer(
    target: Target, payload: bytes, extra: tuple[tuple[str, str], ...]
) -> None:
    """A payload that is no gRPC message ends without a verdict."""
    with contextlib.closing(Wire(target.known)) as wire:
        answer = wire.call(payload, extra=extra)
    assert answer.ended
    assert answer.status != 0
    assert not answer.data


_HEADERS = {
    "no path": [(":method", "POST"), (":scheme", "https"), ("te", "trailers")],
    "unknown method": frames.call_headers("/padan.v1.VerificationService/Dump", "localhost"),
    "unknown service": frames.call_headers("/padan.v1.AuditService/ListEntries", "localhost"),
    "GET": [
        (":method", "GET"),
        *frames.call_headers("/padan.v1.VerificationService/Verify", "localhost")[1:],
    ],
    "no timeout": frames.call_headers("/padan.v1.VerificationService/Verify", "localhost")[:-1],
    "timeout that is none": [
        *frames.call_headers("/padan.v1.VerificationService/Verify", "localhost")[:-1],
        ("grpc-timeout", "soon"),
    ],
    "huge header": [
        *frames.call_headers("/padan.v1.VerificationService/Verify", "localhost"),
        ("x-filling", "a" * 12_000),
    ],
    "thousand headers": [
        *frames.call_headers("/padan.v1.VerificationService/Verify", "localhost"),
        *((f"x-{number}", "a") for number in range(1_000)),
    ],
}


@pytest.mark.parametrize("fields", _HEADERS.values(), ids=_HEADERS.keys())
def test_abused_headers_are_no_answer(target: Target, fields: list[tuple[str, str]]) -> None:
    """A call with headers that the contract does not have ends without a verdict."""
    with contextlib.closing(Wire(target.known)) as wire:
        wire.settle()
        stream = wire.begin(fields)
        with contextlib.suppress(OSError):
            wire.send(frames.data(stream, frames.message(service.request().SerializeToString())))
        answer = wire.finish(stream, seconds=8)
    assert answer.ended
    assert answer.status != 0


def test_worker_lives(target: Target) -> None:
    """After all that the same process answers an honest agency."""
    for raw in _CASES.values():
        _ask(target, raw)
    assert target.running.process.poll() is None
    assert _is_alive(target)
