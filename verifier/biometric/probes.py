"""Opens probes for the request that they came with; what comes out is a padan.v1 Template, serialised and unread.

Guarantees: whatever of the request, the caller or the key is another than when the probe was sealed, it does not open,
and nothing tells why. No error holds anything of what was opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan import probe as probes
from padan.probe import Binding, ProbeError
from verifier.biometric.refusals import ProbeUnreadableError

if TYPE_CHECKING:
    from keys.realm import Realm
    from padan.v1 import biometric_pb2, verification_pb2
    from verifier.biometric.probekeys import CurrentProbeKeys


class Probes:
    """Opens probes. Safe to use from many threads.

    Args:
        keys: the probe keys in use.
        realm: the registry and environment.
    """

    def __init__(self, keys: CurrentProbeKeys, realm: Realm) -> None:
        self._keys = keys
        self._realm = realm

    def binding(self, request: verification_pb2.VerifyRequest, agency: str) -> Binding:
        """Compute what the probes of a request are bound to; once a request.

        Args:
            request: the question, whose fields were checked.
            agency: id of the calling agency, from its certificate.
        """
        return Binding.of(
            request,
            registry_id=self._realm.registry_id,
            environment=self._realm.environment,
            agency=agency,
        )

    def open(self, probe: biometric_pb2.Probe, binding: Binding, *, field: str = "probes[0]") -> bytes:
        """Open a probe; gives the serialised padan.v1.Template.

        Args:
            probe: as it came; its fields were checked.
            binding: of the request that it came with.
            field: path of the probe in the request.

        Raises:
            ProbeKeyEndedError: it is sealed to a key that is no more; the error brings the current one.
            ProbeUnreadableError: it is damaged, not padded to its size, or was made for another request.
            RegistryUnavailableError: there are no keys for probes.
        """
        recipient = self._keys.recipient(probe.key_id, field=f"{field}.key_id")
        try:
            return probes.open_probe(probe, binding, recipient)
        except ProbeError as error:
            raise ProbeUnreadableError(error.message, field=f"{field}.sealed") from None
