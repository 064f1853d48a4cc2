"""Write minutiae.json: golden vectors of finger minutiae records, a record in each standard that is read.

Usage: minutiae_generate.py [TARGET]

The finger is made up. The bytes are put together with struct, as docs/formats/minutiae.md says, and not with padan, so
that page, vectors and code check each other.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("minutiae.json")
MAGIC = b"FMR\0"
WIDTH, HEIGHT = 300, 400
# x, y, degrees, kind (1 ending, 2 bifurcation, 0 other), quality
FINGER = ((40, 93, 0, 1, 90), (116, 100, 90, 2, 80), (82, 395, 180, 1, 70), (299, 399, 270, 0, None))
ITEM = bytes.fromhex("0101") + struct.pack(">H", 4 + 3) + b"abc"


def minutiae(units: int, unknown: int, *, qualities: bool = True) -> bytes:
    """Write the minutiae."""
    out = b""
    for x, y, degrees, kind, quality in FINGER:
        out += struct.pack(">HHB", kind << 14 | x, y, round(degrees * units / 360))
        out += bytes((unknown if quality is None else quality,)) if qualities else b""
    return out


def iso_2005() -> bytes:
    """Write ISO/IEC 19794-2:2005, at 500 dpi, the left index finger."""
    view = bytes((7, 0 << 4 | 0, 86, len(FINGER))) + minutiae(256, 0) + struct.pack(">H", 0)
    head = struct.pack(">HHHHHBB", 0x8123, WIDTH, HEIGHT, 197, 197, 1, 0)
    return MAGIC + b" 20\0" + struct.pack(">I", 12 + len(head) + len(view)) + head + view


def ansi_2004() -> bytes:
    """Write ANSI INCITS 378-2004, at 508 by 254 dpi, with an extended data block."""
    view = bytes((7, 1 << 4 | 8, 86, len(FINGER))) + minutiae(180, 0) + struct.pack(">H", len(ITEM)) + ITEM
    head = struct.pack(">HHHHHHHBB", 66, 17, 181, WIDTH, HEIGHT, 200, 100, 1, 0)
    return MAGIC + b" 20\0" + struct.pack(">H", 10 + len(head) + len(view)) + head + view


def iso_2011(*, qualities: bool) -> bytes:
    """Write ISO/IEC 19794-2:2011, at 500 dpi, with two qualities and one certificate."""
    moment = struct.pack(">HBBBBBH", 2026, 11, 29, 17, 35, 20, 0xFFFF)
    view = moment + struct.pack(">BHHB", 4, 0x0006, 181, 2) + struct.pack(">BHHBHH", 90, 6, 55, 255, 66, 12)
    view += struct.pack(">BHB", 1, 66, 2)
    view += struct.pack(">BBHHBHH", 2, 0, 197, 197, 0, WIDTH, HEIGHT)
    view += bytes(((6 if qualities else 5) << 4 | 1, len(FINGER)))
    view += minutiae(256, 254, qualities=qualities) + struct.pack(">H", len(ITEM)) + ITEM
    head = struct.pack(">HB", 1, 1) + struct.pack(">I", 4 + len(view))
    return MAGIC + b"030\0" + struct.pack(">I", 12 + len(head) + len(view)) + head + view


def ansi_2009(version: bytes) -> bytes:
    """Write ANSI INCITS 378-2009 or its amendment, at 1,000 dpi."""
    view = struct.pack(">BBBBHH", 10, 3, 24, 254, 66, 12) + struct.pack(">HHHH", WIDTH, HEIGHT, 394, 394)
    view += bytes((len(FINGER),)) + minutiae(180, 254) + struct.pack(">H", 0)
    head = struct.pack(">HHBHBB", 66, 17, 0x80, 0x4321, 1, 0)
    return MAGIC + version + struct.pack(">I", 12 + len(head) + len(view)) + head + view


def vector(
    standard: str, record: bytes, position: int, dpi: list[int], *, qualities: bool = True
) -> dict[str, Any]:
    """Describe a record."""
    return {
        "standard": standard,
        "record": record.hex(),
        "position": position,
        "pixels_per_cm": dpi,
        "minutiae": [
            {"x": x, "y": y, "degrees": degrees, "kind": kind, "quality": quality if qualities else None}
            for x, y, degrees, kind, quality in FINGER
        ],
    }


def document() -> dict[str, Any]:
    """Compute everything."""
    return {
        "source": "tests/vectors/minutiae_generate.py; docs/formats/minutiae.md",
        "records": [
            vector("ISO/IEC 19794-2:2005", iso_2005(), 7, [197, 197]),
            vector("ANSI INCITS 378-2004", ansi_2004(), 7, [200, 100]),
            vector("ISO/IEC 19794-2:2011", iso_2011(qualities=True), 2, [197, 197]),
            vector("ISO/IEC 19794-2:2011", iso_2011(qualities=False), 2, [197, 197], qualities=False),
            vector("ANSI INCITS 378-2009", ansi_2009(b"030\0"), 10, [394, 394]),
            vector("ANSI INCITS 378-2009/AM1", ansi_2009(b"035\0"), 10, [394, 394]),
        ],
    }


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(document(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
