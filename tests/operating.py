"""The operator's desk: commands on an installation, in this process, and what stands in the log then."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from padan.cli import console
from padan.entry import EntryKind, Field, decode
from tests.simulator.terminal import run
from verifier.cli import custodian
from verifier.cli.failure import translate
from verifier.cli.server import main
from verifier.log.open import open_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from tests.simulator.terminal import Ended


def operate(installation: Installation, *words: object, code: int = 0) -> str:
    """Run padan-server; give its output, or its errors where it is to fail."""
    done = run(main, "--config", str(installation.config_path), *map(str, words))
    assert done.code == code, (done.code, done.out, done.err)
    return done.err if code else done.out


def padan_keys(*words: object, stdin: bytes = b"") -> Ended:
    """Run padan-keys without what its script does first: to protect its process, for good, and this one runs on."""
    return run(lambda: console.run(custodian.build(), translate), *map(str, words), stdin=stdin)


def details(installation: Installation, kind: EntryKind) -> list[dict[str, str]]:
    """Read what the log's entries of a kind say."""
    with closing(open_log(installation.settings.log_database)) as log:
        rows = [row for row in log.entries(0, 100_000) if row.kind == kind]
    return [dict(text.split("=", 1) for text in decode(row.entry).texts(Field.DETAIL)) for row in rows]


def appoint(installation: Installation, *names: str) -> list[Path]:
    """Make officers' keys and trust them."""
    keys = [installation.root / f"{name}.key" for name in names]
    for key in keys:
        operate(installation, "officer", "keygen", "--out", key)
        operate(installation, "officer", "trust", key.with_suffix(".pub"))
    return keys
