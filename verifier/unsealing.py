"""What stands between the key agent and its keys: custodians hand in shares, each the own one, until there are enough.

 1 the caller is a custodian with a registered certificate  2 the request is for the dealing that the keyring is under
 3 the caller is one of its custodians, and the share opens with the key of this process  4 it fits the commitments
 5 once there are enough: the KEK, the keyring, every key of it  6 the entry UNSEALED is committed  7 keys are given out
Where 5 or 6 fails, nothing is given out, the shares are zeroed, and all hand in again. Once the keyring has changed,
custodians come in the same way and the agent takes it up, while it serves what it has. Shares that name an approved
proposal (`verifier.desk`) are gathered for it alone, also while the keys are open: then 6 comes first, and between it
and 5 the proposal is executed (`verifier.execution`). Holds a lock for the time of a call: there are few calls, and one
at a time decides.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from keys import quorum, quorum_provider, ringformat
from keys.errors import KeysError, ShareHereError, ShareRefusedError
from keys.gathering import SECONDS, Gathering
from keys.handing import ShareKey
from keys.provider import quorum_folder
from keys.ringfile import RingFile
from keys.step import ignore
from padan.entry import EntryKind
from padan.v1 import custody_pb2
from verifier import admin_entry, execution, host_keys
from verifier.custody_gate import CustodyGate, parse
from verifier.desk import Desk
from verifier.errors import CallerError, InvalidFieldError, MethodNotAllowedError, OperatorError
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keys.agent import LocalKeyAgent
    from keys.ceremonyfile import CeremonyFile
    from keys.quorum import Generation
    from keys.step import Step
    from verifier.call import Call
    from verifier.config import Settings
    from verifier.identity import Peer

_LOGGER = logging.getLogger("padan.custody")
_ID_SIZE: Final = 32


class ShareError(CallerError):
    """A share is refused; the message names its holder."""

    reason: ClassVar[str] = "SHARE_REFUSED"


class ShareForeignError(CallerError):
    """A share is of another dealing."""

    reason: ClassVar[str] = "SHARE_FOREIGN"


class ShareTwiceError(CallerError):
    """A custodian's share is here already."""

    reason: ClassVar[str] = "SHARE_HERE"


class NotSealedError(CallerError):
    """The keys are open."""

    reason: ClassVar[str] = "NOT_SEALED"


class AgentKeyError(CallerError):
    """The share is sealed to the key of an agent that is no more."""

    reason: ClassVar[str] = "KEY_NOT_CURRENT"


class UnsealFailedError(OperatorError):
    """Enough shares came, and the keys cannot be opened."""

    reason: ClassVar[str] = "UNSEAL_FAILED"


