"""What the commands say when a rotation fails: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import away, refused, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "verifier.vault.rotation.RotationStateError": state("see padan-server rotation status"),
        "verifier.rotation.errors.RotationBusyError": away("wait for that command, then run it again"),
        "verifier.rotation.errors.SameKeysError": state(
            "have new ones made: rotation begin --new-keys, or by custodians of a roster: padan-keys propose succeed"
        ),
        "verifier.rotation.errors.KeysInUseError": state(
            "drop that epoch, padan-server epoch drop, then run rotation finish again"
        ),
        "verifier.rotation.errors.KeysNotServedError": state(
            "restart the key agent, and the service with padan-server reload; then run it again"
        ),
        "verifier.rotation.errors.KeyringBehindError": state(
            "have as many custodians as it takes run padan-keys unseal, and run it again; the service goes on meanwhile"
        ),
        "verifier.rotation.errors.SampleDiffersError": refused(
            "rotation abandon, and find out what changed an epoch; the one in use goes on answering"
        ),
        "verifier.rotation.errors.CutOffError": refused(
            "wait, or run padan-server rotation finish --now; it cannot be taken back"
        ),
        "verifier.rotation.errors.MovedPartError": state(
            "run padan-server rotation abandon, then rotation begin"
        ),
        "verifier.rotation.errors.ChangesPendingError": away("stop following the feed, and run it again"),
    }
)
