"""What the service's own messages may carry."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from verifier import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "3273010101909001"


@pytest.fixture
def messages() -> Iterator[Any]:
    """Configure the messages, and read what was written."""
    root, written = logging.getLogger(), io.StringIO()
    kept = root.handlers[:], root.level, logging.raiseExceptions
    logs.configure("debug", written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers, root.level, logging.raiseExceptions = kept


def test_a_key_that_is_not_allowed_is_dropped(messages: Any) -> None:
    """Only known keys are written."""
    logging.getLogger("padan.x").info("started", extra={"agency": "tax", "nik": CANARY})
    (line,) = messages()
    assert line["event"] == "started"
    assert line["agency"] == "tax"
    assert CANARY not in str(line)


def _fail() -> None:
    raise ValueError(CANARY) from KeyError(CANARY)


def test_an_exception_is_its_type_and_place(messages: Any) -> None:
    """The text of an exception is not written, nor that of its cause."""
    try:
        _fail()
    except ValueError:
        logging.getLogger("padan.x").exception("failed")
    (line,) = messages()
    assert line["exception"].startswith("ValueError at ")
    assert CANARY not in str(line)


def test_what_a_library_fills_in_is_not_written(messages: Any) -> None:
    """Of a library's message only the constant is shown."""
    logging.getLogger("some.library").error("Exception calling application: %s", CANARY)
    (line,) = messages()
    assert line["event"] == "Exception calling application: %s"
    assert CANARY not in str(line)
