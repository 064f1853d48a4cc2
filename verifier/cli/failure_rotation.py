"""What the commands say when a rotation fails: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import away, named, refused, state

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
        "verifier.token.errors.RowsStandError": state(
            "run padan-server token rekey, which moves them to the present keys; then run it again"
        ),
        "tokenizer.errors.IssuingOverError": state(
            "see padan-keys status; make new keys, padan-keys propose succeed --tokens, or rotate token-tag"
        ),
        "keys.errors.GraceError": state(
            "wait until then, with a proposal that lives so long: padan-server token status says when"
        ),
        "verifier.token.errors.DomainInForceError": refused(
            "let the agreement end, or activate a version that does not name the domain; then wait for the grace"
        ),
        "verifier.token.errors.DomainUnknownError": named(
            "name the domain as its agreement does, and where the service's settings are; padan-keys status lists it"
        ),
        "verifier.token.errors.EndingDiffersError": refused(
            "propose it anew with what padan-server token status prints"
        ),
        "verifier.token.errors.KeysNotFollowedError": state(
            "restart the service, padan-server reload, or have custodians unseal it; then run it again"
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
        "verifier.vault.rotation.RotationBegunError": away(
            "run the same command again: it goes on where it was"
        ),
        "verifier.rotation.errors.SameProjectionError": state(
            "have new keys made: rotation project --new-keys, or by custodians of a roster: padan-keys propose succeed"
            " --inner; or use the release that has the other normaliser"
        ),
        "verifier.rotation.errors.UnsaidPositionError": named(
            "say --holds FEED=POSITION for each feed, 0 for none of it; rotation replay brings what the source lacks"
        ),
        "verifier.rotation.errors.OtherProjectionError": state(
            "give the source, field map and keys that it began with, or run padan-server rotation abandon"
        ),
        "verifier.rotation.errors.BehindError": state(
            "run padan-server rotation replay with the feed's files or table from there on"
        ),
        "verifier.rotation.errors.AheadError": away(
            "take the feed in so far, padan-server registry sync, or say --newer"
        ),
        "verifier.rotation.errors.MissingPeopleError": refused(
            "were they merged or changed by a feed, abandon and project with --holds FEED=0, then replay all of it;"
            " where the registry holds them no longer, say --newer"
        ),
        "verifier.rotation.errors.PeopleDifferError": refused(
            "where the source is newer than the epoch in use, say --newer; else run padan-server rotation abandon"
        ),
        "verifier.rotation.errors.UntakenChangesError": refused(
            "go on with padan-server rotation finish; the way back is a load by the older release"
        ),
        "verifier.rotation.errors.ChangesPendingError": away("stop following the feed, and run it again"),
    }
)
