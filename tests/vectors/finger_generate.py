"""Write finger.json: references and scores of made-up fingers under fixed keys.

Computed here from docs/formats/template.md alone, in plain loops and without a line of the packages.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("finger.json")
FINGERS = {"twenty": 20, "forty": 40, "ninety": 90}
"""How many minutiae each has; of ninety, more than 64 stand on a valid cylinder."""
SHIFTED = 3
"""Pixels by which each probe's minutiae are off."""
DIRECTIONS, STEPS = 64, 4096
R, SIGMA_S, SIGMA_D, MU, TAU, OMEGA = 70.0, 28 / 3, 2 * math.pi / 9, 0.01, 400.0, 50.0
MEANS = (0.0840, 0.0525, 0.1228, 0.1228, 0.0525, 0.0840)
SCALE, WEIGHT, SIZE, BITS, SLOTS = 1300.0, 0.4, 512, 256, 64
GRID = [
    (17.5 * (i - 3.5), 17.5 * (j - 3.5))
    for i in range(8)
    for j in range(8)
    if math.hypot(17.5 * (i - 3.5), 17.5 * (j - 3.5)) <= R
]


def single(value: float) -> float:
    """Round to what a binary32 holds."""
    out: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return out


def made_up(name: str, count: int) -> list[list[float]]:
    """Scatter minutiae by SHAKE-256."""
    stream = hashlib.shake_256(name.encode()).digest(6 * count)
    rows = []
    for at in range(0, 6 * count, 6):
        x, y, angle, quality = struct.unpack(">HHBB", stream[at : at + 6])
        rows.append([x % 301 + 0.0, y % 401 + 0.0, single(angle * math.pi / 128), quality / 256])
    return rows


def captured_again(rows: list[list[float]]) -> list[list[float]]:
    """Move each minutia a little, turn it a little, and lose one in eight."""
    return [
        [
            x + number % (2 * SHIFTED + 1) - SHIFTED,
            y + number % SHIFTED - 1,
            single(angle + 0.01 * (number % 7)),
            q,
        ]
        for number, (x, y, angle, q) in enumerate(rows)
        if number % 8
    ]


def packed(rows: list[list[float]]) -> str:
    """Write minutiae as binary32, little-endian, four each."""
    return b"".join(struct.pack("<4f", *row) for row in rows).hex()


def part(angle: float, middle: float) -> float:
    """Integrate the normal density over a bin of angles."""
    apart = (angle - middle + math.pi) % (2 * math.pi) - math.pi
    half, spread = math.pi / 6, SIGMA_D * math.sqrt(2)
    return (math.erf((apart + half) / spread) - math.erf((apart - half) / spread)) / 2


def parts(angle: float) -> list[float]:
    """Share a neighbour out to the bins, its angle rounded to a step."""
    step = round((angle + math.pi) * STEPS / (2 * math.pi)) % STEPS
    rounded = -math.pi + step * 2 * math.pi / STEPS
    return [part(rounded, -math.pi + (number + 0.5) * math.pi / 3) for number in range(6)]


def cells(rows: list[list[float]], at: int) -> list[tuple[float, float]]:
    """Place the cells of a minutia's cylinder, y upwards."""
    x, y, angle, _ = rows[at]
    cosine, sine = math.cos(angle), math.sin(angle)
    return [(x + cosine * u - sine * v, -y + sine * u + cosine * v) for u, v in GRID]


def widened(rows: list[list[float]]) -> list[tuple[float, float, float]]:
    """Say of each direction how far out the widened hull goes."""
    turns = [2 * math.pi * number / DIRECTIONS for number in range(DIRECTIONS)]
    ways = [(math.cos(turn), math.sin(turn)) for turn in turns]
    return [(u, v, max(x * u - y * v for x, y, _, _ in rows) + OMEGA) for u, v in ways]


def neighbours(rows: list[list[float]], at: int) -> list[int]:
    """Find the minutiae within reach, nearest first, at most 48."""
    x, y, _, _ = rows[at]
    apart = [((x - u) ** 2 + (y - v) ** 2, other) for other, (u, v, _, _) in enumerate(rows) if other != at]
    return [other for square, other in sorted(apart) if square <= (R + 3 * SIGMA_S) ** 2][:48]


def vectors(rows: list[list[float]]) -> list[list[int]]:
    """Make the whole-number vectors of a finger's best cylinders."""
    valid, limits = [], widened(rows)
    for at in range(len(rows)):
        hull = [all(x * u + y * v <= limit for u, v, limit in limits) for x, y in cells(rows, at)]
        if sum(hull) >= 0.75 * len(GRID) and len(neighbours(rows, at)) >= 2:
            valid.append((-sum(hull), -rows[at][3], at, hull))
    return [vector(rows, at, hull) for _, _, at, hull in sorted(valid)[:SLOTS]]


