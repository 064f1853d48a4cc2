"""The epoch that a request is answered from: its keys, its rows, its versions, pinned for the request's whole way."""

from __future__ import annotations

import datetime as dt
import hmac
import logging
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from google.protobuf import timestamp_pb2

from keys.errors import KeysError
from keys.keyagent import refreshed
from keys.purpose import Purpose
from tokenizer.errors import TokenizerError
from tokenizer.inner import Inner, RecordIds
from tokenizer.outer import Outer
from tokenizer.record import Record
from verifier import answer, head
from verifier.budget import CounterKeys
from verifier.errors import RegistryUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.keyagent import KeyAgent
    from keys.mac import BoundMac
    from padan.nik import Nik
    from tokenizer.codes import CodeLists
    from tokenizer.tokenrow import Named
    from verifier.vault.epoch import Epoch
    from verifier.vault.store import PinnedEpoch as RowsOfEpoch
    from verifier.vault.store import VaultStore

REGISTRY_ZONE = dt.timezone(dt.timedelta(hours=7), "WIB")
"""The zone in which the registry's dates are meant."""

_LOGGER = logging.getLogger("padan.epoch")
_NOBODY = bytes(16)
"""A record id that nobody has, and a request id."""

_AGAIN_SECONDS = 60.0
"""How long a key that is missing is not asked for again: the agent may take seconds to say so, and requests wait."""

ROWS = 2
"""Rows that a request opens: the record's and a decoy's, or two decoys'."""

Row = tuple[bytes, bytes]
RowPair = tuple[Row, Row]


class RowDamagedError(RegistryUnavailableError):
    """A row did not open: an outage and an alarm, never a no.

    Attributes:
        opened: how many rows of the request had been opened.
    """

    def __init__(self, message: str, *, opened: int) -> None:
        super().__init__(message)
        self.opened = opened


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedEpoch:
    """One epoch with the keys that read it.

    Attributes:
        origin: the log's origin, for receipts.
        key_versions: "purpose:key id" of the keys that an answer depends on.
        versions: these and the policy versions, encoded for entries.
        other: names people's records in the other epoch of an inner rotation; None where they have no other names.
    """

    number: int
    as_of: timestamp_pb2.Timestamp
    as_of_field: bytes
    as_of_date: dt.date
    registry_id: str
    origin: str
    key_versions: tuple[str, ...]
    versions: bytes
    inner: Inner
    outer: Outer
    codes: CodeLists
    counter_keys: CounterKeys
    rows: RowsOfEpoch
    decoys: tuple[bytes, ...]
    decoy_pick: BoundMac
    on_damage: Callable[[], None]
    other: RecordIds | None

    def names(self, nik: Nik, record_id: bytes) -> tuple[Named, ...]:
        """Give the names of a number's record, in this epoch and in the other one of an inner rotation.

        Args:
            nik: the number.
            record_id: its name in this epoch.
        """
        own = (self.inner.index_id, record_id)
        return (own,) if self.other is None else (own, (self.other.index_id, self.other.of(nik)))

    def lookup(self, subjects: Sequence[tuple[bytes, bytes]]) -> list[RowPair]:
        """Fetch two rows for each subject: record and decoy, or two decoys.

        Args:
            subjects: the record's inner name and the request id, which picks the decoys.

        Raises:
            RegistryUnavailableError: the vault cannot be read.
        """
        count = len(self.decoys)
        queries: list[tuple[bytes, bytes, bytes]] = []
        for record_id, request_id in subjects:
            pick = self.decoy_pick.mac(request_id)
            first = int.from_bytes(pick[:8], "big") % count
            second = (first + 1 + int.from_bytes(pick[8:16], "big") % (count - 1)) % count
            queries.append((self.outer.token(record_id), self.decoys[first], self.decoys[second]))
        return self.rows.lookup_many(queries)

    def open_pair(self, record_id: bytes, rows: RowPair) -> tuple[Record, bool]:
        """Open both rows and say whether the first is the subject's.

        Raises:
            RowDamagedError: a row does not open, or is not what its place says.
        """
        plains: list[bytes] = []
        try:
            for token, box in rows:
                plains.append(self.outer.open(token, box))
            record, _ = (Record.unpack(plain) for plain in plains)
        except (KeysError, TokenizerError) as error:
            self.on_damage()
            _LOGGER.exception("a row of the vault does not open")
            raise RowDamagedError("the registry's data cannot be read", opened=len(plains)) from error
        return record, hmac.compare_digest(record.r, record_id)


