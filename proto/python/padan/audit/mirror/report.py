"""Ready-made reports over a copy: SQL with a stated statistic, and the entries that each one rests on.

The SQL stands in reports/<name>.sql. Each is computed over `e`, the entries of its kinds within the window that was
asked for, and from nothing else: whoever has those entries gets the same rows.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

import padan.audit.mirror
from padan.audit.mirror.session import OUTCOME, reason
from padan.entry import ANSWERED_KINDS, EntryKind
from padan.errors import QueryError
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

WARN_DAYS: Final = 60
"""Days before its end from which on an agreement is called near it."""
MANY: Final = 4
"""The bucket of six and more questions about one subject on one day."""
RUN: Final = 10
"""Misses within one hour from which on somebody may be trying numbers."""
RATIO: Final = 5
"""Times the median rate of the agency's officers, from which on an officer is called unusual."""
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which entries a report looks at.

    Attributes:
        now: the moment against which ends are held.
        from_time: log time, this moment included; None from the first.
        until: log time, this moment excluded; None to the last.
        agency: only of this agency; empty for all.
        offset: hours that local time is ahead of UTC.
    """

    now: datetime
    from_time: datetime | None = None
    until: datetime | None = None
    agency: str = ""
    offset: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        name: of its SQL.
        summary: what it shows, and with which statistic.
        kinds: of the entries that it rests on.
    """

    name: str
    summary: str
    kinds: tuple[EntryKind, ...]

    def render(self, window: Window) -> str:
        """Write the whole query."""
        text = (
            resources.files(padan.audit.mirror)
            .joinpath("reports", f"{self.name}.sql")
            .read_text(encoding="utf-8")
        )
        local = {
            "evidence": self.evidence(window, "*"),
            "now": str(_ms(window.now)),
            "hour": f"((log_time_ms // {_HOUR_MS} + {window.offset}) % 24)",
            "day": f"((log_time_ms + {window.offset * _HOUR_MS}) // {_DAY_MS})",
        }
        return string.Template(text).substitute({**_WORDS, **local})

    def evidence(self, window: Window, what: str = "sequence") -> str:
        """Write the query for the entries that it rests on."""
        where = ["raw IS NOT NULL", f"kind IN ({', '.join(str(int(kind)) for kind in self.kinds)})"]
        if window.from_time is not None:
            where.append(f"log_time_ms >= {_ms(window.from_time)}")
        if window.until is not None:
            where.append(f"log_time_ms < {_ms(window.until)}")
        if window.agency:
            where.append(f"agency = {quoted(window.agency)}")
        return f"SELECT {what} FROM entry WHERE {' AND '.join(where)}"  # noqa: S608 - numbers, and a quoted text


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def quoted(text: str) -> str:
    """Write a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


_KINDS: Final = f"({', '.join(str(int(kind)) for kind in ANSWERED_KINDS)})"


def _count(*verdicts: Verdict) -> str:
    return f"count(*) FILTER (kind IN {_KINDS} AND outcome IN {_numbers(*verdicts)})"


def _numbers(*verdicts: Verdict) -> str:
    return f"({', '.join(str(int(verdict)) for verdict in verdicts)})"


_TALLY: Final = {
    "questions": f"count(*) FILTER (kind IN {_KINDS})",
    "match": _count(Verdict.MATCH),
    "no_match": _count(Verdict.NO_MATCH),
    "not_held": _count(Verdict.NOT_HELD),
    "not_available": _count(Verdict.NOT_AVAILABLE),
    "blocked": _count(Verdict.BLOCKED),
    "other": _count(Verdict.QUALITY, Verdict.MATCH_NOT_ACTIVE),
    "refused": f"count(*) FILTER (kind = {int(EntryKind.REFUSED)})",
}
_WORDS: Final[Mapping[str, str]] = {
    **{kind.name: str(int(kind)) for kind in EntryKind},
    "asked": _KINDS,
    "BLOCKED": str(int(Verdict.BLOCKED)),
    "MATCH": str(int(Verdict.MATCH)),
    "tally": ", ".join(f"{sql} AS {name}" for name, sql in _TALLY.items()),
    "sums": ", ".join(f"sum({name})::BIGINT AS {name}" for name in _TALLY),
    "reason": reason("coalesce(final_reason, reason)"),
    "outcome": OUTCOME,
    "misses": _numbers(Verdict.NO_MATCH, Verdict.NOT_HELD),
    "unanswered": _numbers(Verdict.NOT_AVAILABLE, Verdict.QUALITY, Verdict.BLOCKED),
    "hour_ms": str(_HOUR_MS),
    "day_ms": f"{_DAY_MS}::BIGINT",
    "warn_days": str(WARN_DAYS),
    "many": str(MANY),
    "run": str(RUN),
    "ratio": str(RATIO),
}
_ASKED: Final = (*ANSWERED_KINDS, EntryKind.REFUSED)


def _report(name: str, summary: str, kinds: tuple[EntryKind, ...] = _ASKED) -> Report:
    return Report(name=name, summary=summary, kinds=kinds)


_ALL: Final = (
    _report("agencies", "questions, outcomes and refusals of each agency, and how many officers asked"),
    _report(
        "purposes",
        "questions, outcomes and refusals under each purpose, and how many agencies asked under it",
    ),
    _report(
        "officers", "questions, outcomes and refusals of each officer, with the first and the last log time"
    ),
    _report("hours", "questions, outcomes and refusals by hour of the day, local time (--offset)"),
    _report(
        "refusals",
        "refusals by reason, and questions without an answer (NOT_AVAILABLE, QUALITY, BLOCKED), by agency",
    ),
    _report(
        "tokens",
        "questions asked by token, and tokens issued with a MATCH, by agency, token domain and version, with the first "
        "and the last log time",
        ANSWERED_KINDS,
    ),
    _report(
        "agreements",
        f"the last agreement put in force for each agency: its end, whether it is over, within {WARN_DAYS} days of it, "
        "suspended or of unknown end; questions since, and those after the end",
        (EntryKind.AGREEMENT_ACTIVATED, EntryKind.AGREEMENT_SUSPENDED, *ANSWERED_KINDS),
    ),
    _report(
        "budgets",
        "budgets that were spent: alerts with the units spent, questions answered BLOCKED, and refusals that the "
        "commit itself decided, by officer and day, local time (--offset)",
        (EntryKind.BUDGET_ALERT, EntryKind.REFUSED, *ANSWERED_KINDS),
    ),
    _report(
        "unusual",
        "officers with 3 or more questions beyond the fifth about one subject on one day; with 20 or more questions, "
        "half of them between 22:00 and 05:00 local time (--offset); or with 50 or more questions at "
        f"{RATIO} or more times the median of the agency's officers in questions per active day",
        ANSWERED_KINDS,
    ),
    _report(
        "enumeration",
        f"who may be trying numbers: hours with {RUN} or more misses (NO_MATCH, NOT_HELD) and the longest run of "
        "misses in one of them; prefix alerts; subjects that were new that day, on the busiest day",
        (*ANSWERED_KINDS, EntryKind.BUDGET_ALERT),
    ),
)
REPORTS: Final[Mapping[str, Report]] = {report.name: report for report in _ALL}


def find(name: str) -> Report:
    """Find a report by its name.

    Raises:
        QueryError: there is none.
    """
    found = REPORTS.get(name)
    if found is None:
        raise QueryError(f"there is no report {name!r}", next_step=f"take one of: {', '.join(REPORTS)}")
    return found
