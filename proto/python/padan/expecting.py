"""What an agency expects of the log after an answer: that the leaf of its receipt is in the tree in time. Pure.

The promise is the receipt's `mmd`: seconds after which the leaf must be in a published checkpoint. A proof that is not
there by then, or does not hold, is an alarm. What time can mend is one after another while: a service that cannot be
asked, calls that it refuses for their rate, a checkpoint that the log has signed and too few witnesses. That while
begins when the receipt is first asked for in vain: others' receipts may have kept it waiting. It ends, whatever the
service says, so that nobody can put off a proof for ever.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import random
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from padan.errors import (
    LogError,
    LogProofError,
    QuorumError,
    QuotaError,
    ReceiptError,
    UnavailableError,
)
from padan.remedy import TABLE
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
"""Seconds for which a service is asked again that does not answer, or refuses for the rate."""
UNWITNESSED: Final = 900.0
"""Seconds for which missing witnesses are waited for: as long as the service goes on without them by default
(`witness_minutes`), which it tells nobody."""
TRIES: Final = 3
"""How often a receipt is asked for before what time can mend is an alarm. Where many wait, two tries may lie as far
apart as two outages."""
PAUSE: Final = 5.0
"""Seconds between two tries."""
MOST: Final = 20_000
"""Receipts that wait at once: some 30 MB."""
_PARTS: Final = 3
_LEAF: Final = re.compile(r"01[0-9a-f]{64}")
_SHARE = random.SystemRandom()


class MissingProofWarning(UserWarning):
    """A receipt's leaf is not shown to stand in the log, though the time for it is over."""


class UnwatchedReceiptWarning(UserWarning):
    """So many receipts wait for their proofs that new ones are not watched over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A proof that is due.

    Attributes:
        receipt: the JWS.
        leaf: 33 bytes.
        at: when to ask next, monotonic seconds.
        promised: when it must be there.
        since: when it was first asked for in vain; infinite before that.
        tries: how often it was asked for in vain.
    """

    receipt: str
    leaf: bytes
    at: float
    promised: float
    since: float = math.inf
    tries: int = 0


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

    What was refused for the rate keeps its time, and with it its place before those that are due later: how long to
    wait is the pace's. A service cannot pass over one leaf and go on with the others.

    Args:
        expected: what was asked for.
        error: why there is no proof.
        now: monotonic seconds.
    """
    tried = replace(expected, since=min(expected.since, now), tries=expected.tries + 1)
    end = _end(tried, error)
    if now >= end:
        return None
    return tried if too_fast(error) else replace(tried, at=min(now + PAUSE, end))


def _end(tried: Expected, error: PadanError) -> float:
    """Say until when an error is none yet: minus infinity where it is an alarm at once."""
    if _unknown_leaf(error):
        return tried.promised + GRACE
    if isinstance(error, QuorumError):
        patience = UNWITNESSED
    elif _is_away(error):
        patience = AWAY
    else:
        return -math.inf
    return max(tried.promised, tried.since) + patience if tried.tries >= TRIES else math.inf


def too_fast(error: PadanError) -> bool:
    """Say whether a call was refused for its rate alone, so that the same one may be made again soon."""
    row = TABLE.get(error.reason)
    return isinstance(error, QuotaError) and row is not None and row.retry


def _is_away(error: PadanError) -> bool:
    return isinstance(error, UnavailableError) or too_fast(error)


def _unknown_leaf(error: PadanError) -> bool:
    return isinstance(error, LogProofError) and error.reason == "UNKNOWN_LEAF"


def alarm(error: PadanError) -> MissingProofWarning:
    """Say an alarm in words."""
    shown = "show it to the registry and its auditors"
    if isinstance(error, QuorumError):
        what = "is signed by the log, but witnesses are missing, and were waited for"
        shown = "ask the registry and those who run the witnesses"
    elif isinstance(error, LogError) and not _unknown_leaf(error):
        what = "does not hold, though its time is over"
    elif _is_away(error):
        what = "was not to be had from the service, which was asked for long"
    else:
        what = "is not there, though its time is over"
    return MissingProofWarning(
        f"the proof that an answer stands in the log {what}: {error}; keep the receipt, and {shown}"
    )


def unwatched(most: int) -> UnwatchedReceiptWarning:
    """Say in words that new receipts are passed over.

    Args:
        most: receipts that may wait.
    """
    return UnwatchedReceiptWarning(
        f"{most} receipts wait for their proofs, which come more slowly than answers; new ones are not watched over, "
        "and counted in `unwatched`: keep them for `padan receipt prove`, or watch over a share of them"
    )


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf as GetInclusionProof asks for it."""
    return merkle.leaf_hash(leaf)
