"""Which column of the source holds which of the registry's fields.

A field map is a TOML file with up to five tables, all optional:

    [columns]     # registry field = column of the source; a field that is not named has its own name
    NIK = "nomor_induk"
    [defaults]    # registry field = value of every row, for fields that the source does not have
    STATUS_HIDUP = "1"
    [csv]         # how a CSV file is written
    delimiter = ";"
    [absent]      # fields that this registry does not hold at all
    fields = ["GOL_DARAH"]
    [changed]     # for checks: the column that says when a row last changed
    column = "TGL_UBAH"

Column names are compared without regard to case and to spaces around them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from verifier.projector.columns import COLUMNS
from verifier.projector.errors import FieldMapError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "STATUS_HIDUP": ("STAT_HIDUP", "STATUS_KEHIDUPAN", "LIFE_STATUS"),
    "KEWARGANEGARAAN": ("WARGA_NEGARA", "KWRNGRN"),
}
"""Other names under which registries export a field; taken where the field's own name is missing."""
OPTIONAL: Final = frozenset({"KEWARGANEGARAAN"})
"""Fields that a source may lack without saying so."""
_TABLES = ("columns", "defaults", "csv", "absent", "changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """A field map as written."""

    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    delimiter: str = ""
    """Of a CSV file; empty lets the header decide."""
    changed: str = ""
    """The column that says when a row last changed; empty for none."""

    def bind(self, columns: Sequence[str]) -> Binding:
        """Find every field among a source's columns.

        Raises:
            FieldMapError: a column is missing, or stands twice in the source; names all that are.
        """
        places: dict[str, int] = {}
        twice: set[str] = set()
        for place, column in enumerate(columns):
            name = _fold(column)
            if name in places:
                twice.add(name)
            places[name] = place
        picks = [self._pick(name, places) for name in COLUMNS]
        missing = [
            f'column "{self.columns.get(name, name)}" (field {name})'
            for name, pick in zip(COLUMNS, picks, strict=True)
            if pick is None and name not in self.defaults and name not in self.absent | OPTIONAL
        ]
        if missing:
            raise FieldMapError(
                f"the source lacks {', '.join(missing)}; name the right column under [columns] of a field map "
                "(--field-map FILE), or give the field a value under [defaults]"
            )
        if unclear := sorted(
            columns[pick] for pick in picks if pick is not None and _fold(columns[pick]) in twice
        ):
            raise FieldMapError(f"the source has these columns twice: {', '.join(unclear)}")
        used = set(picks)
        return Binding(
            picks=tuple(picks),
            defaults=tuple(self.defaults.get(name, "") for name in COLUMNS),
            ignored=tuple(column for place, column in enumerate(columns) if place not in used),
        )

    def place_of_change(self, columns: Sequence[str]) -> int | None:
        """Find the column that says when a row last changed; None where none is named.

        Raises:
            FieldMapError: the source lacks it.
        """
        if not self.changed:
            return None
        for place, column in enumerate(columns):
            if _fold(column) == _fold(self.changed):
                return place
        raise FieldMapError(
            f'the source lacks column "{self.changed}"; name the column of the last change (--age-column), or none'
        )

    def _pick(self, name: str, places: Mapping[str, int]) -> int | None:
        if name in self.columns:
            return places.get(_fold(self.columns[name]))
        if name in self.defaults or name in self.absent:
            return None
        for spelling in (name, *ALIASES.get(name, ())):
            if spelling in places:
                return places[spelling]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A field map bound to the columns of one source.

    Attributes:
        picks: for each registry field the place of its column in the source, or None.
        defaults: for each registry field the value where the source has no column.
        ignored: columns of the source that no field uses.
    """

    picks: tuple[int | None, ...]
    defaults: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def wanted(self) -> list[int]:
        """Places of the columns that are used, ascending, each once."""
        return sorted({pick for pick in self.picks if pick is not None})


def _fold(column: str) -> str:
    return column.strip().upper()


def load(path: Path) -> FieldMap:
    """Read a field map.

    Raises:
        FieldMapError: not readable, not TOML, or an unknown table or field; names the file.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FieldMapError(f"{path}: cannot be read ({type(error).__name__})") from error
    except tomllib.TOMLDecodeError as error:
        raise FieldMapError(f"{path}: not TOML: {error}") from error
    if unknown := sorted(set(data) - set(_TABLES)):
        raise FieldMapError(f"{path}: unknown table {', '.join(unknown)}; there are {', '.join(_TABLES)}")
    delimiter = data.get("csv", {}).get("delimiter", "")
    if not isinstance(delimiter, str) or len(delimiter) > 1:
        raise FieldMapError(f"{path}: [csv] delimiter is one character")
    changed = data.get("changed", {}).get("column", "")
    if not isinstance(changed, str):
        raise FieldMapError(f"{path}: [changed] column is a text in quotation marks")
    return FieldMap(
        columns=_texts(path, data, "columns"),
        defaults=_texts(path, data, "defaults"),
        absent=frozenset(_known(path, "absent", data.get("absent", {}).get("fields", []))),
        delimiter=delimiter,
        changed=changed,
    )


def _texts(path: Path, data: Mapping[str, Any], table: str) -> dict[str, str]:
    values = data.get(table, {})
    _known(path, table, values)
    if wrong := [name for name, value in values.items() if not isinstance(value, str)]:
        raise FieldMapError(f"{path}: [{table}] {wrong[0]} is a text in quotation marks")
    return dict(values)


def _known(path: Path, table: str, names: Any) -> list[str]:
    found = list(names)
    if unknown := [str(name) for name in found if name not in COLUMNS]:
        raise FieldMapError(
            f"{path}: [{table}] {unknown[0]} is no field; the fields are {', '.join(COLUMNS)}"
        )
    return found
