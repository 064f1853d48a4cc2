"""An auditor's world without a service: entries as it encodes them, their log in a folder, and a list of them."""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from padan import canonical, entry
from padan.audit.mirror import belief, fetching, granting, trusted, verification
from padan.audit.mirror.place import Copy
from padan.entry import EntryKind, Field
from padan.v1 import audit_pb2
from tests.publishing import Log, witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from padan.tlog.policy import Policy

START_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z"""


def encode(kind: int, at_ms: int, fields: Mapping[int, bytes], tail: Mapping[int, bytes]) -> bytes:
    """Encode an entry."""
    head = canonical.encode({Field.KIND: int(kind).to_bytes(2, "big"), **fields})
    return entry.encode(head, {Field.LOG_TIME: at_ms.to_bytes(8, "big"), Field.CLOCK_FLAG: b"\0", **tail})


def question(
    source: random.Random,
    at_ms: int = START_MS,
    *,
    agency: str = "tax",
    officer: str = "desk-1",
    purpose: str = "service",
    outcome: int = 1,
    agency_bucket: int = 1,
    officer_bucket: int = 1,
    tokens: Sequence[str] = (),
) -> bytes:
    """Encode a question about a resident with all that the service writes."""
    listed = canonical.encode_list(each.encode() for each in tokens)
    told: dict[int, bytes] = {Field.TOKENS: listed} if tokens else {}
    return encode(
        EntryKind.VERIFY,
        at_ms,
        {
            Field.AGENCY: agency.encode(),
            Field.OFFICER: officer.encode(),
            Field.CERTIFICATE: bytes(32),
            Field.AGREEMENT: b"PKS/1",
            Field.AGREEMENT_VERSION: (1).to_bytes(4, "big"),
            Field.CLAUSE: b"3",
            Field.PURPOSE: purpose.encode(),
            Field.LAWFUL_USE: b"\1",
            Field.LEGAL_BASIS: b"\5",
            Field.SUBJECT: source.randbytes(16),
            Field.NONCE: source.randbytes(16),
            Field.PERIOD: bytes(16),
            Field.CLAIMS: b"\0\1\0\4",
            Field.REQUEST_DIGEST: source.randbytes(32),
            Field.EPOCH: (1).to_bytes(4, "big"),
            Field.KEY_VERSIONS: canonical.encode_list([b"index:1", b"attribute:1", b"handle:1"]),
            Field.POLICY_VERSIONS: canonical.encode_list([b"policy:1"]),
            Field.SENSITIVITY: b"\1",
            Field.RETENTION: b"\1",
            Field.REQUEST_ID: source.randbytes(16),
            **told,
        },
        {
            Field.OUTCOME: bytes((outcome,)),
            Field.AGENCY_BUCKET: bytes((agency_bucket,)),
            Field.OFFICER_BUCKET: bytes((officer_bucket,)),
        },
    )


def note(kind: EntryKind, at_ms: int, detail: Mapping[str, str], **fields: bytes) -> bytes:
    """Encode an entry about the running of the service; further fields by their names in lower case."""
    listed = canonical.encode_list(f"{name}={value}".encode() for name, value in detail.items())
    named: dict[int, bytes] = {Field[name.upper()]: value for name, value in fields.items()}
    head = {number: value for number, value in named.items() if number < entry.FIRST_TAIL_FIELD}
    tail = {number: value for number, value in named.items() if number >= entry.FIRST_TAIL_FIELD}
    return encode(kind, at_ms, {**head, Field.DETAIL: listed}, tail)


TOKENS = ((), (), ("subject=aid@1",), ("issue=aid@2",), ("subject=aid@1", "issue=aid@2"))
"""What questions say of tokens."""


def many(count: int, *, seed: int = 1) -> list[bytes]:
    """Encode entries of several kinds, agencies, officers and outcomes."""
    source = random.Random(seed)
    found = []
    for number in range(count):
        at = START_MS + number * 60_000
        agency = source.choice(["tax", "health", "bank"]).encode()
        if number % 50 == 0:
            found.append(note(EntryKind.EPOCH_ACTIVATED, at, {"epoch": str(number)}))
        elif number % 17 == 0:
            found.append(note(EntryKind.REFUSED, at, {}, agency=agency, officer=b"desk-2", reason=b"\0\x0b"))
        else:
            found.append(
                question(
                    source,
                    at,
                    agency=agency.decode(),
                    officer=f"desk-{source.randrange(4)}",
                    outcome=1 + number % 2,
                    tokens=TOKENS[number % len(TOKENS)],
                )
            )
    return found


@dataclass(slots=True, kw_only=True)
class Auditor:
    """A log with entries, and an auditor's copy of it.

    Attributes:
        root: a folder.
        log: the published log.
        rows: entry and salt of each place; both empty where erased.
        shown: says whether the grant shows a place.
        send: may change an entry before the service sends it.
    """

    root: Path
    log: Log
    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    shown: Callable[[int], bool] = lambda _: True
    send: Callable[[audit_pb2.LogEntry], audit_pb2.LogEntry] = lambda item: item

    @classmethod
    def begin(cls, root: Path, entries: Sequence[bytes] = (), *, witnesses: int = 1) -> Auditor:
        """Make a log with these entries and publish it; nothing is copied yet."""
        log = Log(
            folder=root / "log", witnesses=tuple(witness(f"w{number}.example") for number in range(witnesses))
        )
        made = cls(root=root, log=log)
        made.add(entries)
        made.policy_file.write_text(log.policy())
        return made

    def twin(self, root: Path) -> Auditor:
        """Give an auditor with everything that this one has, in another folder."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        log = Log(folder=root / "log", witnesses=self.log.witnesses, leaves=list(self.log.leaves))
        return Auditor(root=root, log=log, rows=list(self.rows), shown=self.shown, send=self.send)

    @property
    def policy_file(self) -> Path:
        """The policy of the log."""
        return self.root / "policy"

    @property
    def policy(self) -> Policy:
        """The policy of the log, read."""
        return belief.load_policy(self.policy_file)

    @property
    def copy(self) -> Copy:
        """The copy."""
        return Copy(self.root / "copy")

    @property
    def record(self) -> Path:
        """What was trusted last."""
        return trusted.beside(self.copy.folder)

    def add(self, entries: Sequence[bytes]) -> None:
        """Commit entries and publish the tree."""
        source = random.Random(len(self.rows))
        new = [(each, source.randbytes(entry.SALT_SIZE)) for each in entries]
        self.rows += new
        self.log.publish([entry.leaf(salt, each) for each, salt in new], at=int(time.time()))

    def mirror(self, *, entries: bool = True, source: Path | None = None) -> fetching.Mirrored:
        """Bring the copy up to the log."""
        from padan.audit.mirror.source import open_source

        with self.copy.locked(), contextlib.closing(open_source(str(source or self.log.folder))) as opened:
            done = fetching.mirror(
                opened,
                self.copy,
                self.policy,
                record=self.record,
                now=time.time(),
                settle=lambda: None,  # the whole machine's disks, once a copy, would be most of a test
            )
            if entries:
                self.fetch()
        return done

    def fetch(self) -> int:
        """Bring the copy's private entries up to its tree; say how many fewer there are."""
        return granting.update(self, self.copy, self.policy, self.record)[1]

    def verify(self, *, anew: bool = False, record: Path | None = None) -> verification.Verified:
        """Check the copy against what was trusted."""
        last = trusted.read(record or self.record, self.policy)
        return verification.verify(self.copy, self.policy, last, anew=anew)

    def item(self, place: int) -> audit_pb2.LogEntry:
        """Give an entry as the service lists it."""
        body, salt = self.rows[place - 1]
        return audit_pb2.LogEntry(sequence=place, entry=body, salt=salt, leaf=self.log.leaves[place - 1])

    def pages(
        self, token: str = "", *, page_size: int = 100
    ) -> Iterator[tuple[str, Sequence[audit_pb2.LogEntry]]]:
        """List what the grant shows; a token is the last place of the page before."""
        last = int(token or 0)
        while True:
            places = [place for place in range(last + 1, len(self.rows) + 1) if self.shown(place)][:page_size]
            yield (str(last) if last else ""), [self.send(self.item(place)) for place in places]
            if len(places) < page_size:
                return
            last = places[-1]
