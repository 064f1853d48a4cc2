"""A bundle's files (padan.audit.mirror.proving says which), in a folder or a .zip, whoever made it.

Nothing that is read is believed here, and all of it is bounded before it is read: how many files, how large each is,
and how large they are together. Of a .zip the directory is looked at first, since that is read as a whole, and each
file is unpacked to no more than the size that stands there.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from itertools import islice
from typing import TYPE_CHECKING, Final

from padan.audit.mirror import place
from padan.errors import CopyError, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_FILES: Final = 30_010
"""Three files for each of 10,000 entries, the answer and the checkpoint, and what an archiver adds for folders."""
MAX_FILE: Final = 1 << 26
"""Bytes of the largest file: an answer of many rows."""
MAX_BYTES: Final = 1 << 28
"""Bytes of all files together: 10,000 entries with their proofs are some 40 MB."""
_DIRECTORY_BYTES: Final = 256
"""Of one file in a .zip's directory, with its name, at most on average."""
_END: Final = struct.Struct("<4s6xHL6x")
"""The last record of a .zip that has no comment: its mark, how many files, and the directory's bytes."""
_END_MARK: Final = b"PK\5\6"
_END_64: Final = 20
_END_64_MARK: Final = b"PK\6\7"
"""Before the last record, where a .zip has more files or bytes than that can say."""
_ENCRYPTED: Final = 1
_KINDS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others are unpacked without a bound."""
_UNREADABLE: Final = (OSError, EOFError, ValueError, ArithmeticError, RuntimeError, struct.error, zlib.error)
"""What reading a folder, or a .zip that is damaged or made to do harm, may raise besides zipfile's own."""


def read(bundle: Path) -> dict[str, bytes]:
    """Read every file of a bundle.

    Raises:
        CopyError: it is no bundle, cannot be read, or is larger than any.
    """
    try:
        return _folder(bundle) if bundle.is_dir() else _zip(bundle)
    except (*_UNREADABLE, zipfile.BadZipFile):
        raise no_bundle(bundle, "it cannot be read, or is damaged") from None


def write(target: Path, members: dict[str, bytes]) -> None:
    """Write a bundle, a folder or as its name says a .zip.

    Raises:
        QueryError: it would be larger than what is read.
        SourceError: the disk does not take it.
    """
    if not _fits([len(data) for data in members.values()]):
        raise QueryError(
            f"the bundle would have more than {MAX_BYTES >> 20} MB, or an answer of more than {MAX_FILE >> 20} MB",
            next_step="narrow the report with --from, --until or --agency, or the query with WHERE",
        )
    if target.suffix != ".zip":
        for name, data in members.items():
            place.write(target / name, data)
        return
    new = target.with_name(target.name + ".new")
    with place.guard():
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as sink:
            for name, data in members.items():
                sink.writestr(name, data)
        new.rename(target)


def no_bundle(bundle: Path, why: str) -> CopyError:
    """Make the error of what is no bundle."""
    return CopyError(
        f"{bundle} is no bundle: {why}", next_step="give what --prove wrote, the folder or the .zip"
    )


def _fits(sizes: Sequence[int]) -> bool:
    return len(sizes) <= MOST_FILES and max(sizes, default=0) <= MAX_FILE and sum(sizes) <= MAX_BYTES


def _require_fit(bundle: Path, sizes: Sequence[int]) -> None:
    if not _fits(sizes):
        raise no_bundle(bundle, "it is larger than any bundle")


def _folder(bundle: Path) -> dict[str, bytes]:
    files = list(islice((path for path in bundle.rglob("*") if path.is_file()), MOST_FILES + 1))
    _require_fit(bundle, [path.stat().st_size for path in files])
    return {path.relative_to(bundle).as_posix(): path.read_bytes() for path in sorted(files)}


def _zip(bundle: Path) -> dict[str, bytes]:
    _require_end(bundle)
    with zipfile.ZipFile(bundle) as source:
        infos = source.infolist()
        _require_fit(bundle, [info.file_size for info in infos])
        if any(info.flag_bits & _ENCRYPTED or info.compress_type not in _KINDS for info in infos):
            raise no_bundle(bundle, "it is encrypted, or packed in another way than --prove packs")
        return {info.filename: _unpack(source, info) for info in infos}


def _require_end(bundle: Path) -> None:
    """Require that a .zip ends as those of bundles do: zipfile reads the whole directory that it speaks of there.

    Raises:
        ValueError: it has a comment or further records at its end, or more files than a bundle.
    """
    with bundle.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - _END.size - _END_64))
        tail = file.read()
    mark, count, size = _END.unpack(tail[-_END.size :])
    if mark != _END_MARK or tail[: -_END.size].startswith(_END_64_MARK):
        raise ValueError("not a .zip that a bundle is in")
    if count > MOST_FILES or size > MOST_FILES * _DIRECTORY_BYTES:
        raise ValueError("more files than a bundle has")


def _unpack(source: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Unpack a file, up to the size that the directory gives it; what is longer fails its checksum."""
    with source.open(info) as packed:
        return packed.read(info.file_size)
