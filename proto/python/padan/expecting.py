"""What an agency expects of the log after an answer: that the leaf of its receipt is in the tree in time. Pure.

The promise is the receipt's `mmd`: seconds after which the leaf must be in a published checkpoint. A proof that is not
there by then, or does not hold, is an alarm; a service that cannot be asked is one after another while.
"""

from __future__ import annotations

import base64
import binascii
import json
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.errors import LogError, LogProofError, ReceiptError, UnavailableError
from padan.tlog import merkle
from padan.tlog.proof import LogProof

if TYPE_CHECKING:
    from padan.errors import PadanError
    from padan.tlog.policy import Policy
    from padan.v1 import audit_pb2

INCLUSION: Final = "/padan.v1.AuditService/GetInclusionProof"
CONSISTENCY: Final = "/padan.v1.AuditService/GetConsistencyProof"
CHECKPOINT: Final = "/padan.v1.AuditService/GetCheckpoint"
GRACE: Final = 5.0
"""Seconds beyond the promise: clocks, and the way."""
AWAY: Final = 600.0
"""Seconds beyond the promise for which a service that does not answer is asked again."""
PAUSE: Final = 5.0
"""Seconds between two tries."""
_PARTS: Final = 3
_LEAF: Final = re.compile(r"01[0-9a-f]{64}")
_SHARE = random.SystemRandom()


class MissingProofWarning(UserWarning):
    """A receipt's leaf is not shown to stand in the log, though the time for it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A proof that is due.

    Attributes:
        receipt: the JWS.
        leaf: 33 bytes.
        at: when to ask next, monotonic seconds.
        promised: when it must be there.
    """

    receipt: str
    leaf: bytes
    at: float
    promised: float


def expect(receipt: str, *, now: float, delay: float | None, share: float = 1.0) -> Expected | None:
    """Say what is due for a receipt; None where there is no receipt, or it is not among the share that is looked at.

    Args:
        receipt: the JWS of an answer; its signature is not checked here.
        now: monotonic seconds.
        delay: seconds after which to ask first; None for the receipt's own promise.
        share: of the receipts that are looked at, 0 to 1.

    Raises:
        ReceiptError: it names no leaf.
    """
    if not receipt or (share < 1 and _SHARE.random() >= share):
        return None
    leaf, promise = leaf_of(receipt)
    return Expected(
        receipt=receipt, leaf=leaf, at=now + (promise if delay is None else delay), promised=now + promise
    )


def leaf_of(receipt: str) -> tuple[bytes, int]:
    """Read leaf and merge delay of a receipt; `padan.receipt.check` is what proves them.

    Raises:
        ReceiptError: it names none.
    """
    try:
        parts = receipt.split(".")
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        leaf, promise = claims["leaf"], claims["mmd"]
        if len(parts) == _PARTS and _LEAF.fullmatch(leaf) and type(promise) is int and promise >= 0:
            return bytes.fromhex(leaf), promise
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error, RecursionError):
        pass
    raise ReceiptError("the receipt names no leaf of the log", reason="claims")


def read(response: audit_pb2.GetInclusionProofResponse, leaf: bytes, policy: Policy | None) -> LogProof:
    """Read a proof, and check it.

    Args:
        response: of GetInclusionProof.
        leaf: the leaf itself, 33 bytes.
        policy: whom to believe; None checks the path alone, and believes whoever answered.

    Raises:
        LogError: it does not hold, or nobody who is believed has signed the checkpoint.
    """
    proof = LogProof(index=response.index, path=tuple(response.path), checkpoint=response.checkpoint)
    if policy is None:
        proof.check_path(leaf)
    else:
        proof.check(leaf, policy)
    return proof


def again(expected: Expected, error: PadanError, *, now: float) -> Expected | None:
    """Say when to ask again after a failure; None where it is an alarm.

    Args:
        expected: what was asked for.
        error: why there is no proof.
        now: monotonic seconds.
    """
    waits = (isinstance(error, LogProofError) and error.reason == "UNKNOWN_LEAF") or isinstance(
        error, UnavailableError
    )
    end = expected.promised + (AWAY if isinstance(error, UnavailableError) else GRACE)
    if not waits or now >= end:
        return None
    return Expected(
        receipt=expected.receipt,
        leaf=expected.leaf,
        at=min(now + PAUSE, max(end, now)),
        promised=expected.promised,
    )


def alarm(error: PadanError) -> MissingProofWarning:
    """Say an alarm in words."""
    what = (
        "does not hold" if isinstance(error, LogError) and error.reason != "UNKNOWN_LEAF" else "is not there"
    )
    return MissingProofWarning(
        f"the proof that an answer stands in the log {what}, though its time is over: {error}; "
        "keep the receipt, and show it to the registry and its auditors"
    )


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf as GetInclusionProof asks for it."""
    return merkle.leaf_hash(leaf)
