"""What is known of an installation at one moment.

What could not be asked is `Away`, with the reason. Where it concerns residents there are counts alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifier.expiry import Deadline
    from verifier.vault.epoch import Epoch

T = TypeVar("T")


class ServiceState(enum.StrEnum):
    """What the running service says of itself."""

    READY = "ready"
    NOT_READY = "not ready"
    DOWN = "does not run"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Something that could not be asked, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Keys that wait for custodians.

    Attributes:
        here: shares that have been handed in.
        needed: shares that it takes; 0 where only the key agent knows, which is another service's process.
    """

    here: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service.

    Attributes:
        state: what it says, or that it says nothing.
        reason: why it is not known; empty otherwise.
        workers: worker processes that the settings ask for.
        workers_ready: those that answer.
        answers: given since the processes began; None where nothing could be asked.
        blocked: of these, the answers that a budget blocked.
        refusals: requests refused since then.
        replay_seals: answers sealed under the day's key since then.
        seal: how the key agent waits for custodians' shares; None where it does not.
        uses: by act, what was done with keys since then.
        failed: uses for requests whose entry could not be written.
        beside: by kind, uses of keys that no entry tells of.
    """

    state: ServiceState
    reason: str = ""
    workers: int
    workers_ready: int = 0
    answers: int | None = None
    blocked: int | None = None
    refusals: int | None = None
    replay_seals: int | None = None
    seal: Sealed | None = None
    uses: Mapping[str, int] | None = None
    failed: int = 0
    beside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """The people.

    Attributes:
        epochs: those whose rows are there, by number.
        active: the one that is answered from.
        positions: how far the active one has followed each source of changes.
    """

    epochs: Sequence[Epoch]
    active: Epoch | None
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log, and what of today stands in it.

    Attributes:
        entries: how many there are.
        last_ms: log time of the last one, milliseconds of the Unix epoch; 0 for an empty log.
        published: how many are in the published tree's checkpoint.
        counted: entries of today that were looked at, the newest.
        is_whole: whether these are all of today's.
        alerts: alerts about budgets among them.
        blocked: answers among them that a budget blocked.
        resets: resets of a budget, by officers.
    """

    entries: int
    last_ms: int
    published: int
    counted: int
    is_whole: bool
    alerts: int
    blocked: int
    resets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Affairs:
    """What goes on over days.

    Attributes:
        disputes: that are not resolved.
        late: of these, those whose time is up.
        leader_age: seconds since the leader's last sign of life; None where nobody leads.
        term: the leader's, or of the last one.
        witness_age: seconds since the quorum of witnesses was last there; None where none is asked, or never was.
    """

    disputes: int
    late: int
    leader_age: float | None
    term: int
    witness_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The key agent.

    Attributes:
        handed: processes that got keys since it began.
        living: those of them that run.
    """

    handed: int
    living: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The file system of data_dir, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything.

    Attributes:
        registry: id of the registry.
        environment: of the settings.
        release: of the program that asks.
        at: seconds of the Unix epoch.
        keyring: counter of the keyring's file.
        agent: the key agent; None where none is named.
        ends: what ends within 30 days, the first first, as far as it could be asked.
    """

    registry: str
    environment: str
    release: str
    at: float
    service: Service
    vault: Vault | Away
    log: Log | Away
    affairs: Affairs | Away
    disk: Disk | Away
    keyring: int | Away
    agent: Agent | Away | None
    ends: Sequence[Deadline]

    @property
    def is_well(self) -> bool:
        """Whether the service answers and goes on to, everything could be asked, and no key was used beside the log."""
        parts = (self.vault, self.log, self.affairs, self.disk, self.keyring, self.agent)
        used = any(self.service.beside.values())
        answers = self.service.state is ServiceState.READY and self.service.seal is None and not used
        return answers and not any(isinstance(part, Away) for part in parts)
