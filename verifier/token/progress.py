"""How far agencies are with moving tokens to a new version: their own word, for custodians to see before a cut-off.

A row for each domain and older version, written in the commit of the call that tells of it; nothing in it is secret.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from padan.canonical import prefixed
from padan.value import value
from verifier import schema
from verifier.log.beside import NAME_SIZE, Beside, How, Kept

if TYPE_CHECKING:
    from verifier.directory import Directory


@value
class Progress:
    """How far one agency is with one older version of its domain.

    Attributes:
        domain: the token domain.
        old: the version that it moves from.
        new: the version that issues.
        done: tokens that the agency says it has moved; 0 where it says nothing.
        total: tokens that it says there are.
        seconds: of the Unix epoch, when it last called.
    """

    domain: str
    old: int
    new: int
    done: int
    total: int
    seconds: int

    def kept(self) -> Kept:
        """Make the row that a commit writes."""
        name = hashlib.sha256(prefixed("padan/token-progress/1", self.domain, str(self.old))).digest()
        told = {
            "domain": self.domain,
            "old": self.old,
            "new": self.new,
            "done": self.done,
            "total": self.total,
            "seconds": self.seconds,
        }
        box = json.dumps(told, separators=(",", ":")).encode()
        return Kept(beside=Beside.PROGRESS, how=How.PUT, name=name[:NAME_SIZE], box=box)


def read(directory: Directory) -> list[Progress]:
    """Read how far agencies are, by domain and version.

    Raises:
        LogStoreError: the database cannot be read.
    """
    with directory.reading() as connection:
        boxes = connection.execute(select(schema.progress_row.c.box)).scalars().all()
    found = [Progress(**json.loads(bytes(box))) for box in boxes]
    return sorted(found, key=lambda each: (each.domain, each.old))
