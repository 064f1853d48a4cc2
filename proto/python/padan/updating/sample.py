"""A sample of what stands in a place after an update, asked again.

Of each row in it the token that stands there now is sent: the service gives a token of the version that issues back as
it is, and refuses whatever it did not issue. Of a row that was moved the old token is sent too, in another call, and
must become what stands there, with a proof of its own.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from padan.errors import AuditError
from padan.token import Token
from padan.update import MOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from padan.updating.calls import Calls
    from padan.updating.held import Held
    from padan.updating.place import Place

_RANDOM = random.SystemRandom()


class SampleError(AuditError):
    """A row does not hold what the service gives for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a sample showed.

    Attributes:
        rows: in it.
        moved: of those, rows whose old token was sent again.
        wrong: numbers of rows that do not hold what the service gives.
    """

    rows: int = 0
    moved: int = 0
    wrong: tuple[int, ...] = ()


def draw(rows: Iterable[Held], size: int) -> list[Held]:
    """Draw rows at random, each as likely as another, while reading them once (Vitter's algorithm R)."""
    found: list[Held] = []
    for count, held in enumerate(rows, 1):
        if len(found) < size:
            found.append(held)
        elif (place := _RANDOM.randrange(count)) < size:
            found[place] = held
    return found


def check(
    place: Place, drawn: Sequence[Held], calls: Calls, told: dict[int, tuple[int, int]]
) -> Sample | None:
    """Ask the service again; None where the run was stopped before, or the domain rotated meanwhile.

    Args:
        place: where the rows are.
        drawn: rows with tokens of the version that issues.
        calls: ask.
        told: by version, how many tokens are done and how many there were, for the custodians.

    Raises:
        PadanError: asking failed.
    """
    wrong: set[int] = set()
    newest = calls.current
    accepted = {version.number for version in calls.domain.versions}
    again: dict[int, list[tuple[Held, bytes]]] = defaultdict(list)
    for held in drawn:
        again[held.version].append((held, held.token))
        old = place.before(held)
        if old and Token.parse(old).version in accepted:
            again[Token.parse(old).version].append((held, old))
    for version, pairs in again.items():
        for batch in _batches(pairs):
            done, total = told.get(version, (0, 0))
            found = calls.ask([token for _, token in batch], done=done, total=total)
            if found is None or found.new_version != newest:
                return None
            for (held, _), given in zip(batch, found.tokens, strict=True):
                if not given or Token.parse(given).tagged != Token.parse(held.token).tagged:
                    wrong.add(held.number)
    rows = len(drawn)
    moved = sum(map(len, again.values())) - rows
    return Sample(rows=rows, moved=moved, wrong=tuple(sorted(wrong)))


def _batches(pairs: Sequence[tuple[Held, bytes]]) -> Iterator[list[tuple[Held, bytes]]]:
    rest = iter(pairs)
    while batch := list(islice(rest, MOST)):
        yield batch
