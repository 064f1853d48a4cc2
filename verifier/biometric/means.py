"""What captures are compared with in a running service: its calibration, the references of the vault, their keys."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from padan.vocabulary import Attribute
from tokenizer.biometrics import reading, suites
from verifier import thresholds
from verifier.biometric.ports import Means
from verifier.biometric.probes import Probes
from verifier.reference.reader import open_reader
from verifier.reference.references import References
from verifier.resident.mark import is_locked

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence

    from keys.keyagent import KeyAgent
    from verifier.biometric.ports import Devices
    from verifier.biometric.probekeys import CurrentProbeKeys
    from verifier.config import Settings


_LOGGER = logging.getLogger("padan.biometric")


def begin(
    opened: contextlib.ExitStack,
    settings: Settings,
    agent: KeyAgent,
    *,
    probe_keys: CurrentProbeKeys,
    devices: Devices,
) -> Means | None:
    """Open what captures stand on; None where the settings name no thresholds, so that nothing could be accepted.

    Args:
        opened: closes it.
        settings: the settings.
        agent: holds the keys of references.
        probe_keys: open probes.
        devices: the capture devices.

    Raises:
        ThresholdsError: the file of thresholds cannot be read, or is not of its format.
    """
    if settings.biometric_thresholds is None:
        return None
    known = thresholds.of(settings)
    for extractor in thresholds.unmeasured(known):
        _LOGGER.warning(
            "embeddings of any number of elements are compared: calibrate their extractor again",
            extra={"reason": extractor},
        )
    references = References(agent, open_reader(settings.vault_database))
    opened.callback(references.close)
    return Means(
        probes=Probes(probe_keys, agent.realm),
        devices=devices,
        read=reading.read,
        scheme=suites.enrolling,
        thresholds=known,
        references=references,
        keys=agent,
        locked=_are_locked,
    )


def _are_locked(marks: int, attributes: Sequence[int]) -> bool:
    """Say whether a resident has locked one of the modalities."""
    return any(is_locked(marks, Attribute(each).label) for each in attributes)
