"""The tail of a log entry, as the commit writes it: log time, what was answered, how often was asked.

There are few different ones, and all of a group have one log time, so each is encoded once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from padan import canonical
from padan.entry import Field

if TYPE_CHECKING:
    from verifier.logtime import LogTime


def note(time: LogTime) -> bytes:
    """Encode the tail of what is no answer: log time alone."""
    return _begin(time.ms, time.flag)


def answer(time: LogTime, outcome: int, verdicts: bytes, agency_bucket: int, officer_bucket: int) -> bytes:
    """Encode the tail of an answer.

    Args:
        time: log time.
        outcome: the released padan.v1.Verdict.
        verdicts: one a claim, where the agreement grants that; else empty.
        agency_bucket: of how often the agency has asked about the subject today.
        officer_bucket: the same for the officer.
    """
    return _begin(time.ms, time.flag) + _answer(outcome, verdicts, agency_bucket, officer_bucket)


def refusal(time: LogTime, reason: int) -> bytes:
    """Encode the tail of what the commit itself refused, for a padan.v1.ErrorReason."""
    return _begin(time.ms, time.flag) + _refusal(reason)


@lru_cache(maxsize=16)
def _begin(ms: int, flag: int) -> bytes:
    return canonical.encode({Field.LOG_TIME: ms.to_bytes(8, "big"), Field.CLOCK_FLAG: bytes((flag,))})


@lru_cache(maxsize=4096)
def _answer(outcome: int, verdicts: bytes, agency_bucket: int, officer_bucket: int) -> bytes:
    fields: dict[int, bytes] = {
        Field.OUTCOME: bytes((outcome,)),
        Field.AGENCY_BUCKET: bytes((agency_bucket,)),
        Field.OFFICER_BUCKET: bytes((officer_bucket,)),
    }
    if verdicts:
        fields[Field.VERDICTS] = verdicts
    return canonical.encode(fields)


@lru_cache(maxsize=64)
def _refusal(reason: int) -> bytes:
    return canonical.encode({Field.FINAL_REASON: reason.to_bytes(2, "big")})
