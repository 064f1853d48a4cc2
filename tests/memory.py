"""What stands in another process's memory: searched for keys, and for what is computed from them on the way."""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MASK = 0xFFFFFFFF
_PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, n))]


def memory(pid: int) -> Iterator[bytes]:
    """Read all of a process's memory that it can write."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            span, mode, *_ = line.split()
            if not mode.startswith("rw") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except OSError:
                continue


def copies(pid: int, secrets: Sequence[bytes]) -> list[int]:
    """Count how often each secret stands in a process's memory."""
    found = [0] * len(secrets)
    for part in memory(pid):
        for at, secret in enumerate(secrets):
            found[at] += part.count(secret)
    return found


def traces(key: bytes, infos: Sequence[bytes]) -> dict[str, bytes]:
    """Compute what HKDF and AES leave of a key: where it is itself, what is derived, and the midstates between.

    An AES-256 key schedule begins with the key, so a derived key stands for its schedule too.

    Args:
        key: input keying material.
        infos: what keys are derived for.
    """
    extracted = hmac.digest(bytes(32), key, "sha256")
    named = {"the key": key, "HKDF's extracted key": extracted}
    for pad, name in ((0x36, "inner"), (0x5C, "outer")):
        state = midstate(bytes(byte ^ pad for byte in extracted.ljust(64, b"\0")))
        named[f"HKDF's {name} midstate"] = struct.pack("<8I", *state)
    for number, info in enumerate(infos, 1):
        named[f"derived key {number}"] = hmac.digest(extracted, info + b"\x01", "sha256")
    return named


def midstate(block: bytes) -> tuple[int, ...]:
    """Compute the state of SHA-256 (FIPS 180-4) after its first block."""
    words = list(struct.unpack(">16I", block))
    for at in range(16, 64):
        before, last = words[at - 15], words[at - 2]
        low = _turn(before, 7) ^ _turn(before, 18) ^ before >> 3
        high = _turn(last, 17) ^ _turn(last, 19) ^ last >> 10
        words.append(words[at - 16] + low + words[at - 7] + high & _MASK)
    start = [_root(prime, 2) for prime in _PRIMES[:8]]
    a, b, c, d, e, f, g, h = start
    for at in range(64):
        first = h + (_turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)) + (e & f ^ ~e & g)
        first += _root(_PRIMES[at], 3) + words[at]
        second = (_turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = first + second & _MASK, a, b, c, d + first & _MASK, e, f, g
    return tuple(x + y & _MASK for x, y in zip(start, (a, b, c, d, e, f, g, h), strict=True))


def _turn(word: int, bits: int) -> int:
    return (word >> bits | word << 32 - bits) & _MASK


def _root(prime: int, degree: int) -> int:
    """Give the first 32 bits of the fractional part of a root."""
    wanted, low, high = prime << 32 * degree, 0, prime << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= wanted else (low, middle)
    return low & _MASK


def hash_of_one_block(message: bytes) -> bytes:
    """Hash a message of at most 55 bytes by `midstate`, so that a test can hold it against a library."""
    padded = (message + b"\x80").ljust(56, b"\0") + struct.pack(">Q", 8 * len(message))
    return struct.pack(">8I", *midstate(padded))


def check_itself() -> None:
    """See that the midstate is the standard's."""
    for size in (0, 3, 55):
        assert hash_of_one_block(b"x" * size) == hashlib.sha256(b"x" * size).digest()
