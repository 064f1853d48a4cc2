"""How far retention has come: kept in the log's database, and moved by the transactions that erase.

What was erased and is not in the log yet stands here too; whoever goes on after a crash logs it. Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from verifier.errors import OperatorError
from verifier.retention.classes import RetentionClass

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "retention"
"""The setting in the log's database that holds it."""
FORMAT: Final = 1


class RetentionStateError(OperatorError):
    """What stands in the database is of another release, or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far it has come.

    Attributes:
        done: class to the last place that was judged.
        until_ms: class to the log time before which its entries are over.
        erased: class to how many entries were erased and not logged yet.
        counted: further things that were removed and not logged yet, by name.
        hold: agencies whose entries were passed over.
    """

    done: Mapping[RetentionClass, int]
    until_ms: Mapping[RetentionClass, int]
    erased: Mapping[RetentionClass, int]
    counted: Mapping[str, int]
    hold: frozenset[str] = frozenset()

    @classmethod
    def beginning(cls) -> State:
        """Make the state of a log of which nothing was judged."""
        return cls(done={}, until_ms={}, erased={}, counted={})

    @classmethod
    def parse(cls, text: str) -> State:
        """Read it as `text` wrote it; an empty text is the beginning.

        Raises:
            RetentionStateError: another format, or damaged.
        """
        if not text:
            return cls.beginning()
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise RetentionStateError(
                    "the state of retention is of a newer release of padan-server; use that"
                )
            return cls(
                done=_by_class(values["done"]),
                until_ms=_by_class(values["until_ms"]),
                erased=_by_class(values["erased"]),
                counted={str(name): int(count) for name, count in values["counted"].items()},
                hold=frozenset(str(agency) for agency in values["hold"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RetentionStateError(
                f"setting {NAME} of the log's database is damaged; restore it"
            ) from error

    def text(self) -> str:
        """Write it; equal states have equal texts."""
        values = {
            "format": FORMAT,
            "done": _by_label(self.done),
            "until_ms": _by_label(self.until_ms),
            "erased": _by_label(self.erased),
            "counted": dict(self.counted),
            "hold": sorted(self.hold),
        }
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @property
    def is_logged(self) -> bool:
        """Whether all that was removed is in the log."""
        return not any(self.erased.values()) and not any(self.counted.values())

    def held_by(self, hold: frozenset[str]) -> State:
        """Take up the holds of now: where one was lifted, everything is judged again."""
        if self.hold <= hold:
            return replace(self, hold=hold)
        return replace(self, hold=hold, done={}, until_ms={})

    def judged(self, kept: RetentionClass, place: int, until_ms: int) -> State:
        """Note that a class was judged up to a place, for what is before a log time."""
        return replace(self, done={**self.done, kept: place}, until_ms={**self.until_ms, kept: until_ms})

    def with_erased(self, kept: RetentionClass, count: int) -> State:
        """Note that entries of a class were erased."""
        return replace(self, erased={**self.erased, kept: self.erased.get(kept, 0) + count})

    def with_counted(self, name: str, count: int) -> State:
        """Note that other things were removed."""
        return replace(self, counted={**self.counted, name: self.counted.get(name, 0) + count})

    def logged(self) -> State:
        """Note that all of it is in the log."""
        return replace(self, erased={}, counted={})


def _by_class(values: Mapping[str, int]) -> dict[RetentionClass, int]:
    return {RetentionClass[name.upper()]: int(number) for name, number in values.items()}


def _by_label(values: Mapping[RetentionClass, int]) -> dict[str, int]:
    return {kept.label: number for kept, number in values.items()}
