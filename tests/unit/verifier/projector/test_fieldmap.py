"""Field maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verifier.projector import fieldmap
from verifier.projector.columns import COLUMNS
from verifier.projector.errors import FieldMapError
from verifier.projector.fieldmap import FieldMap

if TYPE_CHECKING:
    from pathlib import Path


def test_own_names_need_no_map() -> None:
    """A source in the registry's names is bound by name, whatever the case and the order."""
    columns = [f" {name.lower()} " for name in reversed(COLUMNS)]
    binding = FieldMap().bind(columns)
    assert binding.picks == tuple(reversed(range(len(COLUMNS))))
    assert binding.ignored == ()


def test_a_missing_column_is_named_with_its_remedy() -> None:
    """Every missing column is in the message, and the option that mends it."""
    columns = [name for name in COLUMNS if name not in {"NAMA_LGKP", "AGAMA"}]
    with pytest.raises(FieldMapError, match=r'"NAMA_LGKP".*"AGAMA".*--field-map'):
        FieldMap().bind(columns)


def test_a_mapped_column_that_is_missing_is_named() -> None:
    """The message speaks of the column that the map names."""
    with pytest.raises(FieldMapError, match=r'column "nama" \(field NAMA_LGKP\)'):
        FieldMap(columns={"NAMA_LGKP": "nama"}).bind(COLUMNS)


def test_aliases_and_optional_fields() -> None:
    """The life status has other names, citizenship may be missing."""
    columns = [name for name in COLUMNS if name not in {"STATUS_HIDUP", "KEWARGANEGARAAN"}]
    binding = FieldMap().bind([*columns, "STAT_HIDUP", "EXTRA"])
    assert binding.picks[COLUMNS.index("STATUS_HIDUP")] == len(columns)
    assert binding.picks[COLUMNS.index("KEWARGANEGARAAN")] is None
    assert binding.ignored == ("EXTRA",)


def test_a_column_that_comes_twice_is_refused() -> None:
    """Two columns of one name cannot be told apart."""
    with pytest.raises(FieldMapError, match="twice"):
        FieldMap().bind([*COLUMNS, "nik"])


def test_a_file_is_read(tmp_path: Path) -> None:
    """All four tables of a file count."""
    path = tmp_path / "map.toml"
    path.write_text(
        '[columns]\nNIK = "nomor"\n[defaults]\nSTATUS_HIDUP = "1"\n[csv]\ndelimiter = ";"\n'
        '[absent]\nfields = ["GOL_DARAH"]\n'
    )
    assert fieldmap.load(path) == FieldMap(
        columns={"NIK": "nomor"},
        defaults={"STATUS_HIDUP": "1"},
        absent=frozenset({"GOL_DARAH"}),
        delimiter=";",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns", "not TOML"),
        ("[column]\n", "unknown table column"),
        ('[columns]\nNAMA = "x"\n', "NAMA is no field"),
        ("[columns]\nNIK = 1\n", "NIK is a text"),
        ('[csv]\ndelimiter = "ab"\n', "one character"),
        ('[absent]\nfields = ["X"]\n', "X is no field"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong in a file is said, with the file."""
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(FieldMapError, match=rf"map\.toml: .*{says}"):
        fieldmap.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(FieldMapError, match=r"map\.toml"):
        fieldmap.load(tmp_path / "map.toml")
