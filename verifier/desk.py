"""The desk: proposals about the keyring that wait for custodians who are apart, on the key host, one file each.

A file is the one that goes from hand to hand among custodians who sit together, so commands on the key host take it as
it lies. Signatures are checked and added, none is ever removed. What ended by itself (executed, its time over, the
keyring written since) is removed at the next call; what custodians have cancelled lies until then, so that no copy
without their signatures takes its place. A file is on the disk before its custodian is answered.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from keys import ceremonyfile, events, keyceremony, merging, table
from keys.ceremony import State
from keys.errors import (
    CeremonyEndedError,
    CustodiansMissingError,
    KeyNotFoundError,
    KeysError,
    NoRosterError,
    NotCustodianError,
    ProposalFormatError,
    TransitionError,
)
from keys.keychange import Action, Change
from keys.keydiff import rehearse
from keys.provider import QUORUM, quorum_folder
from keys.quorum_provider import FILE
from keys.ringfile import RingFile
from verifier.errors import CallerError, InvalidFieldError, RegistryUnavailableError
from verifier.folders import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from keys.ceremonyfile import CeremonyFile
    from keys.table import Table
    from verifier.config import Settings

FOLDER: Final = "proposals"
MOST_OF_ONE: Final = 4
"""Proposals of one custodian that may lie here; with 16 custodians all of them fit one answer of 4 MiB."""
_READINGS: Final = 3
_LOGGER = logging.getLogger("padan.custody")


class ProposalRefusedError(CallerError):
    """A proposal, or a signature under it, is not what custodians may put here."""

    reason: ClassVar[str] = "PROPOSAL_REFUSED"


class ProposalOverError(CallerError):
    """A proposal has ended, or is not here."""

    reason: ClassVar[str] = "PROPOSAL_ENDED"


class ProposalNotReadyError(CallerError):
    """A proposal cannot be executed with shares from afar, or not yet."""

    reason: ClassVar[str] = "PROPOSAL_NOT_READY"


class Papers:
    """The keyring, its history and its quorum's public file, as they lie on this host.

    Args:
        settings: name them.
        wall: wall clock, seconds of the Unix epoch.
    """

    def __init__(self, settings: Settings, *, wall: Callable[[], float] = time.time) -> None:
        self._keyring = RingFile(settings.keyring)
        self._history = events.path_beside(settings.keyring)
        shared = settings.kek.startswith(f"{QUORUM}:")
        self._quorum = quorum_folder(settings.kek) / FILE if shared else None
        self._wall = wall

    @property
    def may_change(self) -> bool:
        """Whether this process can write them."""
        return os.access(self._keyring.path.parent, os.W_OK) and os.access(self._history, os.W_OK)

    def keyring(self) -> bytes:
        """Read the keyring alone.

        Raises:
            KeyringMissingError: there is none.
        """
        return self._keyring.read()

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Read keyring, history and quorum's file, of one moment; what is no file is empty.

        Raises:
            RegistryUnavailableError: they cannot be read.
        """
        try:
            for _ in range(_READINGS):
                keyring = self._keyring.read()
                history = self._history.read_bytes()
                quorum = self._quorum.read_bytes() if self._quorum is not None else b""
                if self._keyring.read() == keyring:
                    return keyring, history, quorum
        except (KeysError, OSError) as error:
            _LOGGER.exception("the keyring, its history or its quorum cannot be read")
            raise RegistryUnavailableError("the keyring cannot be read") from error
        raise RegistryUnavailableError("the keyring is being written")

    def table(self) -> Table:
        """Say what proposals are held against.

        Raises:
            RegistryUnavailableError: the files cannot be read, or do not fit.
        """
        keyring, history, quorum = self.read()
        try:
            return table.lay(
                keyring,
                history,
                holders=lambda kek_id: table.holders_in(quorum, kek_id),
                now=int(self._wall()),
            )
        except KeysError as error:
            _LOGGER.exception("keyring, history and quorum do not fit")
            raise RegistryUnavailableError("the keyring cannot be read") from error


