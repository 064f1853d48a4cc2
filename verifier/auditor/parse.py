"""From the text of a TOML document to a `Grant`, or to all that is wrong with it, line by line."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from padan.entry import Area
from verifier.agreement.reader import Problems, Table, read_toml
from verifier.auditor.errors import GrantDocumentError
from verifier.auditor.model import AuditorId, Grant
from verifier.auditor.reach import Reach
from verifier.identity import ID_PATTERN
from verifier.toml_lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
MAX_NAMES: Final = 200
"""Agencies, or purposes, of a grant: the log is read by one walk an agency, and SQLite merges at most 500."""
AREAS: Final[Mapping[str, Area]] = MappingProxyType({area.name.lower(): area for area in Area})
_ID_RIGHT: Final = "1 to 63 of a-z, 0-9 and hyphens"
_CODE: Final = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_CODE_RIGHT: Final = "1 to 64 of a-z, 0-9, dots, hyphens and underscores"
_HELP: Final = "see docs/auditors.md, or begin with padan-server auditor template"


def parse(data: bytes, *, name: str = "grant") -> Grant:
    """Read a document.

    Args:
        data: TOML 1.0 in UTF-8, at most 256 KiB.
        name: the file's name, for messages.

    Raises:
        GrantDocumentError: with every fault that could be found.
    """
    text, values = read_toml(data, name, right=_HELP, error=GrantDocumentError)
    problems = Problems(lines=lines_of(text))
    root = Table(values, (), problems)
    grant = _grant(root)
    root.close()
    if problems.found:
        raise GrantDocumentError(name, sorted(problems.found, key=lambda problem: problem.line))
    return grant


def _grant(root: Table) -> Grant:
    root.integer("format", FORMAT, FORMAT)
    validity = root.table("validity")
    valid_from, valid_until = validity.moment("from"), validity.moment("until")
    if validity.has("from") and validity.has("until") and valid_from >= valid_until:
        validity.fault(("until",), "not after 'from'", "it must be the first moment without the grant")
    validity.close()
    entries = root.table("entries")
    return Grant(
        auditor=AuditorId(root.text("auditor", pattern=ID_PATTERN, right=_ID_RIGHT)),
        version=root.integer("version", 1, 2**31 - 1),
        mandate=root.text("mandate", right="what it rests on, such as a letter with its number"),
        valid_from=valid_from,
        valid_until=valid_until,
        trails=entries.flag("trails", default=False),
        reach=_reach(entries),
    )


def _reach(table: Table) -> Reach:
    areas = frozenset(table.choices("areas", AREAS))
    if not areas:
        table.fault(("areas",), "grants nothing", f"list some of {', '.join(AREAS)}")
    reach = Reach(
        agencies=_names(table, "agencies", ID_PATTERN, _ID_RIGHT),
        purposes=_names(table, "purposes", _CODE, _CODE_RIGHT),
        areas=areas,
        alerts=table.flag("alerts", default=False),
        from_ms=table.moment("from_time") * 1000 if table.has("from_time") else None,
    )
    table.close(known=("from_time",))
    return reach


def _names(table: Table, key: str, pattern: str, right: str) -> frozenset[str] | None:
    names = table.texts_or_all(key, pattern=pattern, right=right)
    if names is not None and len(names) > MAX_NAMES:
        table.fault((key,), f"{len(names):,} names", f'list at most {MAX_NAMES:,}, or write "all"')
    return None if names is None else frozenset(names)
