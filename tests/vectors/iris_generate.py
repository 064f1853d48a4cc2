"""Write iris.json: references and scores of made-up irises under fixed keys.

Computed here from docs/formats/template.md alone, in plain loops and without a line of the packages.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("iris.json")
ROWS, COLUMNS, KEPT = 64, 256, 128
TURNS, ASIDE, RINGS, SECTORS, PRIOR = 15, 2, (0, -1, 1), 4, 500
Plane = list[list[int]]


def drawn(name: str) -> Plane:
    """Draw a plane of bits by SHAKE-256."""
    stream = hashlib.shake_256(name.encode()).digest(ROWS * COLUMNS // 8)
    bits = [byte >> (7 - at) & 1 for byte in stream for at in range(8)]
    return [bits[COLUMNS * row : COLUMNS * (row + 1)] for row in range(ROWS)]


def both(one: Plane, other: Plane) -> Plane:
    """Combine two planes by AND."""
    return [[a & b for a, b in zip(*rows, strict=True)] for rows in zip(one, other, strict=True)]


def flipped(plane: Plane, where: Plane) -> Plane:
    """Combine two planes by XOR."""
    return [[a ^ b for a, b in zip(*rows, strict=True)] for rows in zip(plane, where, strict=True)]


def inverse(plane: Plane) -> Plane:
    """Turn each bit over."""
    return [[1 - each for each in row] for row in plane]


def moved(plane: Plane, *, turn: int, ring: int) -> Plane:
    """Turn a plane by columns and move it outwards by rings; what comes in is 0."""
    out: Plane = []
    for row in range(ROWS):
        source = row - 2 * ring
        there = 0 <= source < ROWS and source // 32 == row // 32
        out.append([plane[source][(column - turn) % COLUMNS] if there else 0 for column in range(COLUMNS)])
    return out


def number(plane: Plane, row: int, turn: int) -> int:
    """Read the even columns of a row, of a plane that is turned, as a number."""
    return int("".join(str(plane[row][(column - turn) % COLUMNS]) for column in range(0, COLUMNS, 2)), 2)


def written(plane: Plane) -> str:
    """Write all bits, the first one highest."""
    text = "".join(str(bit) for row in plane for bit in row)
    return int(text, 2).to_bytes(len(text) // 8, "big").hex()


def reference(key: bytes, code: Plane, mask: Plane) -> bytes:
    """Protect an iris."""
    plain = b"".join(
        number(plane, row, 0).to_bytes(KEPT // 8, "big")
        for plane in (both(code, mask), mask)
        for row in range(ROWS)
    )
    pad = hashlib.shake_256(key + b"iris").digest(len(plain))
    return bytes(each ^ over for each, over in zip(plain, pad, strict=True))


def score(probe: tuple[Plane, Plane], enrolled: tuple[Plane, Plane]) -> float:
    """Compare; the pad falls out."""
    sectors = [((1 << KEPT // SECTORS) - 1) << (KEPT - KEPT // SECTORS * (at + 1)) for at in range(SECTORS)]
    stored = [[number(plane, row, 0) for row in range(ROWS)] for plane in enrolled]
    counts: dict[tuple[int, int, int], tuple[int, int]] = {}
    for turn in range(-TURNS - ASIDE, TURNS + ASIDE + 1):
        seen = [[number(plane, row, turn) for row in range(ROWS)] for plane in probe]
        for ring in RINGS:
            rows = [(row, row - 2 * ring) for row in range(ROWS) if (row - 2 * ring) // 32 == row // 32]
            for at, sector in enumerate(sectors):
                common = apart = 0
                for row, other in rows:
                    valid = stored[1][row] & seen[1][other] & sector
                    common += valid.bit_count()
                    apart += ((stored[0][row] ^ seen[0][other]) & valid).bit_count()
                counts[turn, ring, at] = common, common - 2 * apart
    shares = []
    for turn in range(-TURNS, TURNS + 1):
        common = agreed = 0
        for at in range(SECTORS):
            # of the first that agrees best, ring by ring and then column by column
            places = [counts[turn + aside, ring, at] for ring in RINGS for aside in range(-ASIDE, ASIDE + 1)]
            best = max(places, key=lambda place: place[1])
            common, agreed = common + best[0], agreed + best[1]
        shares.append(agreed / (common + PRIOR))
    return (1 + max(shares)) / 2


def case(name: str, probe: tuple[Plane, Plane], enrolled: tuple[Plane, Plane]) -> dict[str, Any]:
    """Compute one comparison."""
    key = hashlib.sha256(name.encode()).digest()
    return {
        "key": key.hex(),
        "code": written(enrolled[0]),
        "mask": written(enrolled[1]),
        "probe_code": written(probe[0]),
        "probe_mask": written(probe[1]),
        "reference": reference(key, *enrolled).hex(),
        "score": round(score(probe, enrolled), 12),
    }


def build() -> str:
    """Compute everything, as text."""
    code = drawn("code")
    most = inverse(both(drawn("first"), drawn("second")))
    some = both(drawn("third"), inverse(both(drawn("fourth"), drawn("fifth"))))
    noise = both(drawn("sixth"), both(drawn("seventh"), drawn("eighth")))
    again = flipped(code, noise)
    turned = (moved(again, turn=-15, ring=1), moved(most, turn=-15, ring=1))
    # a probe whose halves lie two columns and a ring apart
    left, right = [moved(again, turn=turn, ring=ring) for turn, ring in ((4, 0), (6, -1))]
    halves = [one[:128] + other[128:] for one, other in zip(left, right, strict=True)]
    content = {
        "suite": "iris-xor-8192/1",
        "irises": {
            "itself": case("itself", (code, most), (code, most)),
            "turned": case("turned", turned, (code, most)),
            "halves": case("halves", (halves, some), (code, most)),
            "another": case("another", (drawn("another"), most), (code, some)),
        },
    }
    return json.dumps(content, indent=1) + "\n"


def main() -> None:
    """Write the file that is named, or the one beside this."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    main()