class Seal:
    """The sealed state of one agent's process, and its end.

    Args:
        settings: the settings.
        opened: is given the unlocked keys, and again those of a keyring that has changed.
        desk: the proposals that shares may be handed in for; by default those of the settings' folder.
        seconds: how long shares wait for others.
        wall: wall clock, seconds of the Unix epoch.
        monotonic: monotonic clock, seconds.
        reached: is told each step of a change of the keyring.
    """

    def __init__(
        self,
        settings: Settings,
        opened: Callable[[LocalKeyAgent], object],
        *,
        desk: Desk | None = None,
        seconds: float = SECONDS,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        reached: Callable[[Step], object] = ignore,
    ) -> None:
        """Begin sealed.

        Raises:
            keys.errors.KeysError: there is no keyring, or no quorum for it.
        """
        self._settings = settings
        self._opened = opened
        self._seconds = seconds
        self._monotonic = monotonic
        self._reached = reached
        self._folder = quorum_folder(settings.kek)
        self._gate = CustodyGate(settings, wall=wall)
        self.desk = desk or Desk(settings, wall=wall)
        """The proposals that shares may be handed in for."""
        self._key = ShareKey()
        self._lock = threading.Lock()
        self._came: tuple[str, ...] | None = None
        self._counter = 0
        self._gathering = self._gather(self._generation())
        self._for: dict[bytes, Gathering] = {}
        """Shares for proposals, by id."""

    def reason(self) -> str:
        """Say what is missing, and the next step."""
        with self._lock:
            return (
                f"sealed: {self._gathering.missing}; next: custodians run padan-keys unseal --address "
                f"{self._settings.custody_listen}"
            )

    def shares(self) -> tuple[int, int]:
        """Count the shares that are here and wait, and those that it takes."""
        with self._lock:
            return len(self._gathering.present), self._gathering.generation.threshold

    def expire(self) -> None:
        """Zero shares that waited too long."""
        with self._lock:
            for each in (self._gathering, *self._for.values()):
                if each.expire():
                    _LOGGER.warning("shares waited too long and are forgotten")

    def get_standing(self, call: Call) -> bytes:
        """Answer one GetStanding, serialised.

        Raises:
            VerifierError: the caller may not, or the request is malformed.
        """
        self._gate.custodian(call)
        parse(custody_pb2.GetStandingRequest(), call.raw)
        with self._lock:
            return custody_pb2.GetStandingResponse(standing=self._standing()).SerializeToString()

    def hand_in_share(self, call: Call) -> bytes:
        """Answer one HandInShare, serialised.

        Raises:
            VerifierError: the caller may not, proposal or share is refused, or the keys cannot be opened with it.
        """
        peer = self._gate.custodian(call)  # 1
        request = parse(custody_pb2.HandInShareRequest(), call.raw)
        with self._lock:
            agreed = self._agreed(peer, request.proposal)
            gathering = self._hand_in(peer, request)
            present = gathering.present
            if complete := gathering.is_complete:
                self._open(gathering, agreed)
            return custody_pb2.HandInShareResponse(
                standing=self._standing(),
                present=present if agreed is not None else (),
                executed=complete and agreed is not None,
                seconds_left=round(gathering.seconds_left) if agreed is not None else 0,
            ).SerializeToString()

    def wipe(self) -> None:
        """Zero what is here."""
        with self._lock:
            self._gathering.wipe()
            self._drop_for_proposals()

    def _agreed(self, peer: Peer, proposal: bytes) -> CeremonyFile | None:
        """Find what a share is handed in for; None where it is to open the keys."""
        if not proposal:
            return None
        try:
            return self.desk.executable(proposal)
        except CallerError as error:
            _LOGGER.warning(
                "no share is taken for a proposal", extra={"reason": f"custodian {peer.id}: {error}"}
            )
            raise

    def _hand_in(self, peer: Peer, request: custody_pb2.HandInShareRequest) -> Gathering:
        if self._came is not None and not request.proposal and not self._is_behind():
            raise NotSealedError(f"opened by {', '.join(self._came)}")
        generation = self._renewed()
        if len(request.quorum_id) != _ID_SIZE:
            raise InvalidFieldError("32 bytes", field="quorum_id")
        if request.quorum_id != generation.id:  # 2
            raise ShareForeignError(
                f"the share of {peer.id} is not of generation {generation.number}, which is in use"
            )
        if request.agent_key != self._key.public_key:
            raise AgentKeyError("the key agent was started anew; run padan-keys unseal again")
        try:
            member = generation.number_of(peer.id)  # 3
        except ShareRefusedError as error:
            raise MethodNotAllowedError(str(error)) from error
        gathering = self._gathering_for(request.proposal)
        try:
            share = self._key.open(request.sealed_share, generation, member, request.proposal)
        except ShareRefusedError as error:
            gathering.refuse(member)
            raise self._refuse(peer, error) from error
        try:
            gathering.hand_in(member, share)  # 4
        except ShareHereError as error:
            raise ShareTwiceError(str(error)) from error
        except ShareRefusedError as error:
            raise self._refuse(peer, error) from error
        _LOGGER.info("a share came", extra={"reason": gathering.missing})
        return gathering

    @staticmethod
    def _refuse(peer: Peer, error: ShareRefusedError) -> ShareError:
        _LOGGER.warning("a share was refused", extra={"reason": f"custodian {peer.id}"})
        return ShareError(str(error))

    def _open(self, gathering: Gathering, agreed: CeremonyFile | None) -> None:
        """Open the keys with enough shares; where they are for a proposal, execute it before."""
        told = {
            "custodians": ",".join(gathering.present),
            "threshold": str(gathering.generation.threshold),
            "generation": str(gathering.generation.number),
        }
        if gathering.refused:
            told["refused"] = ",".join(sorted(gathering.refused))
        came = gathering.present
        try:
            agent = self._unlock(gathering, told, agreed)  # 5
        except (KeysError, OperatorError, OSError) as error:
            _LOGGER.exception("enough shares came, and the keys cannot be opened")
            raise UnsealFailedError(
                "the keyring cannot be opened"
                + ("" if agreed is None else ", or the proposal not be executed")
                + "; the agent's messages say why"
            ) from error
        if agreed is None:
            try:
                self._log(told | {"counter": str(agent.keyring_counter)})  # 6
            except BaseException:
                agent.close()
                raise
        self._came, self._counter = came, agent.keyring_counter
        self._opened(agent)  # 7
        self._gathering = self._gather(gathering.generation)
        self._drop_for_proposals()
        _LOGGER.info("unsealed", extra={"reason": f"by {', '.join(came)}"})

    def _unlock(
        self, gathering: Gathering, told: Mapping[str, str], agreed: CeremonyFile | None
    ) -> LocalKeyAgent:
        kek = gathering.combine()
        try:
            if agreed is not None:
                execution.execute(
                    self._settings,
                    kek,
                    gathering.generation,
                    agreed,
                    told=told,
                    log=self._log,
                    reached=self._reached,
                )
            return host_keys.unlock_with(self._settings, kek)
        finally:
            kek.wipe()

    def _log(self, detail: Mapping[str, str]) -> None:
        with contextlib.closing(open_log(self._settings.log_database)) as log:
            admin_entry.append(log, EntryKind.UNSEALED, detail)

    def _gathering_for(self, proposal: bytes) -> Gathering:
        if not proposal:
            return self._gathering
        if proposal not in self._for:
            self._for[proposal] = self._gather(self._gathering.generation)
        return self._for[proposal]

    def _drop_for_proposals(self) -> None:
        for each in self._for.values():
            each.wipe()
        self._for.clear()

    def _generation(self) -> Generation:
        """Find the dealing that the keyring is under."""
        kek_id = ringformat.kek_id(RingFile(self._settings.keyring).read())
        return quorum.generation_of(quorum_provider.read(self._folder), kek_id)

    def _gather(self, generation: Generation) -> Gathering:
        return Gathering(generation, seconds=self._seconds, monotonic=self._monotonic)

    def _is_behind(self) -> bool:
        """Whether the keys are open, and the keyring is another one by now.

        Raises:
            UnsealFailedError: it cannot be read.
        """
        if self._came is None:
            return False
        try:
            return ringformat.peek(RingFile(self._settings.keyring).read()).counter != self._counter
        except KeysError as error:
            _LOGGER.exception("the keyring cannot be read")
            raise UnsealFailedError("the keyring cannot be read") from error

    def _renewed(self) -> Generation:
        """Look whether the keyring is under another dealing by now: then shares of the old one are zeroed."""
        try:
            generation = self._generation()
        except (KeysError, OSError) as error:
            _LOGGER.exception("the keyring or its quorum cannot be read")
            raise UnsealFailedError("the keyring or its quorum cannot be read") from error
        if generation.id != self._gathering.generation.id:
            self._gathering.wipe()
            self._drop_for_proposals()
            self._gathering = self._gather(generation)
        return generation

    def _standing(self) -> custody_pb2.Standing:
        behind = self._is_behind()
        generation = self._renewed() if self._came is None or behind else self._gathering.generation
        gathering = self._gathering
        return custody_pb2.Standing(
            sealed=self._came is None,
            registry_id=generation.realm.registry_id,
            environment=generation.realm.environment,
            generation=generation.number,
            quorum_id=generation.id,
            threshold=generation.threshold,
            custodians=generation.names,
            present=gathering.present if self._came is None or behind else self._came,
            refused=sorted(set(gathering.refused)),
            agent_key=self._key.public_key,
            seconds_left=round(gathering.seconds_left),
            behind=behind,
            awaited=[
                custody_pb2.Awaited(
                    proposal=proposal, present=each.present, seconds_left=round(each.seconds_left)
                )
                for proposal, each in self._for.items()
                if each.present
            ],
        )
