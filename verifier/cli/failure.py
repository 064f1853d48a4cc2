"""What the server-side commands say when they fail: one row for each class of errors, with the next step.

The most derived class that has a row speaks; what has none is a fault of ours. docs/commands.md shows the table.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from padan.cli.console import CommandError, ExitCode
from verifier.cli import (
    failure_ceremony,
    failure_database,
    failure_holders,
    failure_reference,
    failure_rotation,
    failure_templates,
)
from verifier.cli.failure_row import Row
from verifier.cli.failure_row import away as _away
from verifier.cli.failure_row import named as _input
from verifier.cli.failure_row import refused as _refused
from verifier.cli.failure_row import state as _state

if TYPE_CHECKING:
    from collections.abc import Mapping


_LOAD = "see padan-server epoch list, then run padan-server registry load again"
_LOAD_FRESH = "run padan-server registry load again with --fresh, which begins anew"

TABLE: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # The configuration, and what it names.
        "verifier.config.ConfigError": _input(
            "mend what is named above; docs/operate.md lists every setting"
        ),
        **failure_database.ROWS,
        "verifier.tls.TlsFilesError": _input(
            "check tls_cert, tls_key and client_ca; padan-server ca issue-server makes a certificate"
        ),
        "verifier.transport.ListenError": _state(
            "stop the other service, or change listen, audit_listen or custody_listen"
        ),
        "verifier.metrics_listener.MetricsListenError": _state(
            "stop what listens there, or change the setting; empty for no metrics"
        ),
        "verifier.tracing.export.TracingUnavailableError": _input(
            "install the extra, pip install 'padan-server[otel]', or leave otlp_endpoint empty"
        ),
        "verifier.scrape.NoMetricsError": _input("name an address in metrics_listen, or ask grpc.health.v1"),
        "verifier.scrape.NotRunningError": _away(
            "start the service, padan-server serve, and look at its messages; or mend metrics_listen"
        ),
        "verifier.journal.address.JournalAddressError": _state(
            "stop the other service of this folder, or name another data_dir"
        ),
        "verifier.supervisor.SupervisorError": _state(
            "see which service runs with this data_dir: padan-server serve makes one"
        ),
        "verifier.host_keys.RealmMismatchError": _input(
            "name this registry's keyring, or mend registry_id and environment"
        ),
        # The log and the vault.
        "verifier.errors.LogUnavailableError": _away(
            "check the disk and the database of log_url, then run the command again"
        ),
        "verifier.logtime.ClockAheadError": _refused(
            "set the clock by NTP; if two people have found it right, serve with --confirm-clock"
        ),
        "verifier.token.errors.TokensUnavailableError": _away(
            "see that the keyring has keys for tokens (padan-keys status), then run the command again"
        ),
        "verifier.errors.RegistryUnavailableError": _away(
            "check vault_url and the keyring, then run the command again"
        ),
        "verifier.headkeeper.RolledBackError": _refused(
            "put the newer one back (padan-server backup restore); where there is none, padan-server log propose-loss"
        ),
        "verifier.headfile.HeadFormatError": _input(
            "name the right file in head_store, or put its copy back"
        ),
        "verifier.headfile.HeadStoreError": _away("check the disk and the owner of head_store"),
        "verifier.tree.errors.TreeError": _refused(
            "find out what changed: padan-server log check; the folder is built anew by padan-server log rebuild-tree"
        ),
        "verifier.tree.errors.TreeBehindError": _refused(
            "put the newest copy of tree_dir back, or build it anew: padan-server log rebuild-tree"
        ),
        "verifier.tree.errors.TreeForkedError": _refused(
            "keep log, head and tree_dir as they are; docs/operate.md says how to find which of them was changed"
        ),
        "verifier.tree.errors.LeafMismatchError": _refused(
            "keep the database as it is, and restore the entry from a backup: padan-server backup restore"
        ),
        "verifier.tree.errors.TreeStoreError": _away("check the disk and the owner of tree_dir"),
        "verifier.log.mirror.MirrorPlaceError": _input("mount the disk, or mend log_mirror; docs/backup.md"),
        "verifier.log.mirror.MirrorUnavailableError": _away(
            "check the mirror's disk and what the message names; docs/backup.md"
        ),
        "verifier.log.mirror_replay.MirrorReplayError": _input(
            "name the right log_mirror, or a later backup; --no-mirror does without, and loses what it holds"
        ),
        # Backups.
        "verifier.backup.errors.BackupError": _input("mend what is named above and run it again"),
        "verifier.backup.errors.BackupFormatError": _input(
            "name the folder of a whole backup, or use a later release"
        ),
        "verifier.backup.errors.BackupRealmError": _refused("use this registry's own backup"),
        "verifier.backup.errors.BackupDamagedError": _input(
            "use another backup, and find out what changed this one"
        ),
        "verifier.backup.errors.BackupPlaceError": _state(
            "name another folder or database; move away what is there only if it is lost for certain"
        ),
        "verifier.backup.errors.BackupSourceError": _refused("see padan-server log head and epoch list"),
        "verifier.backup.errors.BackupUnreadableError": _input(
            "put the file back, or run this as the service's user, and run it again"
        ),
        "verifier.backup.errors.BackupWriteError": _away(
            "free space, or name another disk, and run it again"
        ),
        "verifier.backup.errors.BackupBusyError": _away("run it again when nothing is loaded or dropped"),
        "verifier.loss.LossChangedError": _state("propose anew: padan-server log propose-loss"),
        "verifier.loss.NothingLostError": _state("see padan-server log head"),
        "verifier.vault.store.NoEpochError": _state("load the people: padan-server registry load"),
        "verifier.vault.catalogue.EpochStateError": _state("see padan-server epoch list"),
        "verifier.vault.writer.LoadOrderError": _state(_LOAD),
        "verifier.vault.changer.ChangesBusyError": _away("wait for the other process, then run it again"),
        "verifier.vault.catalogue.PositionError": _away("let one process follow a source, then run it again"),
        # Capture devices.
        "verifier.biometric.device.DeviceError": _state(
            "see padan-server device list and agency list; a device that moves gets another id and another key"
        ),
        "verifier.biometric.device.DeviceKeyError": _input(
            "name the public key's file from the device's maker: PEM, or base64 of 32 bytes"
        ),
        # Loading, and making people up.
        "verifier.projector.errors.ProjectorError": _input("mend what is named above and run it again"),
        "verifier.projector.errors.SourceError": _input(
            "name a .csv or .parquet file, or URL#TABLE; padan-server registry load --help shows each form"
        ),
        "verifier.projector.errors.FieldMapError": _input(
            "mend the field map, or name one: --field-map FILE"
        ),
        "verifier.feed.errors.FeedFormatError": _input(
            "ask the registry for it again, whole; out of a table or a stream the registry takes what is broken"
        ),
        "verifier.feed.errors.FeedSignatureError": _refused(
            "use nothing of a stranger, find who put it there; padan-server feed trust adds the registry's key"
        ),
        "verifier.feed.errors.FeedGapError": _state(
            "apply what lies in between first; after a load say what it holds: --holds FEED=POSITION, or --begin"
        ),
        "verifier.feed.errors.FeedTimeError": _refused(
            "ask the registry which of its changes are right; check both clocks"
        ),
        "verifier.feed.errors.FeedSourceError": _input(
            "mend what is named above; padan-server registry sync --help shows each form of an address"
        ),
        "verifier.feed.errors.FeedSourceUnavailableError": _away(
            "check the address and the source's server, then run the same command: it goes on where it was"
        ),
        "verifier.feed.errors.FeedEpochError": _state(
            "run padan-server rotation project, which makes an epoch of this release; changes wait until its flip"
        ),
        "verifier.projector.errors.RunError": _state(_LOAD_FRESH),
        "verifier.projector.errors.LoadBusyError": _away("wait for the other one, then run it again"),
        "verifier.projector.errors.LoadMismatchError": _state(_LOAD_FRESH),
        "verifier.projector.errors.WorkerError": _away(
            "check memory and disk, then run the same command again: it goes on where it was"
        ),
        # Rotations.
        **failure_rotation.ROWS,
        **failure_reference.ROWS,
        "verifier.projector.errors.EpochChoiceError": _state("see padan-server epoch list"),
        "verifier.consistency.errors.SampleError": _input(
            "write --sample 10000 for people, or --sample 2.5% for a share"
        ),
        "verifier.consistency.errors.CheckStateError": _state(
            "run padan-server registry check again with --fresh, which begins anew"
        ),
        "verifier.consistency.errors.CheckEpochError": _state(
            "run padan-server registry load, then check the new epoch"
        ),
        "verifier.synthetic.output.OutputError": _input(
            "name a .csv or .parquet file in a folder that you may write"
        ),
        "verifier.retention.duty.RetentionBusyError": _away("wait for the other process, then run it again"),
        "verifier.retention.state.RetentionStateError": _state(
            "use the release that the servers run, or restore the log's database from its backup"
        ),
        "verifier.tree.cosigning.WitnessPolicyError": _input(
            "mend witness_policy; docs/operate.md#witnesses shows one"
        ),
        "verifier.tree.witness_link.WitnessUrlError": _input("write the witness's address behind its key"),
        "verifier.tree.witnessed.WitnessedFormatError": _state(
            "use the release that wrote it, or a newer one; docs/operate.md#witnesses"
        ),
        # Going live.
        "verifier.stage.errors.AgencyFilesError": _input(
            "name --address, --ca, --cert and --key of an agency; padan check finds what is wrong with them"
        ),
        "verifier.stage.errors.AgreementGapError": _state(
            "name another --purpose, ask for less, or see padan-server agreement list"
        ),
        "verifier.stage.errors.ScenarioFileError": _input(
            "mend the scenario that is named above; docs/going-live.md shows the form"
        ),
        "verifier.stage.errors.ReportFileError": _input(
            "name another --out; or the .json that a stage wrote, as it was written"
        ),
        "verifier.stage.errors.ReportSignatureError": _refused(
            "use the report as it was written; padan-server officer trust adds a signer's key"
        ),
        # Callers.
        "verifier.ca.AuthorityError": _state(
            "see ca_dir and --ca-passphrase-file; padan-server ca init makes a root"
        ),
        "verifier.ca.SigningRequestError": _input("ask the agency for the request that padan init wrote"),
        "verifier.ca.CertificateTermsError": _input("change the name or the number of days"),
        "verifier.enrolment.EnrolmentError": _state("see padan-server agency list"),
        "verifier.directory.DirectoryError": _state("see padan-server agency list and agreement list"),
        # Agreements.
        "verifier.agreement.errors.AgreementDocumentError": _input(
            "mend the lines named above, then padan-server agreement check FILE"
        ),
        "verifier.agreement.errors.AgreementSignatureError": _refused(
            "sign the document with a trusted key: padan-server agreement sign; agreement trust adds a key"
        ),
        "verifier.agreement.errors.AgreementStateError": _state("see padan-server agreement list"),
        "verifier.agreement.errors.SigningKeyError": _input(
            "make a key with padan-server agreement keygen, or officer, feed or dispute keygen; or name its --kek"
        ),
        # Disputes.
        "verifier.dispute.errors.DisputeStateError": _state("see where it stands: padan-server dispute show"),
        "verifier.dispute.errors.NoSuchDisputeError": _input("take the id from padan-server dispute list"),
        "verifier.dispute.errors.DecisionError": _refused(
            "use the key of an officer of this registry; padan-server officer trust adds one"
        ),
        "verifier.dispute.errors.CaseFileError": _refused(
            "have the file written anew: padan-server dispute show --out; if that does not help, reject the dispute"
        ),
        "verifier.dispute.officerkey.DisputeKeyError": _input(
            "make a key with padan-server dispute keygen, then run padan-server dispute trust"
        ),
        "padan.errors.DisputeError": _input("name the key's file from padan-server dispute keygen"),
        "padan.errors.SealingError": _input("name the key's file from padan-server dispute keygen"),
        # What auditors may read.
        "verifier.auditor.errors.GrantDocumentError": _input(
            "mend the lines named above, then padan-server auditor check FILE"
        ),
        "verifier.auditor.errors.GrantSignatureError": _refused(
            "sign the document with a trusted key: padan-server auditor sign; agreement trust adds a key"
        ),
        "verifier.auditor.errors.GrantStateError": _state(
            "see padan-server auditor list and agency list; agency enrol --role auditor lets one in"
        ),
        # What officers decide together.
        "verifier.officers.OfficersError": _state(
            "make keys with padan-server officer keygen; officer trust adds one to the setting officers"
        ),
        "verifier.resident.naming.NikMismatchError": _refused(
            "enter the number that the proposal was made for, or propose anew"
        ),
        "verifier.resident.marking.MergedNumberError": _refused(
            "enter the number that the person has now; the registry knows it"
        ),
        "keys.errors.ProposalFormatError": _input(
            "name a file of this action, registry and release; padan-server officer show FILE says what it is"
        ),
        "keys.errors.StrangerError": _refused(
            "sign with the key of an officer; padan-server officer trust adds one"
        ),
        "keys.errors.ApprovalError": _refused("have another officer run padan-server officer approve FILE"),
        "keys.errors.CeremonyEndedError": _state("propose anew with the action's own command"),
        # Keys.
        **failure_ceremony.ROWS,
        "keys.errors.KeyNotFoundError": _input(
            "see the keys with padan-keys status; make one with padan-keys create"
        ),
        "keys.errors.KeyStateError": _state(
            "see the states with padan-keys status, and activate or rotate a key"
        ),
        "keys.errors.KeyExpiredError": _state(
            "put a new key in its place: padan-keys rotate, or create and activate"
        ),
        "keys.errors.TransitionError": _state(
            "see the states with padan-keys status; docs/formats/keyring.md has the steps"
        ),
        "keys.errors.KeyringMissingError": _input(
            "make a keyring with padan-keys init, or put back its copy and check it"
        ),
        "keys.errors.KeyringExistsError": _state(
            "name another path, or move the file away if it protects nothing"
        ),
        "keys.errors.KeyringFormatError": _input("use the release that wrote the file, or a newer one"),
        "keys.errors.KeyringIntegrityError": _input(
            "do not use it; put back NAME.bak or another copy, run padan-keys check, and find who changed it"
        ),
        "keys.errors.KeyringConflictError": _away("wait for the other command and run this one again"),
        "keys.errors.EventsError": _input(
            "put back NAME.events.jsonl from a copy; nothing changes keys without it"
        ),
        "verifier.keyring_events.KeyringRolledBackError": _refused(
            "put its newest copy back (padan-keys history says what is missing); or else padan-server log propose-loss"
        ),
        "keys.errors.KekMismatchError": _input(
            "name the provider that this keyring was made with: --kek URI, or kek in the configuration"
        ),
        "keys.errors.KekFileError": _input(
            "put back the KEK file from a copy, or name the right one: --kek URI"
        ),
        "keys.errors.PassphraseError": _input(
            "give the right passphrase at a terminal, or by its file in the KEK URI (docs/keys-in-tokens.md)"
        ),
        **failure_holders.ROWS,
        "keys.errors.WeakParametersError": _refused(
            "do not use this KEK file; make a new keyring or put back the right file"
        ),
        "keys.errors.ProviderError": _input(
            "see docs/keys-in-tokens.md for the URI of each provider, such as 'file:PATH?passphrase-file=PATH'"
        ),
        "keys.errors.QuorumFileError": _input(
            "put the file back from its copy, or name the right one; docs/custody.md says which file is whose"
        ),
        "keys.errors.ShareRefusedError": _refused(
            "let that custodian bring the own newest share and keys; another custodian may come instead"
        ),
        "keys.errors.ForeignShareError": _refused(
            "bring the share of the generation in use: NAME.GENERATION.share.json, from the last dealing"
        ),
        "keys.errors.ShareHereError": _state("wait for the other custodians: padan-keys standing"),
        "keys.errors.SharesMissingError": _refused("call more custodians, then run it again"),
        "keys.errors.PaperError": _input("compare that group with the paper, and type it again"),
        "keys.errors.SealCountError": _state("put a new key in its place"),
        "keys.errors.AuditorsKeyError": _input(
            "name the auditors' signed key (padan-audit keys) in auditors_key, or in development that of "
            "padan-keys auditors-keygen"
        ),
        "keys.errors.EnvelopeError": _input(
            "use the auditors' private key of the period's own time and registry"
        ),
        "keys.errors.HardeningError": _away(
            "run this on Linux, outside a sandbox that forbids prctl and setrlimit"
        ),
        "keys.errors.KeyAgentAwayError": _away(
            "start padan-server agent, as the user that the service runs as; what has its keys goes on"
        ),
        "keys.errors.KeyAgentSealedError": _away(
            "custodians unseal it: padan-keys unseal, each from an own terminal; docs/custody.md"
        ),
        "keys.errors.KeyAgentFormatError": _state("restart the key agent and the service, with one release"),
        "keys.errors.SocketBusyError": _state(
            "stop the other key agent, or name another socket in key_agent"
        ),
        "keys.errors.SocketPathError": _input(
            "name a short path in a folder that exists: key_agent, or data_dir"
        ),
        "verifier.key_agent.NoKeyAgentError": _input(
            "name a socket in key_agent, and restart the service; several workers have an agent of their own"
        ),
        "keys.errors.KeyUseError": _input("mend the value named above"),
        "keys.errors.KeysError": _input("check the keyring with padan-keys check"),
        # Biometric templates.
        **failure_templates.ROWS,
        # What is left of each group.
        "tokenizer.errors.TokenizerError": _input("mend the value named above"),
        "verifier.errors.OperatorError": _input("mend what is named above and run it again"),
        "verifier.errors.ServiceError": _away("run the command again later"),
        "verifier.errors.CallerError": _refused("change what is named above"),
    }
)
"""Full name of a class to its row."""


def row_of(kind: type[BaseException]) -> Row | None:
    """Find the row of the most derived class that has one."""
    names = (f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__)
    return next((TABLE[name] for name in names if name in TABLE), None)


def translate(error: Exception) -> CommandError | None:
    """Turn an error into what a person reads; None for a fault of ours."""
    row = row_of(type(error))
    if row is not None:
        return CommandError(str(error), next_step=row.next_step, code=row.code)
    if isinstance(error, OSError):
        cause = os.strerror(error.errno) if error.errno else type(error).__name__
        return CommandError(
            f"{error.filename or 'a file'}: {cause}",
            next_step="check the disk, the path and its owner; what stood there stands as it was",
            code=ExitCode.UNAVAILABLE,
        )
    return None
