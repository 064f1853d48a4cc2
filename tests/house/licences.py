"""Check the licences of everything that ships: permissive ones, and LGPL for what is used as a library, unmodified.

Run by `make licences`. What ships is what requirements/server.txt pins; the names come from the packages' own metadata.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    {
        "3-Clause BSD License",
        "Apache Software License",
        "Apache-2.0",
        "Apache-2.0 AND BSD-2-Clause",
        "Apache-2.0 OR BSD-3-Clause",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
        "ISC License (ISCL)",
        "MIT",
        "MIT License",
        "MIT OR Apache-2.0",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
    }
)
AS_LIBRARY = {
    "LGPL-3.0-only": frozenset({"psycopg", "psycopg-binary"}),
}
"""Weak copyleft: allowed for these packages, which are imported as they come and may be replaced by the user."""


def shipped() -> list[str]:
    """Name the packages that requirements/server.txt pins for this platform or any other."""
    text = (ROOT / "requirements/server.txt").read_text()
    return re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)


def refused(found: list[dict[str, str]]) -> list[str]:
    """Say which packages carry a licence that may not ship."""
    return [
        f"{package['Name']}: {package['License']}"
        for package in found
        if package["License"] not in ALLOWED
        and package["Name"].lower() not in AS_LIBRARY.get(package["License"], frozenset())
    ]


def main() -> int:
    """Print the verdict; 0 where every licence is allowed."""
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--packages", *shipped()]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    bad = refused(found)
    sys.stdout.write("".join(f"error: {line}\n" for line in bad) or f"{len(found)} packages, all allowed\n")
    return 1 if bad or not found else 0


if __name__ == "__main__":
    sys.exit(main())
