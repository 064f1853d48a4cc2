"""What custodians do with a keyring: make it, move its keys through their states, check it.

Every change is one function of the same four steps: 1 lock, read and check the keyring and its history 2 compute the
new keyring 3 write the history's lines, durably 4 write the keyring, durably. A crash before 4 leaves the old keyring,
and the lines of a change that did not happen are overwritten by the next one. Where there is a roster, step 2 demands a
ceremony that as many custodians as it says have approved (`keys.keyceremony`), and 3 writes who they were before what
they changed. Custodians who hold the KEK together and have unlocked it here agree by that: their keys are open, and
sign what is done. Destroying a key also renews the KEK: the survivors are wrapped anew and the old KEK goes, so that an
old copy of the keyring gives nothing back to whoever has the new KEK.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keys import cryptoperiod, events, findings, keyceremony, ringformat, together
from keys.errors import KeyProposalError
from keys.keyceremony import EXECUTED, ROSTER_SET, Register, Sitting
from keys.keychange import Action, Change, carry_out
from keys.keyset import Keyring
from keys.provider import SharedKekProvider
from keys.purpose import RULES, KeysetName, Purpose
from keys.ringfile import RingFile
from keys.ringkeys import require_intact, rewrap
from keys.roster import Roster
from keys.session import Session
from keys.state import KeyState
from keys.step import Step, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from keys.ceremonyfile import CeremonyFile
    from keys.cryptoperiod import Alarm
    from keys.events import Event
    from keys.kek import Kek
    from keys.provider import KekProvider
    from keys.realm import Realm
    from keys.signing import Signing


def _now() -> datetime:
    return datetime.now(UTC)


class Custody:
    """A keyring file and the provider of its KEK.

    Args:
        path: the keyring.
        provider: who holds the KEK.
        actor: the account that acts, for the history.
        now: wall clock, UTC.
        reached: is told each step of a change.
    """

    def __init__(
        self,
        *,
        path: Path,
        provider: KekProvider,
        actor: str,
        now: Callable[[], datetime] = _now,
        reached: Callable[[Step], object] = ignore,
    ) -> None:
        self._file = RingFile(path, reached=reached)
        self._reached = reached
        self._provider = provider
        self._actor = actor
        self._now = now
        self.events_path = events.path_beside(path)

    def create(self, realm: Realm, *, custodians: Mapping[str, str] | None = None) -> Keyring:
        """Make a keyring with an active primary key for every initial purpose.

        Whether one custodian may do this outside development is asked before; here it is recorded.

        Args:
            realm: the registry and environment.
            custodians: who holds the KEK together, for the history.

        Raises:
            KeyringExistsError: a keyring, a history or a KEK is there already.
        """
        with self._file.lock():
            self._file.refuse_existing()
            RingFile(self.events_path).refuse_existing()
            kek = self._provider.create()
            ring, at = Keyring(realm=realm, counter=0, kek_id=kek.id), self._moment()
            session = Session(ring=ring, kek=kek, at=at, sitting=self._sitting(b"", ring, at))
            session.say(
                "keyring-created",
                registry=realm.registry_id,
                environment=realm.environment,
                provider=self._provider.uri.partition(":")[0],
            )
            if self._provider.single_custodian:
                session.say("single-custodian", environment=realm.environment)
            if custodians:
                session.say("custodians-set", **custodians)
            for purpose in (purpose for purpose in Purpose if RULES[purpose].initial):
                key_id = session.make(purpose)
                session.move(purpose, key_id, KeyState.ACTIVE)
                session.prefer(purpose, key_id)
            return self._write(session)

    def read(self) -> Keyring:
        """Read and check the keyring, and its history with it.

        Raises:
            CustodianError: the keyring, its KEK or its history cannot be used; the subclass says why.
        """
        ring, _, _ = self._read()
        events.read(self.events_path, ring)
        return ring

    def history(self) -> tuple[Event, ...]:
        """Read and check the history.

        Raises:
            CustodianError: as `read`.
        """
        ring, _, _ = self._read()
        return events.read(self.events_path, ring)

    def sitting(self) -> Sitting:
        """Say what proposals are held against: the roster, what has ended, and the keyring as it is.

        Raises:
            CustodianError: as `read`.
        """
        data = self._file.read()
        ring, _ = ringformat.decode(data, self._provider.unlock())
        return self._sitting(data, ring, self._moment())

    def agree(self, what: Change | Roster) -> CeremonyFile | None:
        """Let those sign who have unlocked the KEK together, for `execute`; None where one custodian alone decides.

        Raises:
            RosterStandsError: a roster stands, and too few of it are here.
            CustodianError: as `read`.
        """
        sitting = self.sitting()
        return together.agree(sitting, what, self._here()) if sitting.register.roster is not None else None

    def add(self, purpose: KeysetName) -> tuple[Keyring, int]:
        """Make a new pre-active key; return the keyring and the key's id."""
        return self.alone(Change(action=Action.CREATE, purpose=purpose))

    def activate(self, purpose: KeysetName, key_id: int, *, primary: bool = False) -> Keyring:
        """Activate a key; the first active one of its purpose, or one that is asked to, becomes primary.

        Raises:
            TransitionError: not a legal step.
        """
        change = Change(action=Action.ACTIVATE, purpose=purpose, key_id=key_id, primary=primary)
        return self.alone(change)[0]

    def deactivate(self, purpose: KeysetName, key_id: int) -> Keyring:
        """Let a key make nothing new.

        Raises:
            TransitionError: not a legal step, or the key is primary.
        """
        return self.alone(Change(action=Action.DEACTIVATE, purpose=purpose, key_id=key_id))[0]

    def compromise(self, purpose: KeysetName, key_id: int, *, reason: str) -> Keyring:
        """Declare a key compromised; a primary key stops being primary.

        Raises:
            TransitionError: not a legal step.
        """
        change = Change(action=Action.COMPROMISE, purpose=purpose, key_id=key_id, text=reason)
        return self.alone(change)[0]

    def rotate(self, purpose: KeysetName) -> tuple[Keyring, int]:
        """Put a new primary key in the place of the present one; what the old one made stays readable.

        Raises:
            TransitionError, KeyNotFoundError: keys of this purpose are not replaced by themselves; or there is none.
        """
        return self.alone(Change(action=Action.ROTATE, purpose=purpose))

    def destroy(self, purpose: KeysetName, key_id: int) -> Keyring:
        """Destroy a key and renew the KEK, so that no copy of the keyring gives the key back.

        Raises:
            TransitionError: not a legal step.
        """
        return self.alone(Change(action=Action.DESTROY, purpose=purpose, key_id=key_id))[0]

    def hand_on(self, roster: Roster) -> Keyring:
        """Let other custodians decide from now on, as those agree who are here; where they hold the KEK, deal it anew.

        Raises:
            RosterStandsError: too few are here to agree.
            CustodianError: the keyring cannot be changed, or the new shares not be proven; the old ones stand.
        """
        with self._change(roster) as session:
            self._set_roster(session, roster)
        return session.ring

    def succeed(self, purposes: Sequence[KeysetName]) -> Keyring:
        """Make a new primary key for each of some purposes, beside the present one, which stays active.

        For keys of an epoch, which is moved to the new ones while it is answered from under the old ones.
        """
        first, *others = purposes
        made = tuple((purpose, 0) for purpose in others)
        return self.alone(Change(action=Action.SUCCEED, purpose=first, others=made))[0]

    def retire(self, keys: Sequence[tuple[KeysetName, int]]) -> Keyring:
        """Destroy keys of several purposes in one step, also active ones, and renew the KEK; who is destroyed stays so.

        Raises:
            TransitionError: one of them is primary.
        """
        (purpose, key_id), *others = keys
        change = Change(action=Action.RETIRE, purpose=purpose, key_id=key_id, others=tuple(others))
        return self.alone(change)[0]

    def export(
        self, purpose: KeysetName, key_id: int, *, recipient: str, agreed: CeremonyFile | None = None
    ) -> tuple[Keyring, Kek]:
        """Record that a key is about to be exported, durably, and give what `keys.export` needs.

        Args:
            purpose: of the key.
            key_id: the key.
            recipient: where it goes.
            agreed: the ceremony that says so, where a roster stands.

        Raises:
            KeyNotFoundError: no such key, or its material is gone.
            KeyProposalError: the ceremony is about something else.
        """
        change = Change(action=Action.EXPORT, purpose=purpose, key_id=key_id, text=recipient)
        if agreed is not None and keyceremony.subject(agreed.proposal) != change:
            raise KeyProposalError("the proposal is not to export this key to this place")
        with self._change(change, agreed) as session:
            carry_out(session, change)
        return session.ring, session.kek

    def execute(self, agreed: CeremonyFile) -> tuple[Keyring, int]:
        """Do once what custodians have agreed on; return the keyring and the key's id, 0 where it is about none.

        Raises:
            CeremonyEndedError: it has expired, is outdated, was cancelled, or was executed already.
            CustodiansMissingError: approvals are missing.
            KeyProposalError: the proposal was edited, is malformed, or is one to export a key.
            TransitionError: not a legal step.
        """
        what = keyceremony.subject(agreed.proposal)
        if isinstance(what, Change) and what.action is Action.EXPORT:
            raise KeyProposalError("a key is exported by padan-keys export-secret --agreed FILE")
        key_id = 0
        with self._change(what, agreed) as session:
            if isinstance(what, Roster):
                self._set_roster(session, what)
            else:
                key_id = self._carry_out(session, what)
        return session.ring, key_id

    def close(self, ended: CeremonyFile) -> str:
        """Record that a proposal was cancelled or has expired; return the line's name.

        Raises:
            ProposalOpenError: it is neither.
            CeremonyEndedError: that is recorded already, or it was executed.
            KeyProposalError: as `execute`.
        """
        with self._session() as session:
            found, name = keyceremony.ending(session.sitting, ended)
            session.say_all(keyceremony.lines(session.sitting, ended, found, name))
        return name

    def check(self) -> tuple[Keyring, tuple[Alarm, ...], tuple[findings.Finding, ...]]:
        """Check everything that can be checked: the keyring, each key, the history, the backup, the cryptoperiods.

        Raises:
            CustodianError: the keyring, a key, the KEK or the history is not what it must be.
        """
        ring, kek, keks = self._read()
        require_intact(ring, kek)
        events.read(self.events_path, ring)
        found = findings.find(ring, keks, (self._file.path, self.events_path))
        return ring, cryptoperiod.alarms(ring, now=self._now()), tuple(found)

    def _here(self) -> tuple[Signing, ...]:
        return self._provider.signers() if isinstance(self._provider, SharedKekProvider) else ()

    def _renew(self, session: Session, *, holders: Roster | None = None) -> None:
        """Wrap the keys under a new KEK; where custodians hold it together, deal it to these, or to the same again."""
        holders = holders or session.sitting.register.roster
        if holders is not None and isinstance(self._provider, SharedKekProvider):
            self._provider.hand_on(holders)
        new = self._provider.renew()
        session.ring = rewrap(session.ring, session.kek, new)
        session.kek = new
        session.say("kek-renewed", kek=new.id)

    def _read(self) -> tuple[Keyring, Kek, tuple[Kek, ...]]:
        return self._opened(self._file.read())

    def _opened(self, data: bytes) -> tuple[Keyring, Kek, tuple[Kek, ...]]:
        keks = self._provider.unlock()
        ring, kek = ringformat.decode(data, keks)
        return ring, kek, keks

    def _set_roster(self, session: Session, roster: Roster) -> None:
        """Let others decide from now on; where they hold the KEK together too, they get shares of a new one."""
        if isinstance(self._provider, SharedKekProvider):
            self._renew(session, holders=roster)
            names = ",".join(each.name for each in roster.custodians)
            session.say("custodians-set", custodians=names, threshold=str(roster.threshold))
            self._prove(session)
        elif roster.holds_shares:
            raise KeyProposalError("the roster has keys for shares of the KEK, and this KEK is not shared")
        session.say(ROSTER_SET, roster=roster.text, threshold=str(roster.threshold))

    def _prove(self, session: Session) -> None:
        """Open the keyring as it will be written with what the provider gives for it now, and each key of it."""
        data = ringformat.encode(session.ring, session.kek)
        require_intact(*ringformat.decode(data, self._provider.unlock()))

    def alone(self, change: Change) -> tuple[Keyring, int]:
        """Carry out a change that nobody has proposed, as one custodian or as those agree who are here."""
        with self._change(change) as session:
            key_id = self._carry_out(session, change)
        return session.ring, key_id

    def _carry_out(self, session: Session, change: Change) -> int:
        before = session.ring
        if change.ending is not None:
            change.ending.require_due(session.sitting.now)
        key_id = carry_out(session, change)
        if change.renews_kek and session.ring is not before:
            self._renew(session)
        return key_id

    @contextlib.contextmanager
    def _change(self, what: Change | Roster, agreed: CeremonyFile | None = None) -> Iterator[Session]:
        """Change the keyring, as several have agreed where there is a roster: before, or here and now."""
        with self._session() as session:
            if agreed is None and session.sitting.register.roster is not None:
                agreed = together.agree(session.sitting, what, self._here())
            if agreed is not None:
                found = keyceremony.standing(session.sitting, agreed)
                keyceremony.require_approved(found)
                session.say_all(keyceremony.lines(session.sitting, agreed, found, EXECUTED))
            yield session

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        with self._file.lock():
            data = self._file.read()  # 1
            ring, kek, keks = self._opened(data)
            at = self._moment()
            sitting = self._sitting(data, ring, at)
            if len(keks) > 1 or self._is_cut_off(kek):
                self._settle(kek)  # a renewal was cut off; the keyring says which KEK it ended up under
            session = Session(ring=ring, kek=kek, at=at, sitting=sitting)
            yield session  # 2
            session.ring = self._write(session)
            if session.kek is not kek:
                self._settle(session.kek)

    def _sitting(self, data: bytes, ring: Keyring, at: datetime) -> Sitting:
        holders = None
        if isinstance(self._provider, SharedKekProvider) and data:
            holders = self._provider.roster(ring.kek_id)
        register = Register.of(events.read(self.events_path, ring), holders=holders)
        base = keyceremony.base_of(ring.realm, data)
        return Sitting(realm=ring.realm, register=register, base=base, now=int(at.timestamp()))

    def _is_cut_off(self, kek: Kek) -> bool:
        """Whether the backup is under another KEK: a renewal that wrote the keyring has not retired the old KEK."""
        backup = self._file.backup
        return backup.exists() and ringformat.kek_id(backup.read_bytes()) != kek.id

    def _settle(self, kek: Kek) -> None:
        """Keep one KEK alone; the backup goes last, since one under another KEK says that this was cut off."""
        if not isinstance(self._provider, SharedKekProvider):
            self._file.forget()  # two KEKs say it too, and systemd's old one is left behind by an error
        self._provider.retire(kek.id)
        self._file.forget()

    def _write(self, session: Session) -> Keyring:
        ring, lines = session.ring, session.lines(self._actor)
        head = events.append(self.events_path, ring, lines)  # 3
        self._reached(Step.HISTORY_WRITTEN)
        written = ring.written(events=ring.events + len(lines), events_head=head)
        self._file.write(ringformat.encode(written, session.kek))  # 4
        return written

    def _moment(self) -> datetime:
        return self._now().astimezone(UTC).replace(microsecond=0)
