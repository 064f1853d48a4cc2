"""What tokens cost, against the bare group: a token, its update with proof, a question by token's own part.

    python -m bench.tokens [--tokens N] [--json]

Microseconds of processor time, the median of interleaved rounds; ratios hold on any machine. "bare" is the
hash to the group and one multiplication by libsodium, without a check or a tag.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING

from bench.table import Row, render
from keys.mac import MacKey
from keys.realm import Realm
from keys.tokenkey import CONTEXT, TokenKey, hashed
from padan import dleq, group, grouphash
from padan.token import Token, update_context
from tokenizer.token import Domain, Quotients, Tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 7
BATCH = 500
REALM = Realm(registry_id="bench", environment="development")
GOAL_TOKEN = 1.08
GOAL_UPDATE_US = 100.0
GOAL_THREADS = 1.7


def domain() -> Domain:
    """Make a domain of two versions."""
    keys = {number: TokenKey(os.urandom(32), info=b"bench", key_id=number) for number in (1, 2)}
    tags = Tags(REALM, [MacKey(os.urandom(32))])
    return Domain(name="bench", versions=keys, current=2, ends={}, tags=tags, quotients=Quotients())


def old_tokens(keys: Domain, count: int) -> list[Token]:
    """Issue tokens of the older version."""
    older = Domain(
        name=keys.name,
        versions=keys._versions,  # noqa: SLF001 - a benchmark makes what a rotation leaves
        current=1,
        ends={},
        tags=keys._tags,  # noqa: SLF001 - as above
        quotients=Quotients(),
    )
    return [Token.parse(older.issue(hashed(b"%016d" % number))) for number in range(count)]


def spent(act: Callable[[], object]) -> float:
    """Measure processor seconds."""
    began = time.process_time()
    act()
    return time.process_time() - began


def measure(count: int) -> dict[str, float]:
    """Measure everything, in turns."""
    keys, niks = domain(), [b"%016d" % number for number in range(count)]
    library = group._library()  # noqa: SLF001 - the bare calls
    scalar, tag = bytes(group.random_scalar()), b"HashToGroup-" + CONTEXT
    old = old_tokens(keys, BATCH)

    def bare() -> None:
        point, made = bytearray(32), bytearray(32)
        cells = [(ctypes.c_char * 32).from_buffer(each) for each in (point, made)]
        for nik in niks:
            library.crypto_core_ristretto255_from_hash(cells[0], grouphash.expand(nik, tag, 64))
            library.crypto_scalarmult_ristretto255(cells[1], scalar, bytes(point))

    def issue() -> None:
        for nik in niks:
            keys.issue(hashed(nik))

    def update() -> None:
        quotient = keys.renewal(1)
        moved = [keys.renew(token) for token in old]
        pairs = [(token.element, Token.parse(new).element) for token, new in zip(old, moved, strict=True)]
        quotient.prove(keys.public(1), keys.public(2), pairs, context=update_context("bench", 1, 2))

    def check() -> None:
        dleq.check(keys.public(2), pairs, proof, context=update_context("bench", 1, 2), origin=keys.public(1))

    pairs = [(token.element, Token.parse(keys.renew(token)).element) for token in old]
    proof = keys.renewal(1).prove(
        keys.public(1), keys.public(2), pairs, context=update_context("bench", 1, 2)
    )
    taken: dict[str, list[float]] = {name: [] for name in ("bare", "token", "update", "check", "threads")}
    for _ in range(ROUNDS):
        taken["bare"].append(spent(bare) / count * 1e6)
        taken["token"].append(spent(issue) / count * 1e6)
        taken["update"].append(spent(update) / BATCH * 1e6)
        taken["check"].append(spent(check) / BATCH * 1e6)
        taken["threads"].append(_speed_up(issue))
    found = {name: statistics.median(each) for name, each in taken.items()}
    found["ratio"] = statistics.median(
        token / plain for token, plain in zip(taken["token"], taken["bare"], strict=True)
    )
    return found


def _speed_up(act: Callable[[], None]) -> float:
    """Say how much more two threads do than one, in the same time."""
    began = time.perf_counter()
    act()
    one = time.perf_counter() - began
    threads = [threading.Thread(target=act) for _ in range(2)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * one / (time.perf_counter() - began)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.tokens", description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=2_000, help="tokens a round")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    found = measure(chosen.tokens)
    if chosen.json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows(found)]) + "\n")
        return
    sys.stdout.write(render(rows(found)) + "\n")


def rows(found: Mapping[str, float]) -> list[Row]:
    """Lay the figures out beside their goals."""
    return [
        Row(name="bare hash to the group and multiplication", figure=found["bare"], unit="us"),
        Row(name="a tagged token", figure=found["ratio"], unit="times bare", at_most=GOAL_TOKEN),
        Row(
            name="an updated token, with its part of the proof",
            figure=found["update"],
            unit="us",
            at_most=GOAL_UPDATE_US,
        ),
        Row(name="its check by the agency", figure=found["check"], unit="us"),
        Row(name="tokens on two threads", figure=found["threads"], unit="times one", at_least=GOAL_THREADS),
    ]


if __name__ == "__main__":
    main()
