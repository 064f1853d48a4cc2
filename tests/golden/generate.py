"""Write a golden installation, as the code of today writes it: for the code of later days to read.

Usage, from the top of the tree: python -m tests.golden.generate NUMBER

Writes tests/golden/NUMBER: `formats.json`, the number of every format that is kept; `installation.tar.gz`, an
installation that has lost its databases, with its backup, its mirror and its head, a feed and a ceremony; and
`expected.json`, what is in them; `pieces.tar.gz` and `pieces.json`, likewise of what is kept besides. Run it with the
next number whenever a format changes, and keep those before: what they hold must stay readable. The people are made up,
and the passphrase protects nothing.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keys import ceremony, ceremonyfile
from padan.v1 import verification_pb2_grpc
from tests.golden.kept import formats
from tests.golden.pieces import PIECES
from tests.installation import install
from tests.integration.feeding import NEWCOMER, SIGNER, comparable, feed
from tests.operating import appoint, operate
from tests.people import BUDI, SARI
from tests.service import request, running
from verifier import officers
from verifier.agreement import signkey
from verifier.chain import start
from verifier.cli.trust import load_key
from verifier.feed.following import follow
from verifier.headfile import Extent
from verifier.log.open import open_log
from verifier.loss import Loss, propose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.installation import Installation

HERE = Path(__file__).parent
KEPT = ("padan.toml", "passphrase", "kek.json", "keyring.json", "keyring.events.jsonl", "auditors.pub")
FOLDERS = ("backup", "mirror", "head", "files")
NUMBERS = [BUDI["NIK"], SARI["NIK"], NEWCOMER["NIK"]]


def plain(value: object) -> Any:
    """Give what JSON can hold; bytes in hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return repr(value)


def people_of(installation: Installation) -> Any:
    """Read what the vault holds of the golden people, as much of it as the first golden installation says."""
    found = comparable(installation, NUMBERS)
    return plain({nik: held[:4] if isinstance(held, tuple) else None for nik, held in found.items()})


def log_of(installation: Installation) -> list[list[Any]]:
    """Read the log: kind and leaf of each entry."""
    with closing(open_log(installation.settings.log_database)) as log:
        return [[row.kind, row.leaf.hex()] for row in log.entries(0, 100_000)]


def build(root: Path) -> tuple[Installation, dict[str, Any]]:
    """Make the installation, and lose its databases."""
    for name in FOLDERS[1:]:
        (root / name).mkdir(parents=True)
    installation = install(
        root,
        extra='head_store = "head"\nlog_mirror = "mirror"\n'
        f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )
    one, two = appoint(installation, "ani", "bayu")
    with running(installation) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        stub.Verify(request(), timeout=10)
        applied = feed(installation, 0, {"change": "new", "row": NEWCOMER})
        follow(installation.settings, "first.feed", applied)
        operate(installation, "backup", "create", root / "backup")
        question = request()
        answer = stub.Verify(question, timeout=10)
    (root / "files" / "first.feed").write_bytes(applied)
    next_feed = feed(installation, 1, {"change": "deceased", "row": {**SARI, "STATUS_HIDUP": "2"}})
    (root / "files" / "next.feed").write_bytes(next_feed)
    loss = _ceremony(installation, one, two)
    expected = {
        "people": people_of(installation),
        "log": log_of(installation),
        "answer": answer.SerializeToString(deterministic=True).hex(),
        "request_id": question.request_id,
        "ceremony": loss,
    }
    shutil.rmtree(installation.settings.data_dir)
    return installation, expected


def _ceremony(installation: Installation, one: Path, two: Path) -> dict[str, Any]:
    """Propose and approve what is never executed."""
    realm, signers = installation.realm, [load_key(key, use=signkey.OFFICER) for key in (one, two)]
    proposal = propose(
        Loss(head=None, head_keyring=0, log=Extent(*start(realm)), keyring=1),
        needed=officers.NEEDED,
        proposer=signers[0].key_id,
        now=int(time.time()),
    )
    opened = ceremonyfile.CeremonyFile(proposal=proposal)
    for signer in signers:
        opened = opened.with_voice(ceremony.approve(realm, proposal, signer))
    (installation.root / "files" / "loss.json").write_bytes(ceremonyfile.encode(realm, opened))
    return {"id": proposal.id(realm).hex(), "words": officers.describe(proposal)}


def write_pieces(root: Path) -> dict[str, Any]:
    """Write every piece; gives what is in them, as it is read from a copy."""
    said: dict[str, Any] = {}
    for name, piece in PIECES.items():
        (root / name).mkdir(parents=True)
        piece.write(root / name)
        with tempfile.TemporaryDirectory() as folder:
            said[name] = piece.read(shutil.copytree(root / name, Path(folder) / "piece"))
    return said


def pack(root: Path, paths: Iterable[Path], folders: Iterable[str]) -> bytes:
    """Pack files, and those of folders, the same bytes for the same files."""
    packed = io.BytesIO()
    paths = [*paths, *sorted(path for name in folders for path in (root / name).rglob("*") if path.is_file())]
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=9) as archive:
        for path in paths:
            info = tarfile.TarInfo(str(path.relative_to(root)))
            info.size, info.mode = path.stat().st_size, 0o600
            with path.open("rb") as file:
                archive.addfile(info, file)
    return packed.getvalue()


def main() -> None:
    """Write the next golden installation."""
    target = HERE / sys.argv[1]
    target.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "installation"
        _, expected = build(root)
        (target / "installation.tar.gz").write_bytes(pack(root, [root / name for name in KEPT], FOLDERS))
        pieces = Path(folder) / "pieces"
        said = write_pieces(pieces)
        (target / "pieces.tar.gz").write_bytes(pack(pieces, [], PIECES))
    for name, content in (("formats", formats()), ("expected", expected), ("pieces", said)):
        (target / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
