"""How an update is taken back while old tokens are still accepted.

1 put the old tokens back whose version is still accepted
2 tell the custodians, by the word that goes with a call, that nothing is moved any more
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from padan.errors import PadanError

if TYPE_CHECKING:
    from padan.updating.calls import Calls
    from padan.updating.place import Place, Undone


def undo(place: Place, calls: Calls) -> tuple[Undone, bool]:
    """Put the old tokens of a place back.

    Returns:
        What became of the rows, and whether the custodians could be told.

    Raises:
        TableError: the place cannot be read or written.
        KeptFileError: nothing is kept beside a file, or what is kept cannot be used.
        DatabaseAwayError: the database does not take it now.
    """
    undone = place.undo({version.number for version in calls.domain.versions})  # 1
    try:
        _tell(place, calls)  # 2
    except PadanError:
        return undone, False
    return undone, True


def _tell(place: Place, calls: Calls) -> None:
    """Say for each older version that none of its tokens is moved; the call takes one of them, and its answer goes."""
    counts, examples = Counter[int](), dict[int, bytes]()
    for held in place.rows():
        if not held.rule(calls.domain) and held.version != calls.current:
            counts[held.version] += 1
            examples.setdefault(held.version, held.token)
    for version, count in counts.items():
        calls.ask([examples[version]], done=0, total=count)
