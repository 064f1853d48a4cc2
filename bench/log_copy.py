# ruff: noqa: S311 - a benchmark draws no secrets
"""An auditor's copy of a large log, made at once: entries in the true format, tiles, a signed checkpoint, a database.

The copy is what `padan-audit mirror --entries` would make of such a log, record and policy included, so that every
command runs over it. It can serve as a log's folder too, since it has the log's files. 200 agencies with 25 officers
each ask for a quarter of a year; 2 in 100 entries are refusals, 12 in 100 answers are misses.
Usage, from the top of the tree: python -m bench.log_copy FOLDER --entries 10000000
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from padan import canonical, entry
from padan.audit.mirror import columns, granting, place, trusted
from padan.audit.mirror.database import Database
from padan.entry import EntryKind, Field
from padan.tlog import merkle, tile
from padan.tlog.checkpoint import Checkpoint
from tests.copies import note
from tests.publishing import ORIGIN, Log, witness

if TYPE_CHECKING:
    from collections.abc import Iterator

START_MS: Final = 1_790_000_000_000
QUARTER_MS: Final = 90 * 86_400_000
AGENCIES, OFFICERS = 200, 25
BATCH: Final = 65_536
_RANDOM: Final = 16 + 16 + 32 + 16 + 32
"""Random bytes of one entry: subject, nonce, request digest, request id, salt."""


def entries(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Give entries and their salts, in the order of the log."""
    source = random.Random(11)
    for agency in range(min(AGENCIES, count)):
        detail = {"document": "d", "signer": "s", "until": f"2026-{10 + agency % 3}-15T00:00:00Z"}
        name = f"agency-{agency:03}".encode()
        body = note(
            EntryKind.AGREEMENT_ACTIVATED, START_MS, detail, agency=name, agreement=b"PKS/%d" % agency
        )
        yield body, source.randbytes(entry.SALT_SIZE)
    step = QUARTER_MS / count
    heads: dict[tuple[int, int, int], bytes] = {}
    for number in range(AGENCIES, count):
        at = int(START_MS + number * step).to_bytes(8, "big")
        who = source.randrange(AGENCIES), int(source.triangular(0, OFFICERS, 0)), source.randrange(5)
        head = heads.get(who)
        if head is None:
            head = heads[who] = _head(*who)
        drawn, kind = source.randbytes(_RANDOM), source.random()
        if kind < 0.02:
            yield _refusal(who, at), drawn[-32:]
        else:
            yield (
                head + _rest(drawn, at, 2 if kind > 0.88 else 1, 4 if 0.5 < kind < 0.501 else 1),
                drawn[-32:],
            )


def _head(agency: int, officer: int, purpose: int) -> bytes:
    return entry.FORMAT + canonical.encode(
        {
            Field.KIND: b"\0\1",
            Field.AGENCY: b"agency-%03d" % agency,
            Field.OFFICER: b"officer-%03d-%02d" % (agency, officer),
            Field.CERTIFICATE: hashlib.sha256(b"%d" % agency).digest(),
            Field.AGREEMENT: b"PKS/%d" % agency,
            Field.AGREEMENT_VERSION: b"\0\0\0\1",
            Field.CLAUSE: b"3.1",
            Field.PURPOSE: (b"service", b"tax", b"treatment", b"account", b"welfare")[purpose],
            Field.LAWFUL_USE: b"\1",
            Field.LEGAL_BASIS: b"\5",
        }
    )


def _field(field: Field, value: bytes) -> bytes:
    return canonical.header(field, len(value)) + value


_SUBJECT, _NONCE, _REQUEST = (
    canonical.header(field, 16) for field in (Field.SUBJECT, Field.NONCE, Field.REQUEST_ID)
)
_MIDDLE = (
    _field(Field.PERIOD, bytes(16))
    + _field(Field.CLAIMS, b"\0\1\0\4")
    + canonical.header(Field.REQUEST_DIGEST, 32)
)
_VERSIONS = (
    _field(Field.EPOCH, b"\0\0\0\1")
    + _field(Field.KEY_VERSIONS, canonical.encode_list([b"index:1", b"attribute:1", b"handle:1"]))
    + _field(Field.POLICY_VERSIONS, canonical.encode_list([b"policy:1"]))
    + _field(Field.SENSITIVITY, b"\1")
    + _field(Field.RETENTION, b"\1")
)
_TIME, _CLOCK = canonical.header(Field.LOG_TIME, 8), _field(Field.CLOCK_FLAG, b"\0")
_TAILS = {
    (outcome, bucket): _CLOCK
    + _field(Field.OUTCOME, bytes((outcome,)))
    + _field(Field.AGENCY_BUCKET, bytes((bucket,)))
    + _field(Field.OFFICER_BUCKET, bytes((bucket,)))
    for outcome in (1, 2)
    for bucket in (1, 4)
}


