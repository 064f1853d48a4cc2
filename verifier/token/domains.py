"""The token domains as this process knows them: with their keys, and with what finds residents behind tokens.

Keys are taken from the agent when they are first asked for, and anew when the keyring has changed or the time of one of
them is over: then nothing new is made with it, though no process was restarted. A version that
another one replaced is accepted for a time of grace, and refused from its end on, whether or not the custodians have
destroyed its key by then. A domain that custodians have ended has no version, and what is asked of it is refused.
"""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Protocol

from keys.errors import KeysError, KeysetEndedError
from keys.purpose import Purpose
from padan import group
from padan.errors import UnavailableError
from padan.group import GroupError
from tokenizer.conversion import Conversions
from tokenizer.enrolment import FOREVER, Enrolment, Enrolments
from tokenizer.enrolment import MAKING as ENROLLING
from tokenizer.token import Domain, Quotients, Tags
from tokenizer.tokenrow import MAKING, TokenRows
from verifier.token.errors import TokensUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.realm import Realm
    from keys.tokenkey import TokenKey
    from keys.tokenkeys import TokenKeys

_DAY = 86_400.0


class Agent(Protocol):
    """What holds the keys."""

    @property
    def realm(self) -> Realm:
        """The keys' registry and environment."""
        ...

    def tokens(self) -> TokenKeys:
        """Give the keys behind agencies' tokens."""
        ...


class Keys:
    """Everything that is made of one state of the keyring; a request works with one of them throughout.

    Elements of one match key mean nothing under the names of another: mixed, a resident who is held would not be found.
    """

    def __init__(self, agent: Agent, grace_days: int) -> None:
        held = agent.tokens()
        self._held, self._grace = held, grace_days * _DAY
        self._quotients = Quotients()
        self.match: TokenKey = held.match()[0]
        self._tags = Tags(agent.realm, held.macs(Purpose.TOKEN_TAG))
        self.rows = TokenRows.of(agent.realm, held, self._quotients)
        self._makes = held.makes(Purpose.TOKEN_TAG, *MAKING)
        self.conversions = Conversions.of(agent.realm, held, self._quotients)
        self._domains: dict[str, Domain] = {}
        self._agent = agent

    @functools.cached_property
    def enrolments(self) -> Enrolments:
        """What names, opens and seals members of enrolment sets.

        Raises:
            TokensUnavailableError: the keys of sets are not there.
        """
        try:
            return Enrolments.of(self._agent.realm, self._held, self._quotients)
        except KeysError as error:
            raise TokensUnavailableError("the keys of enrolment sets cannot be used") from error

    def require_enrolling(self) -> None:
        """See that new enrolments may be written.

        Raises:
            TokensUnavailableError: the time of one of their keys to make something new is over.
        """
        if not self._held.makes(*ENROLLING):
            raise TokensUnavailableError("the time of a key under which enrolments are written is over")

    @functools.cached_property
    def nobody(self) -> tuple[bytes, bytes]:
        """Name and box of an enrolment of nobody that never counts, to be opened where there is none.

        Raises:
            TokensUnavailableError: the keys of sets are not there, or the time of the row-seal key is over.
        """
        decoy = Enrolment(
            element=group.base(group.random_scalar()), category="", domain="", first=FOREVER, last=0
        )
        try:
            return self.enrolments.seal(decoy)
        except KeysError as error:
            raise TokensUnavailableError("the time of the row-seal key to seal is over") from error

    @property
    def until(self) -> float:
        """Second of the Unix epoch until which they may be used as they were taken."""
        return self._held.until

    def domain(self, name: str) -> Domain:
        """Give a domain, whose keys are taken once.

        Raises:
            TokensUnavailableError: it has no key that issues.
        """
        found = self._domains.get(name)
        if found is None:
            try:
                versions = self._held.domain(name)
            except KeysetEndedError:
                versions = ()
            except (KeysError, ValueError) as error:
                raise TokensUnavailableError("the keys of the token domain cannot be used") from error
            found = self._domains[name] = Domain(
                name=name,
                versions={version.number: version.key for version in versions},
                current=versions[0].number if versions else 0,
                ends={
                    version.number: version.replaced.timestamp() + self._grace
                    for version in versions
                    if version.replaced is not None
                },
                tags=self._tags,
                quotients=self._quotients,
                issues=self._makes and all(version.issues for version in versions[:1]),
            )
        return found


class TokenDomains:
    """Gives token domains, and what finds residents behind tokens. Safe to call from many threads.

    Args:
        agent: holds the keys.
        grace_days: how long tokens of a replaced version are accepted.
        wall: seconds of the Unix epoch, by which keys come to the end of their time.
    """

    def __init__(self, agent: Agent, *, grace_days: int, wall: Callable[[], float] = time.time) -> None:
        self._agent = agent
        self._wall = wall
        self._grace_days = grace_days
        self._keys: Keys | None = None
        self._making = threading.Lock()

    def follow(self) -> None:
        """Take the keys anew at the next use: the keyring has changed."""
        with self._making:
            self._keys = None

    def domain(self, name: str) -> Domain:
        """Give a domain.

        Raises:
            TokensUnavailableError: it has no key that issues, or the keys behind all tokens are not there.
        """
        return self.current().domain(name)

    def current(self) -> Keys:
        """Give the keys as they are now.

        Raises:
            TokensUnavailableError: the keys behind all tokens are not there.
        """
        keys, now = self._keys, self._wall()
        if keys is not None and now < keys.until:
            return keys
        with self._making:
            if self._keys is None or now >= self._keys.until:
                try:
                    self._keys = Keys(self._agent, self._grace_days)
                except (KeysError, GroupError, UnavailableError) as error:
                    raise TokensUnavailableError("the keys behind tokens cannot be used") from error
            return self._keys
