"""Write padan/data/regions.csv from two published packages.

Usage: regions_generate.py IDN_AREA_DATA NIK_PARSER [TARGET]

The arguments are the unpacked npm packages idn-area-data 4.0.1 (current codes, from decree
300.2.2-2138/2025) and nik-parser 1.0.1 (codes of 2018/2019); `npm pack idn-area-data@4.0.1
nik-parser@1.0.1` fetches both. A code that only the older one has is retired. The same packages give the
same bytes.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

DEFAULT_TARGET = Path(__file__).parent / "padan" / "data" / "regions.csv"


def current(package: Path) -> dict[str, str]:
    """Read the current codes, dots removed."""
    names: dict[str, str] = {}
    for level in ("provinces", "regencies", "districts"):
        with (package / "data" / f"{level}.csv").open(encoding="utf-8", newline="") as file:
            names |= {row["code"].replace(".", ""): row["name"].strip() for row in csv.DictReader(file)}
    return names


def older(package: Path) -> dict[str, str]:
    """Read the older codes; names are in capitals there."""
    with (package / "dist" / "wilayah.json").open(encoding="utf-8") as file:
        levels: dict[str, dict[str, str]] = json.load(file)
    return {code: tidy(name) for level in levels.values() for code, name in level.items()}


def tidy(name: str) -> str:
    """Write a name in title case, the kind of a regency in full, the postal code behind ` -- ` cut off."""
    plain = name.split(" -- ", maxsplit=1)[0].strip().title()
    return re.sub(r"^Kab\.\s*", "Kabupaten ", plain)


def main() -> None:
    """Merge the two and write the table."""
    new, old = current(Path(sys.argv[1])), older(Path(sys.argv[2]))
    target = Path(sys.argv[3]) if sys.argv[3:] else DEFAULT_TARGET
    rows = [(code, "current", name) for code, name in new.items()]
    rows += [(code, "retired", name) for code, name in old.items() if code not in new]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "status", "name"))
        writer.writerows(sorted(rows))


if __name__ == "__main__":
    main()
