"""How finger minutiae records are read: real ones to the byte, hostile ones refused, and what a record costs.

Without --data on records that are made up here; with --data DIR on the records of DIR/fingerprint.npz (arrays `fmr2005`
and `fmr2005_off`: record n is fmr2005[fmr2005_off[n]:fmr2005_off[n + 1]]). Nothing of a record is printed. Of the first
ten records every truncation and every change of a bit is tried. Processor time of one thread, the median of five
rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from padan.biometric import minutiae, template
from padan.biometric.faults import MinutiaeError
from padan.biometric.record import Minutia, Record, Standard, View
from tokenizer.biometrics import reading

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 5
_MADE = 100
_TRIED = 10


def real(folder: Path) -> list[bytes]:
    """Read the records of a file of real ones."""
    with np.load(folder / "fingerprint.npz") as file:
        data, offsets = file["fmr2005"].tobytes(), file["fmr2005_off"].tolist()
    return [data[begin:end] for begin, end in itertools.pairwise(offsets)]


def made() -> list[bytes]:
    """Make records of 38 minutiae, as many as a device finds."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(_MADE):
        rows = rng.integers(0, (300, 400, 256, 3), size=(38, 4)).tolist()
        spots = tuple(Minutia(x=x, y=y, angle=angle, kind=kind) for x, y, angle, kind in rows)
        record = Record(standard=Standard.ISO_2005, views=(View(width=300, height=400, minutiae=spots),))
        found.append(minutiae.write(record))
    return found


def refused(data: bytes) -> bool:
    """Say whether bytes are refused."""
    try:
        return minutiae.write(minutiae.read(data)) != data
    except MinutiaeError:
        return True


def milliseconds(run: Callable[[bytes], object], items: list[bytes]) -> float:
    """Measure one item of a run over all."""
    taken = []
    for _ in range(_ROUNDS):
        begun = time.thread_time()
        for item in items:
            run(item)
        taken.append((time.thread_time() - begun) * 1_000 / len(items))
    return statistics.median(taken)


def measure(records: list[bytes]) -> dict[str, Any]:
    """Count and time."""
    exact = [data for data in records if not refused(data)]
    tried = exact[:_TRIED]
    cuts = [data[:end] for data in tried for end in range(len(data))]
    changes = [
        bytes((*data[:at], data[at] ^ 1 << bit, *data[at + 1 :]))
        for data in tried
        for at in range(len(data))
        for bit in range(8)
    ]
    probes = [template.finger(data, position=1).SerializeToString() for data in exact]
    return {
        "records": len(records),
        "read and written to the same bytes": len(exact),
        "minutiae": sum(len(minutiae.read(data).views[0].minutiae) for data in exact),
        "truncations": len(cuts),
        "truncations refused": sum(map(refused, cuts)),
        "changes of a bit": len(changes),
        "changes refused": sum(map(refused, changes)),
        "changes read as another record, to the byte": sum(not refused(data) for data in changes),
        "milliseconds to read a record": round(milliseconds(minutiae.read, exact), 3),
        "milliseconds from a template's bytes to arrays": round(
            milliseconds(lambda data: reading.read(data, "finger"), probes), 3
        ),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Read finger minutiae records, and say what it costs.")
    parser.add_argument("--data", type=Path, help="folder with fingerprint.npz; default records made up here")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = measure(real(options.data) if options.data else made())
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.writelines(f"{name:<48}{value:>10,}\n" for name, value in found.items())


if __name__ == "__main__":
    main()
