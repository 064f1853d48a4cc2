"""Collects the cosignatures of the policy's witnesses, and keeps in the log's database when the quorum was last there.

All witnesses are asked at once, each over a connection of its own that stays open. Who is slow or away delays nobody:
the lines are given as soon as the quorum is there and the others had a moment, and at the latest when the time is over.
While nothing new is published, the duty has the last checkpoint cosigned again, so that an idle log does not look like
one without witnesses, and witnesses that come back are seen at once.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from padan.errors import LogError, LogSignatureError
from padan.tlog import note, policy
from padan.tlog.note import Note
from verifier.errors import OperatorError
from verifier.tree import witnessed
from verifier.tree.cosigner import Asked, asking_again
from verifier.tree.folder import TreeFolder
from verifier.tree.witness_link import WitnessError, WitnessLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from padan.tlog.note import Line, VerifierKey
    from padan.tlog.policy import Policy
    from verifier.config import Settings
    from verifier.leader import Mandate
    from verifier.log.store import LogStore

EVERY: Final = 2.0
"""Seconds between two turns of the duty."""
ASK_SECONDS: Final = 2.0
"""How long a witness has for one exchange."""
MOMENT: Final = 0.25
"""How long the others are waited for once the quorum is there, in seconds."""
RENEW_SECONDS: Final = 20.0
"""Age of the quorum's last cosignature from which an idle log asks again."""
WRITE_SECONDS: Final = 30.0
"""How far the time in the database may stay behind."""

_LOGGER = logging.getLogger("padan.tree")


class WitnessPolicyError(OperatorError):
    """The file of witness_policy cannot be used."""


def read_policy(path: Path) -> Policy:
    """Read the policy.

    Raises:
        WitnessPolicyError: it cannot be read, is none, or its quorum cannot be reached at the addresses in it.
    """
    try:
        found = policy.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, LogError) as error:
        raise WitnessPolicyError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not found.met({witness.key for witness in found.witnesses.values() if witness.url}):
        raise WitnessPolicyError(
            f"{path}: too few of the quorum's witnesses have an address behind their key"
        )
    return found


def of_settings(settings: Settings, log: LogStore) -> Cosigning | None:
    """Make what asks the witnesses that the settings name; None where they name none.

    Raises:
        WitnessPolicyError, WitnessUrlError: the policy cannot be used.
    """
    if settings.witness_policy is None:
        return None
    folder = TreeFolder(settings.tree_folder)
    return Cosigning(read_policy(settings.witness_policy), log=log, published=lambda: published_in(folder))


def published_in(folder: TreeFolder) -> Asked | None:
    """Read the published checkpoint as the log alone has signed it; None where there is none.

    Raises:
        TreeStoreError: the folder cannot be read.
        LogFormatError: what is published is no checkpoint.
    """
    data = folder.checkpoint()
    if data is None:
        return None
    return asking_again(note.parse(data), folder.read)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a witness has given last.

    Attributes:
        text: of the checkpoint.
        line: checked.
        at: when it came, seconds of the Unix epoch by this process's clock.
    """

    text: str
    line: Line
    at: float


def quorum_at(
    trusted: Policy, collected: Mapping[VerifierKey, Collected], text: str, lines: Sequence[Line]
) -> float | None:
    """Say when the quorum was there, by a checkpoint as it is published: None where whoever reads it does not see one.

    What stands there counts as of the time at which its witness was last heard. The witnesses' own times do not count:
    one whose clock is wrong would refuse what it cosigns, or be there for ever.

    Args:
        trusted: the policy.
        collected: what each witness has given last.
        text: the checkpoint's.
        lines: of the published checkpoint.
    """
    ours = {key: each for key, each in collected.items() if each.text == text}
    standing = set(lines)
    others = tuple(standing - {each.line for each in ours.values()})  # of a busy log the log's own alone
    try:
        verified = note.verify(Note(text, others), [each.key for each in trusted.witnesses.values()])
    except LogSignatureError:
        return None
    known = {each.key for each in verified}
    heard = {key: each.at for key, each in ours.items() if each.line in standing or key in known}
    for at in sorted(set(heard.values()), reverse=True):
        if trusted.met({key for key in heard if heard[key] >= at}):
            return at
    return None


class Published(Protocol):
    """Gives the published checkpoint to a leader that has just begun; None where there is none."""

    def __call__(self) -> Asked | None:
        """Give it."""
        ...


class _Round:
    """One checkpoint, and the lines that have come for it."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.lines: dict[VerifierKey, Line] = {}
        self.changed = threading.Condition()

    def take(self, key: VerifierKey, line: Line | None) -> None:
        with self.changed:
            self.waiting -= 1
            if line is not None:
                self.lines[key] = line
            self.changed.notify_all()


