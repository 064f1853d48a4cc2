"""The service's own messages: JSON lines on standard error, and only keys that are known to carry nothing personal.

A key that is not in the list is dropped, whatever it holds; so is the text of an exception, of which only the type and
the place remain. Messages are constants of the code, never built from data.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ALLOWED_KEYS = frozenset(
    {
        "address",
        "agency",
        "agreement",
        "auditor",
        "count",
        "epoch",
        "event",
        "exception",
        "level",
        "logger",
        "path",
        "reason",
        "rows",
        "seconds",
        "serial",
        "timestamp",
        "version",
        "worker",
    }
)


def _drop_unknown(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def _type_and_place(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep of an exception what cannot hold data: its type, and where it was raised."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        frames = traceback.extract_tb(info[2])[-3:]
        place = " < ".join(
            f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(frames)
        )
        event["exception"] = f"{info[0].__name__} at {place}"
    return event


def configure(level: str, stream: TextIO | None = None, *, worker: str = "") -> None:
    """Send every message of the process, ours and the libraries', through the allowlist.

    Args:
        level: lowest level shown: debug, info, warning or error.
        stream: where to; standard error by default.
        worker: which process of several this is.
    """

    def name_worker(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {**event, "worker": worker} if worker else event

    # A message that cannot be written would otherwise be printed whole, with its exception.
    logging.raiseExceptions = False
    # Python prints warnings as plain text; captured, their text is an argument, and is dropped like any other.
    logging.captureWarnings(capture=True)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # Show what the code says, not what a library filled in: arguments may hold anything.
            use_get_message=False,
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _type_and_place,
                name_worker,
                _drop_unknown,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
