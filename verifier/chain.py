"""The chained hash over the log's leaves, in backups and in heads of format 1: docs/formats/head.md. Pure.

`c(0) = SHA-256(label)` and `c(n) = SHA-256(c(n - 1) | leaf n)`; the label binds registry and environment. Two logs with
one chain have the same leaves, in the same order, and so the same history.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keys.realm import Realm

HASH_SIZE = 32


class Chain(NamedTuple):
    """The chain over a log's first entries.

    Attributes:
        entries: how many.
        hash: 32 bytes.
    """

    entries: int
    hash: bytes


def start(realm: Realm) -> Chain:
    """Begin the chain of a realm, over no entries."""
    return Chain(0, hashlib.sha256(realm.label("log-chain")).digest())


def extend(chain: Chain, leaves: Iterable[bytes]) -> Chain:
    """Extend a chain by the leaves that follow, 33 bytes each."""
    entries, link = chain
    for leaf in leaves:
        link = hashlib.sha256(link + leaf).digest()
        entries += 1
    return Chain(entries, link)
