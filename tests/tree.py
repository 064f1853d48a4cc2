"""A log with a published tree, for tests: real stores, a real key, entries that fit their leaves."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.realm import Realm
from keys.signing import Signer
from padan.entry import leaf
from padan.tlog import checkpoint, note
from padan.tlog.frontier import Frontier
from padan.tlog.tile import TileNodes
from verifier.directory import Directory
from verifier.headfile import HeadFile
from verifier.headkeeper import HeadKeeper
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.log.store import EntryRow, LeaderLostError
from verifier.tree.folder import TreeFolder
from verifier.tree.sequencer import Sequencer
from verifier.tree.signing import CheckpointSigner, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.tlog.checkpoint import Checkpoint
    from verifier.log.store import LogStore
    from verifier.tree.cosigner import Cosigner
    from verifier.tree.sequencer import Gauges

REALM = Realm(registry_id="registry", environment="production")
SEED = bytes(range(32))
MANDATE = Mandate(term=1)


def row(number: int, *, log_time_ms: int = 1_000) -> EntryRow:
    """Make an entry that fits its leaf."""
    salt, entry = number.to_bytes(32, "big"), b"entry %d" % number
    return EntryRow(
        kind=1,
        agency="agency-1",
        purpose="purpose-1",
        outcome=1,
        log_time_ms=log_time_ms,
        entry=entry,
        salt=salt,
        leaf=leaf(salt, entry),
    )


@dataclass(slots=True, kw_only=True)
class Site:
    """A log, its directory, its head and its tree."""

    log: LogStore
    directory: Directory
    head: HeadFile
    folder: TreeFolder
    signer: CheckpointSigner

    def write(self, count: int, *, log_time_ms: int = 1_000) -> None:
        """Append entries."""
        first = self.log.head().sequence
        rows = [row(number, log_time_ms=log_time_ms) for number in range(first, first + count)]
        with self.log.transaction() as transaction:
            transaction.write({}, 0, rows, [])

    def keeper(self) -> HeadKeeper:
        """Make what moves the head on."""
        return HeadKeeper(file=self.head, log=self.log, directory=self.directory, realm=REALM, keyring=1)

    def sequencer(
        self,
        cosign: Cosigner | None = None,
        gauges: Gauges | None = None,
        now: Callable[[], float] = time.time,
        require: Callable[[int], None] = lambda _term: None,
    ) -> Sequencer:
        """Make a leader's sequencer, as it is after a start."""
        self.keeper().begin()
        return Sequencer(
            log=self.log,
            head=self.head,
            folder=self.folder,
            signer=self.signer,
            require=require,
            cosign=cosign,
            gauges=gauges,
            now=now,
        )

    def publish(self, count: int) -> None:
        """Append entries and publish them with a new sequencer."""
        self.write(count)
        assert self.sequencer().turn(MANDATE)

    def stated(self) -> Checkpoint:
        """Read what is published, with its signature checked."""
        data = self.folder.checkpoint()
        assert data is not None
        signed = note.parse(data)
        assert note.verify(signed, self.signer.keys)
        return checkpoint.parse_text(signed.text)

    def require_whole(self) -> None:
        """See that the published tree is the log's, by its leaves and by its tiles."""
        stated = self.stated()
        size = self.log.head().sequence
        assert (stated.size, stated.root) == (size, Frontier().extend(self.log.leaves(0, size)).root)
        assert TileNodes(size, self.folder.read).root() == stated.root


@contextmanager
def open_site(database: str, folder: Path, *, head: Path | None = None) -> Iterator[Site]:
    """Open a site whose database is there.

    Args:
        database: of the log.
        folder: of tree and head.
        head: the head's file, where it is elsewhere.
    """
    with closing(open_log(database)) as log, closing(Directory(database)) as directory:
        yield Site(
            log=log,
            directory=directory,
            head=HeadFile(head or folder / "apart.json", REALM),
            folder=TreeFolder(folder / "tree"),
            signer=CheckpointSigner(origin_of(REALM), [Signer(SEED)]),
        )


def lost(term: int) -> None:
    """Say that the term is over, whichever it is."""
    raise LeaderLostError(term)


def flip(path: Path, *, at: int = -1) -> None:
    """Flip a bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    os.chmod(path, 0o644)  # noqa: PTH101 - as a tamperer would
    path.write_bytes(data)
