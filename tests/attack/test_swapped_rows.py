"""Attack 8, under the running service: rows that were swapped in the database are an outage, never a verdict."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_status import rpc_status

from tests import service
from tests.installation import install
from tests.people import BUDI, PEOPLE, SARI, UNKNOWN_NIK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.attack

_KEY_REST = 8
"""Bytes of the stored token that stand before the box; the other eight are the row's number."""


def _shift_boxes(vault: Path) -> int:
    """Give every token the box of the next one; say how many."""
    (path,) = sorted(vault.glob("epoch-*.sqlite"))[-1:]
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT head, rest FROM person ORDER BY head").fetchall()
        boxes = [rest[_KEY_REST:] for _, rest in rows]
        shifted = zip(rows, boxes[1:] + boxes[:1], strict=True)
        connection.executemany(
            "UPDATE person SET rest = ? WHERE head = ?",
            [(rest[:_KEY_REST] + box, head) for (head, rest), box in shifted],
        )
    return len(rows)


def test_swapped_rows_are_an_outage(tmp_path: Path) -> None:
    """Every question, about a number that is held or not, is UNAVAILABLE, and the service reports it."""
    installation = install(tmp_path / "padan")
    assert _shift_boxes(installation.root / "data" / "vault") > len(PEOPLE)
    with service.running(installation) as running, running.channel() as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/padan.v1.VerificationService/Verify"
        )
        for nik in (BUDI["NIK"], SARI["NIK"], UNKNOWN_NIK):
            with pytest.raises(grpc.RpcError) as refused:
                call(service.request(nik=nik).SerializeToString(), timeout=5)
            status = rpc_status.from_call(refused.value)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert status is not None
            assert b"REGISTRY_UNAVAILABLE" in status.details[0].value
        assert running.messages().count("a row of the vault does not open") == 3
        assert BUDI["NIK"] not in running.messages()
