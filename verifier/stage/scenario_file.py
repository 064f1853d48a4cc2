"""A file of scenarios: TOML with [[scenarios]], or CSV with a header. A fault names the line or number, never a value.

    [[scenarios]]
    purpose = "loan"
    nik = "3273010101909001"
    expect = "match"                   # any verdict's name
    claims = { name = "BUDI SANTOSO" }
    kind = "true"                      # optional: what it tries
    legal_basis = "contract"           # optional: default the purpose's first

In CSV the columns are purpose, nik, expect, kind, legal_basis, and one for each attribute that is claimed; an empty
cell is not claimed.
"""

from __future__ import annotations

import csv
import io
import tomllib
from typing import TYPE_CHECKING, Any, Final

from padan.errors import InvalidRequestError
from padan.vocabulary import Attribute, LegalBasis, Verdict
from verifier.stage.errors import ScenarioFileError
from verifier.stage.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CSV_ENDING: Final = ".csv"
MOST: Final = 10_000
_TABLE: Final = "scenarios"
_REQUIRED: Final = ("purpose", "nik", "expect")
_OPTIONAL: Final = ("kind", "legal_basis")
_CLAIMS: Final = "claims"
_KIND: Final = "as in the file"


def read(path: Path, data: bytes, legal_bases: Mapping[str, str]) -> list[Scenario]:
    """Read a file of scenarios.

    Args:
        path: its name; one that ends in .csv is CSV, any other TOML.
        data: the file.
        legal_bases: purpose to the legal basis where a scenario names none.

    Raises:
        ScenarioFileError: not readable, or a scenario lacks what it needs.
    """
    try:
        text = data.decode("utf-8-sig")
        rows = _csv(text) if path.suffix.lower() == CSV_ENDING else _toml(text)
    except UnicodeDecodeError as error:
        raise ScenarioFileError(f"{path}: not UTF-8") from error
    except (tomllib.TOMLDecodeError, csv.Error) as error:
        raise ScenarioFileError(f"{path}: not readable as its name says") from error
    if not 0 < len(rows) <= MOST:
        raise ScenarioFileError(f"{path}: 1 to {MOST:,} scenarios, but here are {len(rows):,}")
    return [_scenario(path, number, row, legal_bases) for number, row in enumerate(rows, 1)]


def _csv(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row in csv.DictReader(io.StringIO(text)):
        known = {name: row.pop(name, None) or "" for name in (*_REQUIRED, *_OPTIONAL)}
        claims = {name: value for name, value in row.items() if value}
        rows.append({name: value for name, value in known.items() if value} | {_CLAIMS: claims})
    return rows


def _toml(text: str) -> list[dict[str, Any]]:
    values = tomllib.loads(text)
    rows = values.get(_TABLE, [])
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else []


def _scenario(path: Path, number: int, row: Mapping[str, Any], legal_bases: Mapping[str, str]) -> Scenario:
    where = f"{path}: scenario {number}"
    if unknown := sorted(str(name) for name in row.keys() - {*_REQUIRED, *_OPTIONAL, _CLAIMS}):
        raise ScenarioFileError(f"{where}: unknown {', '.join(unknown)}")
    if missing := [name for name in (*_REQUIRED, _CLAIMS) if not row.get(name)]:
        raise ScenarioFileError(f"{where}: lacks {', '.join(missing)}")
    claims = row[_CLAIMS]
    texts = [row[name] for name in (*_REQUIRED, *_OPTIONAL) if name in row]
    if not isinstance(claims, dict) or not all(isinstance(text, str) for text in (*texts, *claims.values())):
        raise ScenarioFileError(f"{where}: every value is a text, and claims a table of them")
    basis = row.get("legal_basis") or legal_bases.get(row["purpose"], "")
    if not basis:
        raise ScenarioFileError(f"{where}: the agreement has no such purpose; name its legal_basis")
    try:
        for name in claims:
            Attribute.of(name)
        LegalBasis.of(basis)
        expected = Verdict.of(row["expect"])
    except InvalidRequestError as error:
        raise ScenarioFileError(f"{where}: {error.message}") from error
    return Scenario(
        row=number,
        kind=row.get("kind", _KIND),
        purpose=row["purpose"],
        nik=row["nik"],
        claims=claims,
        legal_basis=basis,
        expected=expected,
    )
