"""Write face.json: references and scores of made-up faces under fixed keys.

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

TARGET = Path(__file__).with_name("face.json")
SHAPES = ((128, 8, 0.0308), (256, 4, 0.3352), (512, 2, 0.9957))
FACES = {"one": 1, "two": 2, "hundred": 100, "full": 128, "net": 192, "long": 512}
"""How many elements each embedding has."""


def single(value: float) -> float:
    """Round to what a binary32 holds."""
    out: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return out


def made_up(name: str, count: int) -> list[float]:
    """Draw an embedding by SHAKE-256: sums of four bytes, less their mean, so that they are somewhat normal."""
    stream = hashlib.shake_256(name.encode()).digest(4 * count)
    return [sum(stream[at : at + 4]) - 510.0 for at in range(0, 4 * count, 4)]


def unit(vector: list[float]) -> list[float]:
    """Scale to length 1 by whole numbers."""
    largest = max(map(abs, vector))
    whole = [round(each / largest * 2**20) for each in vector]  # half to even
    length = math.sqrt(sum(each * each for each in whole))
    return [single(each / length) for each in whole]


def turned(key: bytes, vector: list[float], size: int) -> list[float]:
    """Turn a vector: three times signs, order, and butterflies in binary32."""
    values = vector + [0.0] * (size - len(vector))
    for turn in range(3):
        tag = key + bytes((0, turn))
        bits = hashlib.shake_256(tag + b"B").digest(size // 8)
        drawn = struct.unpack(f"<{size}Q", hashlib.shake_256(tag + b"P").digest(8 * size))
        flipped = [-each if bits[at // 8] >> (7 - at % 8) & 1 else each for at, each in enumerate(values)]
        values = [flipped[at] for at in sorted(range(size), key=drawn.__getitem__)]
        half = 1
        while half < size:
            for at in range(size):
                if not at & half:
                    first, second = values[at], values[at + half]
                    values[at], values[at + half] = single(first + second), single(first - second)
            half *= 2
        values = [single(each / single(math.sqrt(size))) for each in values]
    return values


def levels(values: list[float], size: int, bits: int, step: float) -> list[int]:
    """Find the step of each value."""
    scale = single(single(1 / step) * single(math.sqrt(size)))
    half = 1 << (bits - 1)
    return [min(max(math.floor(single(each * scale)), -half), half - 1) + half for each in values]


def packed(numbers: list[int], bits: int) -> bytes:
    """Write numbers of so many bits, the highest bit first."""
    text = "".join(f"{number:0{bits}b}" for number in numbers)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def written(vector: list[float]) -> str:
    """Write elements as binary32, little-endian."""
    return struct.pack(f"<{len(vector)}f", *vector).hex()


def face(name: str, count: int) -> dict[str, Any]:
    """Compute one face."""
    size, bits, step = next(shape for shape in SHAPES if count <= shape[0])
    key = hashlib.sha256(name.encode()).digest()
    vector = made_up(name, count)
    other = made_up(f"{name} another time", count)
    probe = [single(each + 0.75 * beside) for each, beside in zip(vector, other, strict=True)]
    kept = levels(turned(key, unit(vector), size), size, bits, step)
    middles = [2 * level + 1 - (1 << bits) for level in kept]
    product = sum(map(math.prod, zip(turned(key, unit(probe), size), middles, strict=True)))
    cosine = product / math.sqrt(sum(each * each for each in middles))
    return {
        "key": key.hex(),
        "vector": written(vector),
        "probe": written(probe),
        "reference": packed(kept, bits).hex(),
        "score": round((1 + cosine) / 2, 9),
    }


def fused(names: tuple[str, ...], count: int) -> dict[str, Any]:
    """Fuse made-up captures."""
    captures = [made_up(name, count) for name in names]
    total = [0.0] * count
    for capture in captures:
        total = [sum(pair) for pair in zip(total, unit(capture), strict=True)]
    return {"vectors": [written(each) for each in captures], "fused": written(unit(total))}


def build() -> str:
    """Compute everything, as text."""
    content = {
        "suite": "face-hd3-1024/1",
        "faces": {name: face(name, count) for name, count in FACES.items()},
        "fused": fused(("first", "second", "third"), 192),
    }
    return json.dumps(content, indent=1) + "\n"


def main() -> None:
    """Write the file that is named, or the one beside this."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    main()
