"""Moves the rows beside the log to the keys that make new ones, in place, while the service answers and adds others.

 1 see that whoever answers holds the new keys  2 read the table page by page, in the order of names, passing over what
 stands under the new keys  3 in one transaction a page: read its rows again, open them, seal them anew, join each with
 what stands under its new name, and delete the old ones  4 go through it again, until nothing is left

A look-up tries every name, in one statement, and finds a row under the old one or under the new one. Killed anywhere,
the same command goes on: what was moved is told by its head.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from padan.entry import EntryKind
from tokenizer.besiderow import key_ids
from tokenizer.errors import BoxError, RecordError
from verifier import admin_entry, scrape
from verifier.directory import Directory
from verifier.errors import OperatorError, ServiceError
from verifier.keywatch import EVERY
from verifier.projector.progress import Silence
from verifier.rotation import outer_keys, workplace
from verifier.rotation.pace import Pace
from verifier.token.errors import KeysNotFollowedError, TokensUnavailableError
from verifier.token.rowtable import PAGE, RowTable
from verifier.token.tables import TABLES, TOKEN_PURPOSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.agent import LocalKeyAgent
    from keys.keyset import Keyring
    from keys.provider import Prompt
    from keys.purpose import Purpose
    from verifier.config import Settings
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.token.tables import KeyedTable, Sealed

FOLLOWED_SECONDS: Final = 3 * EVERY
"""How old a key must be before rows stand under it alone: every process of the service has looked by then."""
_PASSES: Final = 5
_METRIC: Final = "padan_keyring_behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """What became of a table.

    Attributes:
        table: its name.
        moved: rows that stand under the new keys now.
        joined: those of them that were made one with a newer row.
        left: rows that stand under old keys still, of a process that goes on adding them.
        seconds: how long it took.
        keys: ids of the new keys, as "PURPOSE:ID".
    """

    table: str
    moved: int
    joined: int
    left: int
    seconds: float
    keys: tuple[str, ...]

    @property
    def rate(self) -> int:
        """Rows a second."""
        return int(self.moved / self.seconds) if self.seconds > 0 else 0


def make_keys(settings: Settings, ring: Keyring, prompt: Prompt) -> tuple[Purpose, ...]:
    """Make new keys beside the present ones, of purposes that have no older key left beside.

    Returns:
        The purposes.

    Raises:
        CustodianError: the keyring cannot be changed.
    """
    lone = tuple(
        purpose
        for purpose in TOKEN_PURPOSES
        if sum(key.state.may_process for key in ring.keyset(purpose).keys) <= 1
    )
    if lone:
        outer_keys.custody_of(settings, prompt).succeed(lone)
    return lone


class Rekeying:
    """Moves every table.

    Args:
        settings: the installation's.
        agent: holds the keys.
        meter: where progress is told.
        rate: rows a second at most; 0 for no limit.
        page: rows that are read together, and moved in one transaction.
        now: wall clock, UTC.
        sleep: waits, seconds.
    """

    def __init__(
        self,
        settings: Settings,
        agent: LocalKeyAgent,
        *,
        meter: Meter | None = None,
        rate: int = 0,
        page: int = PAGE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._meter = meter or Silence()
        self._pace = Pace(rate, sleep=sleep)
        self._page = page
        self._now = now
        self._sleep = sleep

    def run(self, log: LogStore) -> list[Rekeyed]:
        """Move the rows of every table, and log it.

        Raises:
            RotationBusyError: another command moves rows.
            KeyringBehindError, KeysNotFollowedError: whoever answers does not hold the new keys.
            TokensUnavailableError: a row does not open; those before it are moved.
            ServiceError: the log's database failed; what was moved is moved.
            KeysError: a key is missing or may not be used.
        """
        with workplace.alone(self._settings), closing(Directory(self._settings.log_database)) as directory:
            outer_keys.require_taken_up(self._settings, self._agent)
            found = []
            for kept in TABLES:
                self._wait_for_followers(kept)  # 1
                found.append(self._move(RowTable(directory, kept.beside), kept))
        for each in found:
            detail = {"table": each.table, "rows": str(each.moved), "joined": str(each.joined)}
            detail |= {"left": str(each.left), "operator": workplace.operator()}
            detail |= dict(key.split(":") for key in each.keys)
            admin_entry.append(log, EntryKind.TOKEN_ROWS_REKEYED, detail)
        return found

    def _wait_for_followers(self, kept: KeyedTable) -> None:
        """See that every process of the service has had the time to take the keys up, and has."""
        ring = self._agent.keyring
        since = [
            key.activated
            for purpose in kept.purposes
            for key in ring.keyset(purpose).keys
            if key.key_id == ring.keyset(purpose).primary and key.activated is not None
        ]
        age = min(((self._now() - each).total_seconds() for each in since), default=FOLLOWED_SECONDS)
        if age < FOLLOWED_SECONDS:
            self._sleep(FOLLOWED_SECONDS - max(age, 0.0))
        try:
            behind = scrape.read(self._settings.metrics_listen).total(_METRIC)
        except (OperatorError, ServiceError):
            return  # nobody answers
        if behind:
            raise KeysNotFollowedError("the running service does not hold the changed keyring yet")

    def _move(self, table: RowTable, kept: KeyedTable) -> Rekeyed:
        rows, name, began = kept.rows(self._agent), kept.beside.name.lower(), time.monotonic()
        ring = self._agent.keyring
        primary = tuple(ring.keyset(purpose).primary or 0 for purpose in kept.purposes)
        total = sum(count for ids, count in table.by_keys().items() if tuple(ids) != primary)
        self._meter.stage(f"rows of {name}", total)
        moved = joined = 0
        for _ in range(_PASSES):  # 4
            before = moved
            for page in table.pages(size=self._page):  # 2
                old = [each for each, box in page if not rows.is_current(box)]
                if old:
                    done, made_one = _move_page(table, rows, kept.join, old)  # 3
                    moved, joined = moved + done, joined + made_one
                    self._meter.advance(done=moved, people=moved)
                    self._pace.spend(done)
            if moved == before:
                break
        left = sum(count for ids, count in table.by_keys().items() if tuple(ids) != primary)
        return Rekeyed(
            table=name,
            moved=moved,
            joined=joined,
            left=left,
            seconds=time.monotonic() - began,
            keys=tuple(f"{purpose}:{key_id}" for purpose, key_id in zip(kept.purposes, primary, strict=True)),
        )


def _move_page(
    table: RowTable, rows: Sealed, join: Callable[[Any, Any], Any], names: Sequence[bytes]
) -> tuple[int, int]:
    """Move rows in one transaction; returns how many were moved, and how many of them were joined with another."""
    with table.changing() as change:
        boxes = {name: box for name, box in change.read(names).items() if not rows.is_current(box)}
        try:
            found: dict[bytes, Any] = {}
            joined = 0
            for name in sorted(boxes, key=lambda each: _age(boxes[each])):
                row = rows.open(name, boxes[name])
                target, _ = rows.seal(row)
                joined += target in found
                found[target] = join(found[target], row) if target in found else row
            for target, box in change.read(sorted(found.keys() - boxes.keys())).items():
                found[target] = join(rows.open(target, box), found[target])
                joined += 1
        except (BoxError, RecordError) as error:
            raise TokensUnavailableError("a row beside the log cannot be read") from error
        put = dict(rows.seal(row) for row in found.values())
        change.write(put=put.items(), drop=boxes.keys() - put.keys())
    return len(boxes), joined


def _age(box: bytes) -> tuple[int, ...]:
    """Order rows of one page: which of two old keys is the older one does not matter, but that the order is fixed."""
    return tuple(key_ids(box))
