"""Golden pieces that auditors and witnesses keep."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from padan import auditors, envelope
from padan.audit import cli
from padan.audit.keyfile import OwnShare
from padan.audit.mirror import belief, proving, trusted
from padan.audit.partfile import fold, own_part
from padan.witness.book import Book, Evidence, Latest
from tests import auditing
from tests.copies import Auditor, many
from tests.golden.said import said
from tests.simulator.terminal import run

MOMENT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
PERIOD: Final = bytes(range(16))
PERIOD_KEY: Final = bytes(range(32))
SQL: Final = "SELECT sequence, officer FROM entries WHERE officer = 'desk-1' ORDER BY sequence"


def write_key(folder: Path) -> None:
    """Write the auditors' key as all of them have signed it."""
    (folder / "auditors.key").write_bytes(auditing.make().file)


def read_key(folder: Path) -> Any:
    """Read it, and check every signature."""
    key = auditors.decode((folder / "auditors.key").read_bytes())
    return said([key.place, key.threshold, key.public, key.key_id, key.roster])


def write_envelope(folder: Path) -> None:
    """Seal a period to the auditors; their shares stand beside it."""
    write_key(folder)
    made = auditing.make()
    (folder / "envelope").write_bytes(envelope.seal(PERIOD_KEY, period_id=PERIOD, key=made.key))
    (folder / "shares.json").write_text(json.dumps(said(made.shares)))


def read_envelope(folder: Path) -> Any:
    """Let two auditors open the period."""
    key = auditors.decode((folder / "auditors.key").read_bytes())
    found = envelope.parse((folder / "envelope").read_bytes())
    shares = [bytes.fromhex(each) for each in json.loads((folder / "shares.json").read_text())]
    own = [OwnShare(number=number, secret=bytearray(shares[number - 1])) for number in (1, 3)]
    parts = {each.number: own_part(each, [found]) for each in own}
    shared = fold(parts, found.element, key.threshold)
    assert shared is not None
    return said([found.key_id, found.period_id, envelope.unseal(found, shared, key=key)])


def _copied(folder: Path, *words: str) -> Auditor:
    """Make a log and an auditor's copy of it."""
    made = Auditor.begin(folder, many(40))
    made.mirror()
    if words:
        done = run(cli.main, *words[:1], str(made.copy.folder), *words[1:], "--policy", str(made.policy_file))
        assert done.code == 0, done.err
    return made


def write_bundle(folder: Path) -> None:
    """Prove an answer from an auditor's copy."""
    with tempfile.TemporaryDirectory() as place:
        made = _copied(Path(place), "query", SQL, "--prove", str(folder / "bundle.zip"))
        shutil.copy(made.policy_file, folder / "policy")


def read_bundle(folder: Path) -> Any:
    """Check it as whoever has the policy does."""
    return said(proving.check(folder / "bundle.zip", belief.load_policy(folder / "policy")))


def write_record(folder: Path) -> None:
    """Write down what a copy was trusted for."""
    with tempfile.TemporaryDirectory() as place:
        made = _copied(Path(place))
        shutil.copy(made.record, folder / "copy.trusted")
        shutil.copy(made.policy_file, folder / "policy")


def read_record(folder: Path) -> Any:
    """Read it."""
    found = trusted.read(folder / "copy.trusted", belief.load_policy(folder / "policy"))
    return said([found.note, found.holding])


def write_book(folder: Path) -> None:
    """Keep a log's latest checkpoint, and a refusal."""
    latest = Latest(origin="golden/log", size=7, root=PERIOD_KEY, signed=b"a note", time=1_790_000_000)
    refused = Evidence(
        origin="golden/log",
        kind="fork",
        time=1_790_000_001,
        known=b"a note",
        refused=b"another",
        proof="old 7",
    )
    with closing(Book(folder / "book.sqlite", create=True)) as book, book.turn() as turn:
        turn.advance(latest)
        assert turn.keep(refused)


def read_book(folder: Path) -> Any:
    """Read it."""
    with closing(Book(folder / "book.sqlite")) as book:
        return said([book.logs(), book.evidence()])