class EpochHolder:
    """Gives each request the active epoch with its keys; follows when another is activated."""

    def __init__(
        self,
        *,
        agent: KeyAgent,
        vault: VaultStore,
        codes: CodeLists,
        on_damage: Callable[[], None] = lambda: None,
    ) -> None:
        self._agent = agent
        self._vault = vault
        self._codes = codes
        self._on_damage = on_damage
        self._loading = threading.Lock()
        self._loaded: PinnedEpoch | None = None
        self._missed = 0, 0.0

    def pin(self) -> PinnedEpoch:
        """Return the active epoch.

        Raises:
            RegistryUnavailableError: none is active, its keys are missing, or the vault cannot be read.
        """
        return self._with_keys(self._vault.pin())

    def probe(self) -> PinnedEpoch:
        """Try the vault as a request would, also while requests are turned away; returns the active epoch.

        Raises:
            RegistryUnavailableError: a request would not be answered.
        """
        epoch = self._with_keys(self._vault.probe())
        epoch.lookup([(_NOBODY, _NOBODY)])
        return epoch

    def _with_keys(self, rows: RowsOfEpoch) -> PinnedEpoch:
        loaded = self._loaded
        if loaded is not None and loaded.rows is rows:
            return loaded
        with self._loading:
            if self._loaded is None or self._loaded.rows is not rows:
                try:
                    self._loaded = refreshed(self._agent, lambda: self._load(rows))
                except KeysError as error:
                    raise RegistryUnavailableError("a key of the active epoch is missing") from error
            return self._loaded

    def _load(self, rows: RowsOfEpoch) -> PinnedEpoch:
        agent, epoch, realm = self._agent, rows.epoch, self._agent.realm
        before = self._loaded
        if before is not None and _same_keys(before.rows.epoch, epoch):
            # It was changed, twice a second while a feed is taken in: keys and decoys are what they were.
            return replace(before, rows=rows, other=self._other(rows), **_time_of(epoch))
        key_ids = epoch.key_ids
        index = agent.mac(Purpose.INDEX, key_ids[Purpose.INDEX])
        inner = Inner.of_agent(
            agent, index_id=key_ids[Purpose.INDEX], attribute_id=key_ids[Purpose.ATTRIBUTE]
        )
        outer = Outer.of_agent(
            agent,
            epoch=epoch.number,
            token_id=key_ids[Purpose.OUTER_TOKEN],
            seal_id=key_ids[Purpose.ROW_SEAL],
        )
        key_versions = tuple(f"{purpose}:{key_id}" for purpose, key_id in sorted(key_ids.items()))
        return PinnedEpoch(
            number=epoch.number,
            **_time_of(epoch),
            registry_id=realm.registry_id,
            origin=f"{realm.registry_id}/{realm.environment}/log",
            key_versions=key_versions,
            versions=head.versions(key_versions, (f"normaliser:{epoch.normaliser}", f"suite:{epoch.suite}")),
            inner=inner,
            outer=outer,
            codes=self._codes,
            counter_keys=CounterKeys(agent.mac(Purpose.BUDGET), realm),
            rows=rows,
            decoys=tuple(outer.tokens([inner.decoy_id(number) for number in range(epoch.decoys)])),
            decoy_pick=index.bind(realm.prefix("decoy-pick")),
            on_damage=self._on_damage,
            other=self._other(rows),
        )

    def _other(self, rows: RowsOfEpoch) -> RecordIds | None:
        """Take the key under which people have other names in an inner rotation.

        What is asked meanwhile needs no such name: where the key is missing the epoch in use goes on without, and a row
        behind a token that lacks one is completed by the rotation.
        """
        own, other = rows.epoch.key_ids[Purpose.INDEX], (rows.other_keys or {}).get(Purpose.INDEX)
        if other is None or other == own:
            return None
        before = self._loaded
        if before is not None and before.other is not None and before.other.index_id == other:
            return before.other
        missed, at = self._missed
        if other == missed and time.monotonic() - at < _AGAIN_SECONDS:
            return None
        try:
            index = refreshed(self._agent, partial(self._agent.mac, Purpose.INDEX, other))
            return RecordIds(self._agent.realm, index)
        except KeysError:
            _LOGGER.exception("the index key of a rotation's other epoch is missing")
            self._missed = other, time.monotonic()
            return None


class _Time(TypedDict):
    """What an epoch's time is in a pinned epoch."""

    as_of: timestamp_pb2.Timestamp
    as_of_field: bytes
    as_of_date: dt.date


def _time_of(epoch: Epoch) -> _Time:
    as_of = timestamp_pb2.Timestamp()
    as_of.FromMilliseconds(epoch.as_of_ms)
    return {
        "as_of": as_of,
        "as_of_field": answer.as_of_field(as_of),
        "as_of_date": dt.datetime.fromtimestamp(epoch.as_of_ms / 1000, REGISTRY_ZONE).date(),
    }


def _same_keys(one: Epoch, other: Epoch) -> bool:
    """Say whether two states of the catalogue are of one epoch, which may have changed meanwhile."""
    return (one.number, one.key_ids, one.decoys, one.normaliser, one.suite) == (
        other.number,
        other.key_ids,
        other.decoys,
        other.normaliser,
        other.suite,
    )
