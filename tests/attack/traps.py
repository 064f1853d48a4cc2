"""Texts that break logs, tables, terminals, templates and Unicode; and messages that carry one in any field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.v1 import dispute_pb2
from tests.service import request

if TYPE_CHECKING:
    from collections.abc import Iterator

TRAPS: Final[dict[str, bytes]] = {
    name: text.encode()
    for name, text in {
        "carriage return": "\r",
        "line feed": "\n",
        "two lines": '\r\n{"event": "ready", "level": "error"}\r\n',
        "escape": "\x1b[2J\x1b]0;owned\x07",
        "NUL": "\x00",
        "bell and backspace": "\x07\x08\x08\x08",
        "delete and C1": "\x7f\x85\x9b31m",
        "line separator": "\u2028",
        "paragraph separator": "\u2029",
        "JSON": '","outcome":"MATCH","nik":"',
        "JSON end": '"}\n{"event":"x"}',
        "JSON escape": "\\u0022\\n\\",
        "CSV formula": '=HYPERLINK("http://x.example")',
        "CSV quotes": '","',
        "CSV sum": "+1+1",
        "CSV at": "@SUM(A1)",
        "C format": "%s%n%x%99999999d",
        "Python format": "{0.__class__.__mro__}{officer!r:>9999}",
        "logging format": "%(levelname)s %(args)r",
        "template": "${jndi:ldap://x.example/a}{{7*7}}<%= 1 %>",
        "shell": "$(id)`id`;id|id",
        "SQL": "'; DROP TABLE entry; --",
        "path": "../../../../etc/passwd",
        "percent NUL": "%00%0d%0a",
        "markup": "<script>alert(1)</script>",
        "key and value": " agency=other level=error",
        "right to left override": "\u202egro.elpmaxe",
        "isolates": "\u2066\u2067\u2068\u2069",
        "marks of direction": "\u200e\u200f\u061c",
        "no width": "\u200b\u200c\u200d\u2060\ufeff",
        "soft hyphen": "B\u00adU\u00adD\u00adI",
        "grapheme joiner": "B\u034fUDI",
        "Hangul filler": "\u3164\u115f\u1160\uffa0",
        "Braille blank": "\u2800",
        "tags": "\U000e0041\U000e0042\U000e007f",
        "variations": "B\ufe0fU\U000e0100DI",
        "Cyrillic homoglyphs": "\u0412\u0423\u0414\u0406",
        "Greek homoglyphs": "\u0392UD\u0399",
        "full width": "\uff22\uff35\uff24\uff29 \uff11\uff12\uff13",
        "mathematical": "\U0001d401\U0001d414\U0001d403\U0001d408",
        "enclosed": "\u24b7\u24ca\u24b9\u24be\U0001f171",
        "Arabic digits": "\u0663\u0662\u0667\u0663",
        "Bengali digits": "\u09e9\u09e8",
        "superscripts": "\u00b2\u00b3\u2074",
        "combining flood": "B" + "\u0301" * 150,
        "enclosing flood": "B" + "\u20dd" * 100,
        "stacked marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324",
        "NFKC expander": "\ufdfa" * 20,
        "NFKC squares": "\u3300\u3316\u33c2" * 10,
        "NFKC dots": "\u2026\u2025" * 20,
        "NFKC fractions": "\u215e\u2189\u2100",
        "dotless and dotted": "\u0131\u0130",
        "long s and sharp s": "\u017f\u1e9e\ufb06",
        "Kelvin and Angstrom": "\u212a\u212b",
        "Hangul parts": "\u1112\u1161\u11ab",
        "private use": "\ue000\U0010fffd",
        "not characters": "\ufffe\uffff\U0010ffff",
        "replacement": "\ufffd",
        "unassigned": "\u0378\U0003ffff",
        "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
        "interlinear": "\ufff9a\ufffab\ufffb",
        "64 KiB": "A" * 60_000,
        "64 KiB of marks": "\u0301" * 30_000,
        "64 KiB of expanders": "\ufdfa" * 20_000,
    }.items()
}

NO_UTF8: Final[dict[str, bytes]] = {
    "high surrogate": b"\xed\xa0\x80",
    "low surrogate": b"\xed\xb0\x80",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb2\xa9",
    "overlong NUL": b"\xc0\x80",
    "overlong slash": b"\xe0\x80\xaf",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "cut off": b"\xe2\x82",
    "Latin-1": b"Jos\xe9",
    "UTF-16": b"\xff\xfeB\x00U\x00",
    "UTF-7 and noise": b"+/v8-\x80\xbf\xfe",
}
"""What is no UTF-8 at all; protobuf refuses it in every text."""

FIELDS: Final = (
    "request_id",
    "purpose",
    "officer",
    "on_behalf_of",
    "nik",
    "consent_receipt",
    "client_version",
)
CLAIMED: Final = (1, 4, 5, 14, 24)  # a name, a date, two codes, a number: each reads its text in another way


def carriers(trap: bytes) -> Iterator[tuple[str, bytes]]:
    """Make a request for each field that carries a trap behind a good value: field and bytes."""
    for field in FIELDS:
        yield field, _without(field) + text_field(_number(field), _good(field) + trap)
    for attribute in CLAIMED:
        claim = b"\x08" + bytes((attribute,)) + text_field(2, b"BUDI " * (attribute == 1) + trap)
        yield f"claim of {attribute}", _without("claims") + text_field(8, claim)
    yield "subject_token", _without("nik") + text_field(_number("subject_token"), trap)
    yield "blind", _without("blind") + text_field(_number("blind"), trap[:64])
    yield "unknown field", request().SerializeToString() + text_field(900, trap)
    yield "whole message", trap


def _number(field: str) -> int:
    return request().DESCRIPTOR.fields_by_name[field].number


def _good(field: str) -> bytes:
    value: str = getattr(request(), field)
    return value.encode() or b"a"


def _without(field: str) -> bytes:
    message = request()
    message.ClearField(field)  # type: ignore[arg-type]  # a name of the message
    return message.SerializeToString()


def text_field(number: int, value: bytes) -> bytes:
    """Encode a field of bytes as they are, whether or not they are a text."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def disputing(field: str, value: str) -> bytes:
    """Make an OpenDisputeRequest with a text in one field."""
    message = dispute_pb2.OpenDisputeRequest()
    setattr(message, field, value)
    return message.SerializeToString()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))
