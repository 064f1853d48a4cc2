"""Five ways to lie, each by somebody who owns the database or the web server; each is found, with its place."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.audit.audit import TREE
from deploy.demo.installation import AUDITOR, OPERATOR
from padan.tlog import note
from padan.tlog.note import Algorithm, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.audit.audit import Audit

TITLE = "five ways to lie"
PLACE = 777
_FAKE = "fake"
_COLUMNS = "entry, salt, leaf, sequence, kind, agency, purpose, outcome, log_time_ms"
_NO, _STATE = 1, 4


def play(audit: Audit) -> None:
    """Lie, and look on as it is found."""
    stage = audit.stage
    for number, lie in enumerate((_edit, _drop, _flip, _roll_back, _sign_again), 1):
        stage.say(f"{number}. {lie.__doc__}")
        lie(audit)
    stage.say("And the log as it is, untouched, still holds:")
    stage.run(AUDITOR, f"padan-audit mirror {TREE} copy --policy policy --entries --timeout 30")


def _edit(audit: Audit) -> None:
    """The operator changes an entry in the database."""
    statement = "UPDATE entry SET entry = ? WHERE sequence = ?"
    entry: bytes = _row(audit)[0]
    _sql(audit, statement, (entry[:-1] + bytes([entry[-1] ^ 1]), PLACE))
    _expect_found(audit, TREE, "edited", "--entries --timeout 30")
    audit.stage.run(OPERATOR, "padan-server log check", code=_STATE)
    _sql(audit, statement, (entry, PLACE))


def _drop(audit: Audit) -> None:
    """The operator removes an entry, as if nobody had asked."""
    row = _row(audit)
    _sql(audit, "DELETE FROM entry WHERE sequence = ?", (PLACE,))
    audit.stage.run(AUDITOR, f"padan-audit mirror {TREE} dropped --policy policy --entries --timeout 30")
    audit.stage.run(AUDITOR, "padan-audit verify dropped --policy policy --complete", code=_NO)
    audit.stage.run(OPERATOR, "padan-server log check", code=_STATE)
    marks = ",".join("?" * len(row))
    _sql(audit, f"INSERT INTO entry ({_COLUMNS}) VALUES ({marks})", row)  # noqa: S608 - our own names


def _flip(audit: Audit) -> None:
    """Whoever runs the web server changes a leaf that is published."""
    tree = _fake_tree(audit)
    bundle = next(iter(sorted((tree / "tile" / "entries").rglob("*00*"))))
    data = bytearray(bundle.read_bytes())
    data[40] ^= 1
    bundle.write_bytes(data)
    _expect_found(audit, f"../{_FAKE}/tree", "flipped")


def _roll_back(audit: Audit) -> None:
    """The operator puts back the tree of an hour ago, which was signed and cosigned."""
    audit.stage.run(AUDITOR, "padan-audit mirror older-tree copy --policy policy", code=_NO)


def _sign_again(audit: Audit) -> None:
    """The operator tells the log anew, and signs it with another key under the same name."""
    tree = _fake_tree(audit)
    text = note.parse((tree / "checkpoint").read_bytes()).text
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(text.partition("\n")[0], Algorithm.LOG, private.public_key().public_bytes_raw())
    (tree / "checkpoint").write_bytes(note.join(text, [note.sign(text, key, private.sign)]))
    _expect_found(audit, f"../{_FAKE}/tree", "signed-again")


def _row(audit: Audit) -> tuple[Any, ...]:
    with _log(audit) as log:
        found: tuple[Any, ...] = log.execute(
            f"SELECT {_COLUMNS} FROM entry WHERE sequence = ?",  # noqa: S608 - our own names
            (PLACE,),
        ).fetchone()
    return found


@contextmanager
def _log(audit: Audit) -> Iterator[sqlite3.Connection]:
    path = audit.folder(OPERATOR) / "data" / "log.sqlite"
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        yield connection


def _sql(audit: Audit, statement: str, values: tuple[object, ...]) -> None:
    audit.stage.prompt(OPERATOR, f'sqlite3 data/log.sqlite "{statement}"')
    with _log(audit) as log:
        log.execute(statement, values)


def _fake_tree(audit: Audit) -> Path:
    tree = audit.folder(_FAKE) / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(audit.folder(OPERATOR) / "data" / "tree", tree)
    return tree


def _expect_found(audit: Audit, source: str, copy: str, options: str = "") -> None:
    audit.stage.run(
        AUDITOR, f"padan-audit mirror {source} {copy} --policy policy {options}".rstrip(), code=_NO
    )
