"""What a resident's trail costs: entries searched a second, and periods' parts with their proofs.

Entries are of real size (some 400 bytes) with as many fields as a question has; one in 5,000 is about the resident,
spread over 30 periods. Processor time of one thread, the median of five rounds. Goal: 500,000 entries a second and
core.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench.table import Row, render
from padan import canonical, dleq, group
from padan.audit.entries import Item
from padan.audit.search import Search
from padan.entry import EntryKind, Field, encode

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 5
_PERIODS = 30
_ONE_IN = 5_000
_ENVELOPES = 365


def entry(at: int, *, period: bytes, subject: bytes, nonce: bytes) -> Item:
    """Make an entry as a question leaves it."""
    head: dict[int, bytes] = {
        Field.KIND: int(EntryKind.VERIFY).to_bytes(2, "big"),
        Field.AGENCY: b"tax-office",
        Field.OFFICER: b"officer-0042",
        Field.CERTIFICATE: os.urandom(32),
        Field.AGREEMENT: b"PKS-12/2026",
        Field.AGREEMENT_VERSION: (3).to_bytes(4, "big"),
        Field.CLAUSE: b"art. 3(2)",
        Field.PURPOSE: b"service-application",
        Field.LAWFUL_USE: b"\1",
        Field.LEGAL_BASIS: b"\5",
        Field.SUBJECT: subject,
        Field.NONCE: nonce,
        Field.PERIOD: period,
        Field.CLAIMS: bytes.fromhex("000100040005"),
        Field.REQUEST_DIGEST: os.urandom(32),
        Field.EPOCH: (7).to_bytes(4, "big"),
        Field.KEY_VERSIONS: canonical.encode_list([b"index:1", b"attribute:2", b"handle:3"]),
        Field.POLICY_VERSIONS: canonical.encode_list([b"normaliser:1"]),
        Field.SENSITIVITY: b"\2",
        Field.RETENTION: b"\2",
        Field.REQUEST_ID: os.urandom(16),
    }
    tail: dict[int, bytes] = {
        Field.LOG_TIME: (1_790_000_000_000 + at).to_bytes(8, "big"),
        Field.CLOCK_FLAG: b"\0",
        Field.OUTCOME: b"\1",
        Field.AGENCY_BUCKET: b"\1",
        Field.OFFICER_BUCKET: b"\1",
    }
    return Item(at, int(EntryKind.VERIFY), encode(canonical.encode(head), tail), b"", b"")


def entries(count: int, keys: dict[bytes, bytearray], handle: bytes) -> list[Item]:
    """Make entries, of which one in 5,000 is about the resident."""
    names = list(keys)
    made = []
    for at in range(1, count + 1):
        period, nonce = names[at * len(names) // (count + 1)], os.urandom(16)
        who = handle if at % _ONE_IN == 0 else os.urandom(16)
        subject = hmac.digest(hmac.digest(bytes(keys[period]), who, "sha256"), nonce, "sha256")[:16]
        made.append(entry(at, period=period, subject=subject, nonce=nonce))
    return made


def seconds(act: Callable[[], object]) -> float:
    """Measure the processor time of this thread, the median of five rounds."""
    figures = []
    for _ in range(_ROUNDS):
        begin = time.thread_time()
        act()
        figures.append(time.thread_time() - begin)
    return statistics.median(figures)


def searched(count: int) -> float:
    """Search; entries a second."""
    keys = {os.urandom(16): bytearray(os.urandom(32)) for _ in range(_PERIODS)}
    handle = os.urandom(16)
    items = entries(count, keys, handle)

    def act() -> None:
        found = sum(1 for _ in Search(keys, (handle, handle)).find(items))
        if found != count // _ONE_IN:
            raise AssertionError("not every entry was found")

    return count / seconds(act)


def parts() -> tuple[float, float]:
    """Compute an auditor's parts of a year's periods with their proof, and check them; milliseconds each."""
    secret = group.random_scalar()
    public, elements = group.base(secret), [group.base(group.random_scalar()) for _ in range(_ENVELOPES)]
    pairs = [(element, group.multiply(secret, element)) for element in elements]
    proof = dleq.prove(secret, public, pairs, context=b"bench")

    def give() -> None:
        made = [(element, group.multiply(secret, element)) for element in elements]
        dleq.prove(secret, public, made, context=b"bench")

    return seconds(give) * 1e3, seconds(lambda: dleq.check(public, pairs, proof, context=b"bench")) * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    count = chosen.entries
    giving, checking = parts()
    rows = [
        Row(name="entries searched", figure=searched(count), unit="entries/s/core", at_least=500_000),
        Row(name=f"parts of {_ENVELOPES} periods, proved", figure=giving, unit="ms"),
        Row(name=f"parts of {_ENVELOPES} periods, checked", figure=checking, unit="ms"),
    ]
    sys.stdout.write((json.dumps([row.as_dict() for row in rows]) if chosen.json else render(rows)) + "\n")


if __name__ == "__main__":
    main()
