"""The table of errors."""

from __future__ import annotations

import re
from pathlib import Path

from padan import remedy
from padan.errors import InternalError, PadanError
from padan.v1 import error_pb2
from verifier.status import CODES

ROOT = Path(__file__).parents[3]


def test_every_reason_of_the_contract_has_a_remedy() -> None:
    """The table has every ErrorReason, and says the status code that the contract says."""
    text = (ROOT / "proto/padan/v1/error.proto").read_text(encoding="utf-8")
    by_reason = {
        reason: code
        for code, reason in re.findall(
            r"// ([A-Z_]+): [^\n]*\n(?:  //[^\n]*\n)*  ERROR_REASON_([A-Z_]+) =", text
        )
    }
    names = {
        name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.DESCRIPTOR.values_by_name
    } - {"UNSPECIFIED"}
    assert set(by_reason) == names
    assert {reason: remedy.TABLE[reason].code for reason in names} == by_reason


def test_table_equals_the_services() -> None:
    """The service maps each reason to the same status code."""
    assert {reason: code.name for reason, code in CODES.items()} == {
        reason: remedy.TABLE[reason].code for reason in CODES
    }


def test_every_row_says_what_to_do() -> None:
    """Cause and next step are there, and the exception is one of ours."""
    for reason, row in remedy.TABLE.items():
        assert row.reason == reason
        assert row.cause
        assert row.next_step
        assert issubclass(row.error, PadanError)


def test_only_what_time_can_mend_is_retried() -> None:
    """The rows that may be retried are those of outages, deadlines and rates."""
    assert {row.code for row in remedy.TABLE.values() if row.retry} == {
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "CANCELLED",
    }


def test_build_makes_the_rows_exception() -> None:
    """Reason, detail and hints end up on the exception; an unknown reason is internal."""
    error = remedy.build("NO_AGREEMENT", detail="ended on 2026-10-01")
    assert type(error) is remedy.TABLE["NO_AGREEMENT"].error
    assert str(error) == "no agreement of the agency is in force: ended on 2026-10-01"
    assert isinstance(remedy.build("OF_NEXT_YEAR"), InternalError)