def _rest(drawn: bytes, at: bytes, outcome: int, bucket: int) -> bytes:
    return b"".join(
        (
            _SUBJECT,
            drawn[:16],
            _NONCE,
            drawn[16:32],
            _MIDDLE,
            drawn[32:64],
            _VERSIONS,
            _REQUEST,
            drawn[64:80],
            _TIME,
            at,
            _TAILS[outcome, bucket],
        )
    )


def _refusal(who: tuple[int, int, int], at: bytes) -> bytes:
    agency, officer, _ = who
    return entry.FORMAT + canonical.encode(
        {
            Field.KIND: b"\0\2",
            Field.AGENCY: b"agency-%03d" % agency,
            Field.OFFICER: b"officer-%03d-%02d" % (agency, officer),
            Field.REASON: bytes((0, 10 + agency % 7)),
            Field.LOG_TIME: at,
            Field.CLOCK_FLAG: b"\0",
        }
    )


class Grower:
    """Writes bundles and tiles as leaves come, and keeps one hash for 256 of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[bytes] = []
        self.rows: list[list[bytes]] = [[]]
        self.size = 0

    def add(self, leaves: list[bytes]) -> None:
        """Add leaves."""
        self._open += leaves
        while len(self._open) >= tile.WIDTH:
            self._bundle(self._open[: tile.WIDTH])
            del self._open[: tile.WIDTH]

    def finish(self, log: Log) -> bytes:
        """Write what is open and sign the checkpoint."""
        if self._open:
            self._bundle(self._open)
        for level in range(1, len(self.rows)):
            for first in range(0, len(self.rows[level]), tile.WIDTH):
                part = self.rows[level][first : first + tile.WIDTH]
                self._write(tile.Tile(level, first // tile.WIDTH, len(part)).path, b"".join(part))
        root = tile.TileNodes(self.size, lambda path: (self._folder / path).read_bytes()).root()
        signed = log.sign(Checkpoint(ORIGIN, self.size, root), at=int(time.time()))
        self._write(tile.CHECKPOINT_PATH, signed)
        return signed

    def _bundle(self, leaves: list[bytes]) -> None:
        each = tile.Tile(0, self.size // tile.WIDTH, len(leaves))
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        self._write(each.path, b"".join(hashes))
        self._write(each.bundle_path, tile.encode_bundle(leaves))
        self.size += len(leaves)
        level, full = 1, hashes
        while len(full) == tile.WIDTH:
            if level == len(self.rows):
                self.rows.append([])
            self.rows[level].append(merkle.subtree_root(full))
            full = self.rows[level][-tile.WIDTH :] if len(self.rows[level]) % tile.WIDTH == 0 else []
            level += 1

    def _write(self, path: str, data: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def make(folder: Path, count: int) -> None:
    """Make FOLDER/copy with its record and policy."""
    copy = place.Copy(folder / "copy")
    copy.folder.mkdir(parents=True)
    log = Log(folder=copy.folder, witnesses=(witness("w0.example"),))
    (folder / "policy").write_text(log.policy())
    grower, began = Grower(copy.folder), time.monotonic()
    stream = entries(count)
    with Database.create(copy.database) as database, columns.computer() as computer:
        while batch := [pair for _, pair in zip(range(BATCH), stream, strict=False)]:
            first = grower.size + len(grower._open)  # noqa: SLF001 - what is not in a bundle yet counts too
            rows = columns.compute(
                computer,
                pa.array(range(first + 1, first + len(batch) + 1), pa.uint64()),
                pa.array([body for body, _ in batch], pa.large_binary()),
                pa.array([salt for _, salt in batch], pa.large_binary()),
            )
            database.append(rows, {"through": str(first + len(batch))})
            grower.add([entry.leaf(salt, body) for body, salt in batch])
            rate = (first + len(batch)) / (time.monotonic() - began)
            sys.stderr.write(f"\r{first + len(batch):,} entries, {rate:,.0f}/s ")
        signed = grower.finish(log)
        trusted.write(trusted.beside(copy.folder), signed, granting.hold(database, count, None))
    sys.stderr.write(f"\n{folder}: {count:,} entries in {time.monotonic() - began:,.0f} s\n")


def main() -> None:
    """Make the copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    make(options.folder, options.entries)


if __name__ == "__main__":
    main()
