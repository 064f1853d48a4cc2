"""What holds unlocked keys, for those who use them: keys come as objects that compute and never as bytes.

A key does what its purpose says and nothing else; new things are made only by active keys within their cryptoperiod,
old things are read until the second end of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from keys.errors import KeysError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from keys.block import BlockKey
    from keys.cryptoperiod import Alarm
    from keys.keyset import PublicKey
    from keys.mac import MacKey
    from keys.outer import EpochKeys, OuterKeys
    from keys.period import Period
    from keys.probekey import ProbeKeys
    from keys.purpose import Purpose
    from keys.realm import Realm
    from keys.seal import RingSeal, SealKey
    from keys.signing import Signer
    from keys.templatekey import TemplateKeys
    from keys.tokenkeys import TokenKeys


_T = TypeVar("_T")


class KeyAgent(Protocol):
    """What holds unlocked keys and works with them for others."""

    @property
    def realm(self) -> Realm:
        """The keys' registry and environment."""
        ...

    @property
    def keyring_counter(self) -> int:
        """Counter of the unlocked keyring; logged, so that a keyring that was put back shows."""
        ...

    def key_id(self, purpose: Purpose) -> int:
        """Give the id of the key that makes new things.

        Raises:
            KeyNotFoundError: the purpose has no primary key.
            KeyExpiredError: its time to make new things is over.
        """
        ...

    def mac(self, purpose: Purpose, key_id: int | None = None) -> MacKey:
        """Give a MAC key: the primary one, or one by id for what exists under it.

        Raises:
            KeyUseError: the purpose has no MAC keys.
            KeyNotFoundError: no such key.
            KeyStateError: its state or cryptoperiod does not allow this.
        """
        ...

    def block(self, purpose: Purpose, key_id: int, info: bytes) -> BlockKey:
        """Derive an outer token key; errors as `mac`."""
        ...

    def seal_key(self, purpose: Purpose, key_id: int, info: bytes, *, sealed: int = 0) -> SealKey:
        """Derive a row seal key, which has sealed so many boxes before; errors as `mac`."""
        ...

    def outer(self, epoch: EpochKeys, *, sealed: int = 0) -> OuterKeys:
        """Derive both keys of a vault table's outer layer; errors as `mac`."""
        ...

    def replay_seal(self, day: int, *, sealed: int = 0) -> RingSeal:
        """Derive a day's replay keys: the primary one seals, every living one opens; errors as `mac`."""
        ...

    def tokens(self) -> TokenKeys:
        """Give the keys behind agencies' tokens."""
        ...

    def templates(self, key_id: int | None = None) -> TemplateKeys:
        """Give what derives the keys of enrolments: of the primary key, or of one by id; errors as `mac`."""
        ...

    def signer(self, purpose: Purpose) -> Signer:
        """Give the primary signing key; errors as `mac`."""
        ...

    def signers(self, purpose: Purpose) -> list[Signer]:
        """Give the primary signing key and after it every other active one; errors as `mac`."""
        ...

    def public_keys(self) -> tuple[PublicKey, ...]:
        """List all public keys of the keyring, also of keys that are no more."""
        ...

    def open_period(self) -> Period:
        """Open a new audit period.

        Raises:
            AuditorsKeyError: there is no auditors' key, or none that this environment may use.
        """
        ...

    def next_period(self, current: Period | None) -> Period:
        """Give the period to use now: the current one while it may be used, else another.

        Where another one's envelope is not `logged`, the caller commits it before first use, inside `announcing`.

        Raises:
            AuditorsKeyError: as `open_period`.
            KeyAgentAwayError: the agent does not answer, and the current one has ended.
        """
        ...

    def announcing(self, period: Period) -> AbstractContextManager[None]:
        """Log a period's envelope inside the block; where that fails, it is left to another."""
        ...

    def next_probes(self, current: ProbeKeys | None) -> ProbeKeys:
        """Give the probe keys to use now: the current ones while the first of them is to be told, else others.

        Raises:
            KeyNotFoundError, KeyExpiredError: there is no receipt-signing key that could sign another.
            KeyAgentAwayError: the agent does not answer, and there is none that opens.
        """
        ...

    def alarms(self) -> tuple[Alarm, ...]:
        """List the keys whose time is up, or will be within 30 days."""
        ...

    def refresh(self) -> bool:
        """Take up a keyring that was changed since; says whether there is another one.

        Raises:
            CustodianError: it cannot be used; what the agent holds stays.
            KeyAgentAwayError: the agent does not answer.
        """
        ...


def refreshed(agent: KeyAgent, take: Callable[[], _T]) -> _T:
    """Take keys; those that custodians made since the agent was filled are fetched first.

    Args:
        agent: that the keys come from.
        take: takes them.

    Raises:
        KeysError: a key is missing or may not be used, also after the keyring was looked at again.
    """
    try:
        return take()
    except KeysError:
        if not agent.refresh():
            raise
    return take()
