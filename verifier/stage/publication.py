"""Publishing a stage's report: first into the log, by its digest, then as files."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from keys.realm import Realm
from padan.entry import EntryKind
from padan.version import VERSION
from tokenizer import normalise, record
from tokenizer.suite import SUITE
from verifier import admin_entry
from verifier.log.open import open_log
from verifier.stage import signature
from verifier.stage.errors import ReportFileError
from verifier.stage.report import Origin, StageReport, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from keys.signing import Signer
    from verifier.config import Settings

FOLDER: Final = "stages"
"""Folder of reports whose place nobody names, in the data folder."""
_MARKDOWN: Final = ".md"


def origin(settings: Settings) -> Origin:
    """Say what a stage is run against."""
    return Origin(
        registry_id=settings.registry_id,
        environment=settings.environment,
        release=VERSION,
        versions={
            "normaliser": normalise.VERSION,
            "suite": str(SUITE.number),
            "record": str(record.FORMAT),
        },
        settings_sha256=_digest(settings),
    )


def publish(settings: Settings, made: StageReport, *, out: Path | None, signer: Signer | None) -> Path:
    """Log a report and write it, its Markdown and its signature.

    Args:
        settings: of the installation.
        made: the report.
        out: where it shall stand, .json; None is a file in the data folder.
        signer: an officer's key; None for no signature.

    Returns:
        The report's file; beside it NAME.md and NAME.json.sig.

    Raises:
        ReportFileError: a file is there already, or cannot be written.
        LogUnavailableError: the log cannot be written; nothing else is.
    """
    path = out or settings.data_dir / FOLDER / f"{made.stage}-{made.began:%Y%m%dT%H%M%S}.json"
    document = made.document()
    files = {path: document, path.with_suffix(_MARKDOWN): made.markdown()}
    if signer is not None:
        realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
        files[signature_of(path)] = signature.sign(realm, document, signer)
    require_free(*files)
    with closing(open_log(settings.log_database)) as log:
        admin_entry.append(
            log,
            EntryKind.STAGE_REPORTED,
            {"stage": made.stage.value, "verdict": made.verdict, "report": sha256(document)},
        )
    for file, data in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        except OSError as error:
            raise ReportFileError(f"{file}: cannot be written ({error.strerror})") from error
    return path


def require_free(*files: Path) -> None:
    """Refuse to write over a report.

    Raises:
        ReportFileError: one of the files is there.
    """
    for file in files:
        if file.exists():
            raise ReportFileError(f"{file}: there is a file already")


def signature_of(path: Path) -> Path:
    """Name the file of a report's signature."""
    return path.with_name(path.name + signature.SUFFIX)


def _digest(settings: Settings) -> str:
    """Hash the settings; a password in them would be tried against the digest, so it stays out."""
    values = settings.model_dump(mode="json")
    for name in ("log_url", "vault_url"):
        if "://" in values[name]:
            values[name] = str(sa.make_url(values[name]).set(password=None))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