def vector(rows: list[list[float]], at: int, hull: list[bool]) -> list[int]:
    """Make one."""
    angle, near = rows[at][2], neighbours(rows, at)
    values = []
    for (x, y), counts in zip(cells(rows, at), hull, strict=True):
        sums = [0.0] * 6
        for other in near:
            u, v, turned, _ = rows[other]
            square = (x - u) ** 2 + (y + v) ** 2
            if square <= (3 * SIGMA_S) ** 2:
                weight = math.exp(-square / (2 * SIGMA_S**2)) / (SIGMA_S * math.sqrt(2 * math.pi))
                sums = [one + weight * share for one, share in zip(sums, parts(angle - turned), strict=True)]
        for one, mean in zip(sums, MEANS, strict=True):
            values.append((1 / (1 + math.exp(-TAU * (one - MU))) - mean) if counts else 0.0)
    length = math.sqrt(sum(value**2 for value in values))
    behind = [WEIGHT * math.cos(angle), WEIGHT * math.sin(angle)]
    return [round(SCALE * value) for value in [*(value / length for value in values), *behind]]


def rotated(key: bytes, given: list[int]) -> list[int]:
    """Turn a vector, unscaled, and give its first results."""
    now = given + [0] * (SIZE - len(given))
    for turn in range(3):
        tag = bytes((0, turn))
        flips = hashlib.shake_256(key + tag + b"B").digest(SIZE // 8)
        drawn = struct.unpack(f"<{SIZE}Q", hashlib.shake_256(key + tag + b"P").digest(8 * SIZE))
        order = sorted(range(SIZE), key=drawn.__getitem__)
        flipped = [-one if flips[at // 8] >> (7 - at % 8) & 1 else one for at, one in enumerate(now)]
        now = hadamard([flipped[at] for at in order])
    return now[:BITS]


def hadamard(now: list[int]) -> list[int]:
    """Apply Sylvester's matrix of 1 and -1."""
    half = 1
    while half < len(now):
        for start in range(0, len(now), 2 * half):
            for at in range(start, start + half):
                now[at], now[at + half] = now[at] + now[at + half], now[at] - now[at + half]
        half *= 2
    return now


def reference(key: bytes, whole: list[list[int]], drawn: bytes) -> bytes:
    """Fill the slots and lay them down in their order."""
    slots = [drawn[32 * at : 32 * at + 32] for at in range(SLOTS)]
    for at, one in enumerate(whole):
        bits = "".join("1" if result > 0 else "0" for result in rotated(key, one))
        slots[at] = int(bits, 2).to_bytes(32, "big")
    order = struct.unpack(f"<{SLOTS}Q", drawn[32 * SLOTS :])
    return b"".join(slots[at] for at in sorted(range(SLOTS), key=order.__getitem__))


def score(key: bytes, whole: list[list[int]], kept: bytes) -> float:
    """Compare a probe with a reference."""
    signs = [
        [1 if kept[32 * s + at // 8] >> (7 - at % 8) & 1 else -1 for at in range(BITS)] for s in range(SLOTS)
    ]
    alike = []
    for one in whole:
        results = rotated(key, one)
        total = sum(abs(result) for result in results)
        alike.append([sum(a * b for a, b in zip(results, slot, strict=True)) / total for slot in signs])
    rows = [sum(sorted(row)[-6:-1]) / 5 for row in alike]
    columns = [sum(sorted(column)[-6:-1]) / 5 for column in zip(*alike, strict=True)]
    left = {
        (r, c): one - 0.3 * (rows[r] + columns[c]) for r, row in enumerate(alike) for c, one in enumerate(row)
    }
    count = 4 + round(4 / (1 + math.exp(-0.4 * (len(whole) - 20))))
    taken: list[float] = []
    for _ in range(count):
        best = max(left, key=left.__getitem__)
        taken.append(left[best])
        left = {pair: one for pair, one in left.items() if pair[0] != best[0] and pair[1] != best[1]}
    return min(1.0, max(0.0, sum(taken) / count))


def vector_of(name: str, count: int) -> dict[str, Any]:
    """Compute one finger's."""
    key = hashlib.sha256(b"key of " + name.encode()).digest()
    drawn = hashlib.shake_256(b"random of " + name.encode()).digest(SLOTS * 40)
    finger = made_up(name, count)
    probe = captured_again(finger)
    whole = vectors(finger)
    kept = reference(key, whole, drawn)
    return {
        "minutiae": packed(finger),
        "key": key.hex(),
        "random": drawn.hex(),
        "cylinders": len(whole),
        "vectors_sha256": hashlib.sha256(b"".join(struct.pack("<314h", *one) for one in whole)).hexdigest(),
        "reference": kept.hex(),
        "probe": packed(probe),
        "score": round(score(key, vectors(probe), kept), 6),
    }


def main(target: Path) -> None:
    """Write them."""
    found = {
        "source": "tests/vectors/finger_generate.py, from docs/formats/template.md",
        "suite": "finger-mcc8-hd3-256/1",
        "fingers": {name: vector_of(name, count) for name, count in FINGERS.items()},
    }
    target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