class Cosigning:
    """The log's witnesses. It is the cosigner of the sequencer, and a duty of the leader."""

    def __init__(
        self,
        trusted: Policy,
        *,
        log: LogStore,
        published: Published = lambda: None,
        seconds: float = ASK_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nobody is asked yet.

        Args:
            trusted: the policy.
            log: whose database keeps when the quorum was last there.
            published: gives the published checkpoint where none was asked for yet.
            seconds: for one exchange.
            now: seconds of the Unix epoch.

        Raises:
            WitnessUrlError: an address cannot be used.
        """
        self._policy = trusted
        self._links = [
            WitnessLink(name, witness.key, witness.url)
            for name, witness in trusted.witnesses.items()
            if witness.url
        ]
        self.required = trusted.quorum != policy.NONE
        self._log = log
        self._published = published
        self._seconds = seconds
        self._now = now
        self._asking = threading.Lock()
        self._going_on = threading.Lock()
        self._last: Asked | None = None
        self._collected: Mapping[VerifierKey, Collected] = {}
        self._there_at = 0.0
        self._there = False
        self._said: bool | None = None
        self._written: tuple[int, float] | None = None
        self._silent: dict[str, str] = {}
        self._late: tuple[str, list[Line]] = ("", [])

    def __call__(
        self, text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]
    ) -> list[Line]:
        """Collect the lines of witnesses for a checkpoint, as many as come in time.

        Args:
            text: the checkpoint's text, with its last newline.
            signed: the note as the log has signed it.
            size: leaves of the checkpoint.
            consistency: gives the consistency proof from an older size, 0 (then empty) to `size`.
        """
        with self._asking:
            asked = Asked(text, signed, size, consistency)
            self._go_on_from(asked)
            return self._ask(asked)

    def turn(self, mandate: Mandate) -> None:
        """Keep the quorum's time: ask again where it is missing or grows old, and write it down.

        What comes is published by the sequencer's next turn, and counts from then.

        Raises:
            LeaderLostError: another process leads.
            LogUnavailableError: it cannot be written now.
        """
        now = self._now()
        self._there_at = min(self._there_at, now)  # the clock may have been put back since
        old = now - self._there_at >= RENEW_SECONDS
        if (old or not self._there) and self._asking.acquire(
            blocking=False
        ):  # else it is being asked just now
            try:
                asked = self._last or self._published()
                if asked is not None:
                    self._late = asked.text, self._ask(asked)
            finally:
                self._asking.release()
        self._write(mandate)

    def suffices(self, lines: Sequence[Line]) -> bool:
        """Say whether these lines, which were collected, are the quorum's."""
        names = {(line.name, line.key_id) for line in lines}
        return self._policy.met({link.key for link in self._links if (link.key.name, link.key.id) in names})

    def published(self, asked: Asked, lines: Sequence[Line]) -> None:
        """Take what is published now: with the quorum's lines it moves the quorum's time, else it is asked for again.

        Args:
            asked: the checkpoint.
            lines: as they stand in it.
        """
        self._go_on_from(asked)
        at = quorum_at(self._policy, self._collected, asked.text, lines) if self.required else self._now()
        if at is not None:
            self._there_at = at
        # Lines of before may still make up the quorum, as of their time; that it is back only new ones say.
        self._there = at is not None and self._now() - at < RENEW_SECONDS
        if self._there:
            self._say(there=True)

    def late(self, text: str) -> list[Line]:
        """Give the lines that the duty has collected for the published checkpoint, once."""
        found, lines = self._late
        if not lines or found != text:
            return []
        self._late = "", []
        return lines

    def close(self) -> None:
        """Let go of every connection."""
        for link in self._links:
            link.close()

    def _ask(self, asked: Asked) -> list[Line]:
        round_ = _Round(len(self._links))
        for link in self._links:
            asking = threading.Thread(
                target=self._ask_one, args=(link, asked, round_), name=f"witness {link.name}", daemon=True
            )
            asking.start()
        began = time.monotonic()
        with round_.changed:
            while round_.waiting:
                spent = time.monotonic() - began
                bound = MOMENT if self._policy.met(round_.lines) else self._seconds
                if spent >= bound:
                    break
                round_.changed.wait(bound - spent)
            lines = dict(round_.lines)
        now = self._now()
        fresh = {key: Collected(asked.text, line, now) for key, line in lines.items()}
        self._collected = {**self._collected, **fresh}  # another thread may read it
        if not self.required:
            self._there_at = now
        if not self._policy.met(lines):
            self._there = False
            self._say(there=False)
        return list(lines.values())

    def _ask_one(self, link: WitnessLink, asked: Asked, round_: _Round) -> None:
        line: Line | None = None
        reason = ""
        try:
            line = link.cosign(asked, seconds=self._seconds)
        except WitnessError as error:
            reason = str(error)
        except Exception as error:  # a fault of ours with one witness is none of the others'
            _LOGGER.exception("a witness could not be asked")
            reason = type(error).__name__
        round_.take(link.key, line)
        if self._silent.get(link.name, "") != reason:
            self._silent[link.name] = reason
            if reason:
                _LOGGER.warning("a witness does not cosign", extra={"reason": f"{link.name}: {reason}"})
            else:
                _LOGGER.info("a witness cosigns again", extra={"reason": link.name})

    def _go_on_from(self, asked: Asked) -> None:
        """Ask for this one from now on, unless a later one is known: witnesses do not go back."""
        with self._going_on:
            if self._last is None or self._last.size <= asked.size:
                self._last = asked

    def _say(self, *, there: bool) -> None:
        if there == self._said:
            return
        self._said = there
        if there:
            _LOGGER.info("the quorum of witnesses is there")
        else:
            _LOGGER.error("the quorum of witnesses is missing: classes of data will be refused in time")

    def _write(self, mandate: Mandate) -> None:
        now = self._now()
        if self._written is not None:
            term, written = self._written
            if term == mandate.term and written <= now and self._there_at - written < WRITE_SECONDS:
                return
        with self._log.transaction() as transaction:
            transaction.fence(mandate.term)
            stored = witnessed.parse(transaction.setting(witnessed.NAME))
            # Where there was none the bound begins now, and not anew with each process; so it does, once, where the
            # time is still to come: the clock of whoever wrote it was ahead, and nothing would be refused until then.
            newest = max(self._there_at, now if stored is None or stored > now else stored)
            if newest != stored:
                transaction.set_setting(witnessed.NAME, witnessed.text(newest))
        self._written = mandate.term, newest
