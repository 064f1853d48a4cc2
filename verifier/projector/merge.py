"""Merging runs into one sorted stream, with a bounded number of open files.

Where a stored token comes twice, the NIK came twice: the row with the lower number stays, the caller learns the
numbers of the others.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from verifier.projector import runs
from verifier.projector.runs import KEY_SIZE, TOKEN_SIZE, RunHeader

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FAN_IN: Final = 200
"""Runs that are open at once; each holds some 70 kB of its file in memory."""


def narrow(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Merge runs into larger ones until at most `FAN_IN` are left; the ones that were merged are kept.

    A load that is killed here does this step again.
    """
    level = 0
    current = list(paths)
    while len(current) > FAN_IN:
        groups = [current[place : place + FAN_IN] for place in range(0, len(current), FAN_IN)]
        current = [
            _merged(group, folder / f"merged-{level}-{number:06}.run", -2 - level)
            for number, group in enumerate(groups)
        ]
        level += 1
    return current


def _merged(group: Sequence[Path], target: Path, index: int) -> Path:
    headers = [runs.read_header(path) for path in group]
    header = RunHeader(
        epoch=headers[0].epoch,
        index=index,
        first_row=0,
        rows=0,
        mac="",
        kept=sum(header.kept for header in headers),
        box_size=headers[0].box_size,
    )
    runs.write(target, header, heapq.merge(*map(runs.read, group)))
    return target


def unique(paths: Iterable[Path], doubled: array[int]) -> Iterator[tuple[bytes, bytes]]:
    """Merge runs and yield (stored token, box) by ascending token, each token once.

    Args:
        paths: at most `FAN_IN` runs.
        doubled: takes the numbers of the rows that were left out.
    """
    last = b""
    for record in heapq.merge(*map(runs.read, paths)):
        token = record[:TOKEN_SIZE]
        if token == last:
            doubled.append(int.from_bytes(record[TOKEN_SIZE:KEY_SIZE], "big"))
            continue
        last = token
        yield token, record[KEY_SIZE:]
