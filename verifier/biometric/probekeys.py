"""The probe keys in use in this process: what GetServiceInfo tells, and what opens probes.

The key agent of the host makes them (keys/probekey.py); a service of one process makes its own. They are asked for each
minute, and at once where a probe is sealed to a key that this process has not heard of yet: another worker may have
told it. A key that is over, or that the agent no longer names, is zeroed.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from keys.errors import KeysError, ProbeKeyOverError
from padan import sealing, servicekey
from padan.v1 import verification_pb2
from verifier.biometric.refusals import ProbeKeyEndedError
from verifier.errors import RegistryUnavailableError
from verifier.housekeeping import Duty

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from keys.keyagent import KeyAgent
    from keys.probekey import ProbeKey, ProbeKeys
    from padan.sealing import Recipient

RENEW_SECONDS: Final = 60.0
"""How often `renew` is called as a duty."""
ASK_SECONDS: Final = 1.0
"""How often the agent is asked at most because a probe names an unknown key, so that nobody can keep it busy so."""
_LOGGER = logging.getLogger("padan.probes")


def begin(opened: contextlib.ExitStack, agent: KeyAgent) -> tuple[CurrentProbeKeys, Duty]:
    """Hold probe keys from now on; gives the duty that renews them.

    Args:
        opened: what the process closes at its end; the keys are zeroed then.
        agent: makes them, or fetches them.
    """
    keys = CurrentProbeKeys(agent)
    opened.callback(keys.close)
    keys.renew()
    return keys, Duty(name="probes", every=RENEW_SECONDS, act=keys.renew)


class CurrentProbeKeys:
    """Holds the probe keys. Safe to use from many threads.

    Args:
        agent: makes them, or fetches them.
        clock: the agent's monotonic clock, seconds.
    """

    def __init__(self, agent: KeyAgent, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._agent = agent
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: ProbeKeys | None = None
        self._asked = -ASK_SECONDS

    def renew(self) -> None:
        """Use the agent's keys as they are now; where it has none to give, what there is serves until its end.

        A duty calls this each minute, so that a key outlives its time by a minute at most.
        """
        with self._lock:
            self._renew()

    def published(self) -> verification_pb2.PublicKey | None:
        """Give the key to which probes are to be sealed, signed; None where there is none now."""
        key = self._told()
        if key is None:
            return None
        message = verification_pb2.PublicKey(
            purpose=servicekey.PROBE,
            key_id=key.told.key_id,
            algorithm=sealing.ALGORITHM,
            public_key=key.told.public_key,
            signature=key.told.signature,
        )
        message.not_after.seconds = key.told.not_after
        return message

    def recipient(self, key_id: str, *, field: str = "") -> Recipient:
        """Give what opens probes that are sealed to a key.

        Args:
            key_id: as the probe names it.
            field: path of that field, for the refusal.

        Raises:
            ProbeKeyEndedError: the key is no more, or was never this host's; it brings the current one.
            RegistryUnavailableError: there is no key to seal to instead.
        """
        found = self._find(key_id)
        if found is None:
            with self._lock:
                self._renew_again()
            found = self._find(key_id)
        if found is not None:
            return found
        current = self.published()
        if current is None:
            raise RegistryUnavailableError("there are no keys for probes")
        raise ProbeKeyEndedError(current, field=field)

    def close(self) -> None:
        """Zero the keys."""
        with self._lock:
            if self._keys is not None:
                self._keys.wipe()
            self._keys = None

    def _find(self, key_id: str) -> Recipient | None:
        keys = self._keys
        key = None if keys is None else keys.find(key_id, self._clock())
        try:
            return None if key is None else key.recipient()
        except ProbeKeyOverError:  # it was exchanged for another object of the same key meanwhile, or is over
            return None

    def _told(self) -> ProbeKey | None:
        for _ in range(2):
            keys = self._keys
            if keys is not None and keys.current.is_told(self._clock()):
                return keys.current
            with self._lock:
                self._renew_again()
        return None

    def _renew_again(self) -> None:
        if self._clock() - self._asked >= ASK_SECONDS:
            self._renew()

    def _renew(self) -> None:
        self._asked = self._clock()
        old = self._keys
        try:
            self._keys = self._agent.next_probes(old)
        except KeysError as error:
            _LOGGER.warning("no new key for probes", extra={"reason": str(error)})
        if old is not None and old is not self._keys:
            old.wipe()
        if self._keys is not None:
            self._keys.end(self._asked)
