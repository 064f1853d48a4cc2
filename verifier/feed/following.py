"""Applies a file of changes, or what a table or a stream has, to an installation, and logs it.

1 read a file, or gather a run of blocks from where the vault says that the source was followed to; nobody is kept out
2 open the vault for changes, for the time of the run alone; somebody else may have taken it in meanwhile. Of a stream,
which has one reader a vault, a run is gathered after that: two at once would take each other's blocks away
3 apply it, with an entry before and one after (verifier.feed.application)
4 let the source go on

Whom a run has erased leaves the vault between later runs, a while at a time.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from keys.realm import Realm
from keys.signing import thumbprint
from verifier import host_keys
from verifier.agreement.sign import public_key
from verifier.feed import document, run
from verifier.feed.application import NOTHING, Application, now_ms
from verifier.feed.errors import FeedGapError, FeedSourceUnavailableError
from verifier.log.open import open_log
from verifier.projector.progress import Silence
from verifier.resident.purge import Purge
from verifier.vault.catalogue import PositionError
from verifier.vault.changer import in_use
from verifier.vault.open import open_catalogue, open_changer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keys.keyagent import KeyAgent
    from verifier.config import Settings
    from verifier.feed.block import BlockSource
    from verifier.feed.run import Run
    from verifier.feed.sync import Summary
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.vault.epoch import Epoch, Followed

_FILE_WAITS_SECONDS = 60.0
_RUN_WAITS_SECONDS = 10.0
"""How long a file, and a run of a table or a stream, wait for another process that changes the vault."""


def realm_of(settings: Settings) -> Realm:
    """Name this registry and environment."""
    return Realm(registry_id=settings.registry_id, environment=settings.environment)


def signers_of(settings: Settings) -> Mapping[str, bytes]:
    """List the keys that are trusted to sign changes: key ids to public keys."""
    return {thumbprint(key): key for key in map(public_key, settings.feed_signers)}


def follow(
    settings: Settings,
    name: str,
    data: bytes,
    *,
    begin: bool = False,
    holds: Mapping[str, int] = NOTHING,
    meter: Meter | None = None,
) -> Summary:
    """Check a file, log that it is about to be applied, apply it, and log what became of it.

    Args:
        settings: the installation's.
        name: of the file, for the log.
        data: the file.
        begin: what was loaded holds everything before the file.
        holds: source to the position up to which what was loaded holds its changes.
        meter: where progress is told.

    Raises:
        FeedError: the file cannot be used, or does not go on where the vault is.
        ServiceError: a database is away.
        ChangesBusyError: another process keeps changing the vault.
        KeysError: the keyring cannot be used.
    """
    feed = document.parse(realm_of(settings), data, signers_of(settings))  # 1
    meter = meter or Silence()
    with closing(host_keys.unlock(settings)) as agent, closing(open_log(settings.log_database)) as log:
        meter.stage("waiting", 0)
        with closing(open_changer(settings.vault_database, patience=_FILE_WAITS_SECONDS)) as vault:  # 2
            application = Application(
                settings=settings, agent=agent, vault=vault, log=log, begin=begin, holds=holds, meter=meter
            )
            summary = application.apply(name, feed)  # 3
        Purge(settings, agent, log, meter=meter).run()
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purging:
    """A purge under way.

    Attributes:
        work: the purge.
        log: takes its entry.
        runs: how many runs' erasures it takes.
    """

    work: Purge
    log: LogStore
    runs: int

    def close(self) -> None:
        """Let go of everything."""
        self.work.close()
        self.log.close()


class Follower:
    """Takes a table or a stream in, run by run. For one thread."""

    def __init__(
        self,
        settings: Settings,
        source: BlockSource,
        *,
        begin: bool = False,
        holds: Mapping[str, int] = NOTHING,
        meter: Meter | None = None,
    ) -> None:
        """Prepare; nothing is opened before the first run.

        Args:
            settings: the installation's.
            source: where the blocks are.
            begin: what was loaded holds everything before the oldest block there is.
            holds: source to the position up to which what was loaded holds its changes. Both are true of the epoch that
                is in use at the first run, and of no later one.
            meter: where progress is told.
        """
        self._settings = settings
        self._source = source
        self._begin = begin
        self._holds = holds
        self._meter = meter or Silence()
        self._realm = realm_of(settings)
        self._signers = signers_of(settings)
        self._keys = ExitStack()
        self._agent: KeyAgent | None = None
        self._epoch = 0
        self._rewound = False
        self._erasing = 1
        """Runs that have erased and are not purged yet; at first one that may have been killed before."""
        self._purging: _Purging | None = None

    def step(self) -> Summary | None:
        """Take in one run; None where nothing new is there now.

        Raises:
            FeedError: the next block cannot be used; names it. Everything before it is in.
            ServiceError: a database or the source is away.
            ChangesBusyError: another process keeps changing the vault.
            PositionError: another process has taken the run in, or another epoch came into use meanwhile.
            KeysError: the keyring cannot be used.
        """
        while True:
            found, summary = self._take()
            self._settle(found.taken)  # 4
            if summary is not None:
                return summary
            if not found.taken:
                return None

    def _take(self) -> tuple[Run, Summary | None]:
        """Gather a run and apply it."""
        found: Run | None = None
        told: dict[str, Followed] = {}
        with closing(open_catalogue(self._settings.vault_database)) as catalogue:
            epoch = in_use(catalogue)
            self._keys_for(epoch)  # may ask for a passphrase, so before anybody is kept out
            self._go_to_begin(is_new=not catalogue.sources(epoch.number))
            if not self._source.has_one_reader:
                found = self._gather(_noting(partial(catalogue.followed, epoch.number), told))  # 1
                if found.feed is None:
                    return found, None
        self._meter.stage("waiting", 0)
        with (
            closing(open_changer(self._settings.vault_database, patience=_RUN_WAITS_SECONDS)) as vault,
            closing(open_log(self._settings.log_database)) as log,
        ):  # 2
            epoch = vault.epoch()
            agent = self._keys_for(epoch)
            if found is None:
                found = self._gather(partial(vault.followed, epoch))  # 1
            if found.feed is None:
                return found, None
            source = found.feed.source
            if source in told and vault.followed(epoch, source) != told[source]:
                raise PositionError(
                    f"{source} was followed by another process, or another epoch came into use"
                )
            application = Application(
                settings=self._settings,
                agent=agent,
                vault=vault,
                log=log,
                begin=self._begin,
                holds=self._holds,
                meter=self._meter,
            )
            # Until it says otherwise: of a run that is cut off nobody hears whom it has erased.
            self._erasing += 1
            summary = application.apply(self._source.name, found.feed, blocks=found.blocks)  # 3
            if not summary.erased:
                self._erasing -= 1
            self._rewound = False
            return found, summary

    def purge(self, seconds: float = math.inf) -> None:
        """Purge whom runs have erased; at first also whom one did that was killed before it came to that.

        It opens every row of the vault, a nation's in an hour; the erased are answered as such meanwhile. What is not
        done within the time goes on with the next call.

        Args:
            seconds: how long.

        Raises:
            ServiceError: a database is away.
            ChangesBusyError: another process changes the vault.
            KeysError: a key may not be used.
        """
        if self._agent is None or not self._erasing:
            return
        # One that fails is over, and the next begins anew.
        under_way, self._purging = self._purging or self._begin_purging(self._agent), None
        with ExitStack() as ending:
            ending.callback(under_way.close)
            if under_way.work.turn(seconds):
                self._erasing -= under_way.runs
            else:
                self._purging = under_way
                ending.pop_all()

    def _begin_purging(self, agent: KeyAgent) -> _Purging:
        log = open_log(self._settings.log_database)
        work = Purge(self._settings, agent, log, patience=_RUN_WAITS_SECONDS, meter=self._meter)
        return _Purging(work=work, log=log, runs=self._erasing)

    def _stop_purging(self) -> None:
        """Let go of a purge under way; the next one begins anew."""
        if self._purging is not None:
            self._purging.close()
            self._purging = None

    def _settle(self, taken: int) -> None:
        if not taken:
            return
        try:
            self._source.settle(taken)
        except FeedSourceUnavailableError:
            self.disconnect()  # what is in the vault may come again; the next run says what is wrong

    def disconnect(self) -> None:
        """Let go of the source; the next run connects again."""
        self._source.close()
        self._rewound = False

    def close(self) -> None:
        """Let go of everything."""
        self._stop_purging()
        self._source.close()
        self._keys.close()

    def _go_to_begin(self, *, is_new: bool) -> None:
        """Read from the oldest block where that is to be the first, however far the epoch before had read.

        Args:
            is_new: the epoch has followed nothing yet.
        """
        if is_new and (self._begin or self._holds) and not self._rewound:
            self._rewound = self._source.rewind()

    def _gather(self, followed: Callable[[str], Followed]) -> Run:
        def goes_on(source: str) -> Followed:
            return run.held(followed(source), self._holds.get(source, 0))

        gatherer = run.Gatherer(realm=self._realm, signers=self._signers, now_ms=now_ms(), begin=self._begin)
        while True:
            try:
                with closing(self._source.blocks(goes_on)) as blocks:
                    return gatherer.gather(blocks, goes_on)
            except FeedGapError:
                # A stream that was read further than this vault was followed, for example before a restore.
                if self._rewound or not self._source.rewind():
                    raise
                self._rewound = True

    def _keys_for(self, epoch: Epoch) -> KeyAgent:
        """Unlock the keyring, and again for another epoch: it may have keys that were made since."""
        if self._agent is None or epoch.number != self._epoch:
            if self._agent is not None:
                self._begin, self._holds = False, NOTHING
            self._stop_purging()
            self._keys.close()
            self._agent = None
            agent = host_keys.unlock(self._settings)
            self._keys.callback(agent.close)
            self._agent, self._epoch = agent, epoch.number
        return self._agent


def _noting(followed: Callable[[str], Followed], told: dict[str, Followed]) -> Callable[[str], Followed]:
    """Remember what was said of each source."""

    def note(source: str) -> Followed:
        told[source] = followed(source)
        return told[source]

    return note
