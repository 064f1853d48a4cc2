"""Follows a table or a stream until it is told to stop.

Looks each second; what is there is taken in at once, and then, while changes only trickle, at most every 5 s: each run
costs two entries, and on SQLite a file. A full run is followed by the next one immediately, but for the turn of a purge
that is under way. What is away (source, database, disk) is tried again after 1, 2, 4 ... at most 30 s; what a person
must mend ends it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from verifier.errors import ServiceError
from verifier.feed.run import RUN_CHANGES
from verifier.vault.catalogue import PositionError
from verifier.vault.changer import ChangesBusyError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from verifier.feed.following import Follower
    from verifier.feed.sync import Summary

LOOK_SECONDS: Final = 1.0
PACE_SECONDS: Final = 5.0
"""From the beginning of a run that was not full to the beginning of the next."""
PURGE_SECONDS: Final = 0.5
"""How long rows of the erased are looked for after a run, or after a look that found nothing."""
FIRST_RETRY_SECONDS: Final = 1.0
LAST_RETRY_SECONDS: Final = 30.0
_PASSING: Final = (ServiceError, ChangesBusyError, PositionError)

_LOGGER = logging.getLogger("padan.feed")


def watch(follower: Follower, stopping: threading.Event, tell: Callable[[Summary], object]) -> None:
    """Take in runs until `stopping` is set; a run under way is finished first.

    Args:
        follower: takes in a run at a time.
        stopping: ends it.
        tell: is given what became of each run.

    Raises:
        OperatorError: a person must mend something; everything before it is in.
        KeysError: the keyring cannot be used.
    """
    retry = FIRST_RETRY_SECONDS
    while not stopping.is_set():
        began = time.monotonic()
        try:
            summary = follower.step()
        except _PASSING as error:
            _LOGGER.warning("not following; trying again", extra={"reason": str(error), "seconds": retry})
            follower.disconnect()
            _purge(follower, stopping)
            stopping.wait(retry)
            retry = min(2 * retry, LAST_RETRY_SECONDS)
            continue
        if retry > FIRST_RETRY_SECONDS:
            _LOGGER.info("following again")
            retry = FIRST_RETRY_SECONDS
        if summary is not None:
            tell(summary)
        _purge(follower, stopping)
        stopping.wait(pause(summary, time.monotonic() - began))


def _purge(follower: Follower, stopping: threading.Event) -> None:
    """Purge for a while, also while the source is away; what cannot be done now is tried again after the next look."""
    if stopping.is_set():
        return
    try:
        follower.purge(PURGE_SECONDS)
    except _PASSING as error:
        _LOGGER.warning("not purging; trying again", extra={"reason": str(error)})


def pause(summary: Summary | None, spent: float) -> float:
    """Say how long to wait after a run.

    Args:
        summary: what became of it; None where there was nothing.
        spent: seconds since it began.
    """
    if summary is None:
        return LOOK_SECONDS
    changes = summary.applied + summary.older + len(summary.rejects)
    return 0.0 if changes >= RUN_CHANGES else max(0.0, PACE_SECONDS - spent)