class Desk:
    """The proposals that lie on this host.

    Args:
        settings: name the folder, and the keyring that they are about.
        wall: wall clock, seconds of the Unix epoch.
    """

    def __init__(self, settings: Settings, *, wall: Callable[[], float] = time.time) -> None:
        self.papers = Papers(settings, wall=wall)
        self._folder = settings.data_dir / FOLDER
        self._lock = threading.Lock()

    def path(self, proposal: bytes) -> Path:
        """Say where a proposal lies."""
        return self._folder / f"{proposal.hex()}.json"

    def proposals(self) -> tuple[bytes, ...]:
        """Give the files of all proposals that have not ended by themselves, of the oldest first.

        Raises:
            RegistryUnavailableError: the keyring cannot be read.
        """
        with self._lock:
            at = self.papers.table()
            lying = sorted(
                self._lying(at).values(), key=lambda file: (file.proposal.created, file.proposal.nonce)
            )
            return tuple(ceremonyfile.encode(at.sitting.realm, file) for file in lying)

    def put(self, data: bytes) -> tuple[bytes, bytes]:
        """Take a proposal, or more signatures under one; give its id, and the file as it lies here now.

        Raises:
            InvalidFieldError: it is no proposal's file, or another registry's.
            ProposalRefusedError: it was edited, is signed by nobody who decides, or its proposer has too many here.
            ProposalOverError: it has ended.
            RegistryUnavailableError: the keyring cannot be read.
            OSError: the disk refuses; what lies here is as it was.
        """
        with self._lock:
            at = self.papers.table()
            realm = at.sitting.realm
            try:
                offered = ceremonyfile.decode(realm, data)
            except ProposalFormatError as error:
                raise InvalidFieldError(str(error), field="proposal") from error
            lying, name = self._lying(at), offered.proposal.id(realm)
            kept = lying.get(name)
            merged = _merged(at, kept, offered)
            if _is_over(at, merged):
                raise ProposalOverError("the proposal has ended")
            if kept is None:
                _require_room(lying, merged)
            file = ceremonyfile.encode(realm, merged)
            if merged != kept:
                make_folder(self._folder, mode=0o700)
                RingFile(self.path(name), keep_last=False).write(file)
            return name, file

    def executable(self, proposal: bytes) -> CeremonyFile:
        """Give a proposal that shares may be handed in for.

        Raises:
            ProposalOverError: none is here, or it has ended.
            ProposalNotReadyError: approvals are missing, or it is none that shares from afar can execute.
            RegistryUnavailableError: the keyring cannot be read.
        """
        with self._lock:
            at = self.papers.table()
            file = self._lying(at).get(proposal)
        if file is None:
            raise ProposalOverError("no proposal of this id is here, or it has ended")
        try:
            keyceremony.require_approved(keyceremony.standing(at.sitting, file))
        except CeremonyEndedError as error:
            raise ProposalOverError(str(error)) from error
        except CustodiansMissingError as error:
            raise ProposalNotReadyError(str(error)) from error
        what = keyceremony.subject(file.proposal)
        if not isinstance(what, Change) or what.renews_kek:
            raise ProposalNotReadyError(
                "it renews the KEK, and new shares are dealt to custodians at one table: padan-keys execute FILE"
            )
        if what.action is Action.EXPORT:
            raise ProposalNotReadyError(
                "a key leaves at the key host: padan-keys export-secret --agreed FILE"
            )
        try:
            rehearse(at.ring, what)
        except (TransitionError, KeyNotFoundError) as error:
            raise ProposalNotReadyError(str(error)) from error
        if not self.papers.may_change:
            raise ProposalNotReadyError(
                "the service may not write the keyring and its folder, on the key host"
            )
        return file

    def _lying(self, at: Table) -> dict[bytes, CeremonyFile]:
        """Read what lies here, by id; what has ended by itself goes, and what is none is left alone and told."""
        found: dict[bytes, CeremonyFile] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                file = ceremonyfile.decode(at.sitting.realm, path.read_bytes())
                is_over = _is_over(at, file)
            except (KeysError, OSError):
                _LOGGER.exception("a proposal's file cannot be used", extra={"path": str(path)})
                continue
            if is_over:
                path.unlink(missing_ok=True)
                _LOGGER.info("a proposal has ended", extra={"reason": path.stem})
                continue
            found[file.proposal.id(at.sitting.realm)] = file
        return found


def _is_over(at: Table, file: CeremonyFile) -> bool:
    """Whether no copy can be executed any more, whatever signatures it lacks."""
    sitting, proposal = at.sitting, file.proposal
    return (
        keyceremony.standing(sitting, file).state is State.EXPIRED
        or proposal.id(sitting.realm).hex() in sitting.register.ended
        or proposal.base != sitting.base
        or sitting.now >= proposal.expires
    )


def _merged(at: Table, kept: CeremonyFile | None, offered: CeremonyFile) -> CeremonyFile:
    try:
        return merging.merge(at.sitting, kept, offered)
    except CeremonyEndedError as error:
        raise ProposalOverError(str(error)) from error
    except (ProposalFormatError, NotCustodianError, NoRosterError) as error:
        raise ProposalRefusedError(str(error)) from error


def _require_room(lying: Mapping[bytes, CeremonyFile], new: CeremonyFile) -> None:
    theirs = [file for file in lying.values() if file.proposal.proposer == new.proposal.proposer]
    if len(theirs) >= MOST_OF_ONE:
        raise ProposalRefusedError(
            f"{MOST_OF_ONE} proposals of this proposer lie here already; each goes when it is executed, its time is "
            "over, or the keyring is written"
        )
