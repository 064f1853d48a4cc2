"""The HMACs alone: every keyed hash that a Verify with five exact claims needs, and nothing else.

Prints microseconds of processor time for one request's hashes: the record id, five exact tokens, three handles, the
decoys' pick, and the two of the subject's name in the log. The median of five runs.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

from keys.mac import MacKey
from keys.realm import Realm
from padan.nik import Nik
from tokenizer.attribute import Attribute
from tokenizer.inner import Inner

_ROUNDS = 5
_REQUESTS = 5_000
_VALUES = (
    (Attribute.NAME, b"BUDI SANTOSO"),
    (Attribute.BIRTH_DATE, b"1990-01-01"),
    (Attribute.SEX, b"1"),
    (Attribute.DISTRICT, b"327301"),
    (Attribute.MARITAL_STATUS, b"2"),
)


def one_request(inner: Inner, period: MacKey, nik: Nik, request_id: bytes) -> None:
    """Compute the hashes of one request."""
    r = inner.record_id(nik)
    for attribute, value in _VALUES:
        inner.exact(attribute - 1, r, value)
    handles = inner.handles(nik)
    inner.decoy_pick(request_id)
    MacKey(period.mac(handles.log)).mac(request_id)


def microseconds() -> float:
    """Measure one request's hashes."""
    keys = [MacKey(os.urandom(32)) for _ in range(6)]
    realm = Realm(registry_id="bench", environment="development")
    inner = Inner(
        realm=realm, index=keys[0], attribute=keys[1], handle=keys[2], budget=keys[3], tombstone=keys[4]
    )
    numbers = [Nik(f"32730101019{serial:05d}") for serial in range(90_000, 90_000 + _REQUESTS)]
    request_id = os.urandom(16)
    figures = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        for nik in numbers:
            one_request(inner, keys[5], nik, request_id)
        figures.append((time.process_time() - begin) / _REQUESTS * 1e6)
    return statistics.median(figures)


if __name__ == "__main__":
    sys.stdout.write(f"{microseconds():.3f}\n")
