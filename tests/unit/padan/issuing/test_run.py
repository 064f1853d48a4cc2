"""A run's requests: the same for a row each time, and unlike those of any other row or run."""

from __future__ import annotations

import hmac
import pickle
import uuid
from typing import TYPE_CHECKING

import pytest

from padan.issuing.people import Person
from padan.issuing.run import Run, Terms
from padan.v1 import verification_pb2
from padan.vocabulary import Attribute

if TYPE_CHECKING:
    from pathlib import Path

TERMS = Terms(purpose="treatment", officer="desk-7", legal_basis="public_task")
PERSON = Person(row=7, nik="9971014101900001", claims={Attribute.NAME: "Sitti"})


def test_a_row_is_the_same_request_each_time() -> None:
    """The same bytes from the same key: request id, blind and all; the request asks for a token."""
    key = bytes(range(32))
    first, again = (Run(key).question(PERSON, TERMS) for _ in range(2))
    assert first.body == again.body
    request = verification_pb2.VerifyRequest.FromString(first.body)
    assert request.blind == hmac.digest(key, b"padan/issuing/1/blind" + (7).to_bytes(8, "big"), "sha256")
    wanted = hmac.digest(key, b"padan/issuing/1/request" + (7).to_bytes(8, "big"), "sha256")[:16]
    assert request.request_id == str(uuid.UUID(bytes=wanted, version=4))
    assert request.issue_token


def test_rows_and_runs_share_nothing() -> None:
    """No two rows, and no two runs, have a request id or a blind in common."""
    runs = [Run.new(), Run.new()]
    assert len({run.request_id(row) for run in runs for row in range(1_000)}) == 2_000
    assert len({run.blind(row) for run in runs for row in range(1_000)}) == 2_000


def test_a_list_is_bound_under_the_runs_key(tmp_path: Path) -> None:
    """Another byte and another key give another digest, so that it tells nobody else which list it was."""
    path = tmp_path / "list.csv"
    path.write_text("nik\n1\n")
    run = Run.new()
    before = run.digest(path)
    assert before == Run(run.key).digest(path) != Run.new().digest(path)
    path.write_text("nik\n2\n")
    assert run.digest(path) != before


def test_a_run_shows_no_key() -> None:
    """Neither its repr nor a pickle has it."""
    run = Run.new()
    assert run.key.hex() not in repr(run)
    with pytest.raises(TypeError):
        pickle.dumps(run)
