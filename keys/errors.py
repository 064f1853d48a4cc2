"""What can go wrong with keys, grouped by who must act.

No message holds key material, a passphrase or a keyed value.
"""

from __future__ import annotations


class KeysError(Exception):
    """Base of every error of this package."""


class CallerError(KeysError):
    """The calling code asked for something that this key does not do."""


class KeyUseError(CallerError):
    """A key is asked to work outside its purpose, or with input of a wrong size."""


class CustodianError(KeysError):
    """A custodian must act: the keyring, its KEK or a key's state stands in the way."""


class KeyNotFoundError(CustodianError):
    """The keyring holds no such key, or no primary key for the purpose."""


class KeysetEndedError(KeyNotFoundError):
    """Every key of the keyset was destroyed: what it was for has ended."""


class KeyStateError(CustodianError):
    """The key's state does not allow this use."""


class KeyDestroyedError(KeyStateError):
    """The key was destroyed: what was made with it nobody can read any more."""


class KeyExpiredError(KeyStateError):
    """The key's cryptoperiod is over for this use."""


class TransitionError(CustodianError):
    """The step is not a legal one between the states of a key."""


class GraceError(CustodianError):
    """The period of grace, in which a token domain goes on after its agreement, is not over."""


class KeyringMissingError(CustodianError):
    """There is no keyring file at the path."""


class KeyringExistsError(CustodianError):
    """There is a keyring or KEK file at the path already."""


class KeyringFormatError(CustodianError):
    """The keyring is intact but of a format that this release does not know."""


class KeyringIntegrityError(CustodianError):
    """The keyring is not what was written: a bit flipped, a cut, or an edit by hand."""


class KeyringConflictError(CustodianError):
    """Somebody else wrote the keyring meanwhile."""


class EventsError(CustodianError):
    """The events file beside the keyring does not continue the history that the keyring vouches for."""


class KekMismatchError(CustodianError):
    """The KEK is not the one that wraps this keyring."""


class KekFileError(CustodianError):
    """The KEK file is missing, damaged, or of an unknown format."""


class PassphraseError(CustodianError):
    """The passphrase is missing, too short, or does not open the KEK file."""


class WeakParametersError(CustodianError):
    """Stored Argon2id parameters lie outside what this release accepts."""


class ProviderError(CustodianError):
    """The KEK URI names no known provider or is malformed."""


class QuorumFileError(CustodianError):
    """The file of a quorum, or a custodian's own file, is missing, damaged or of an unknown format."""


class ShareRefusedError(CustodianError):
    """A share is not the one that its holder was dealt; the message names the holder."""


class ForeignShareError(ShareRefusedError):
    """A share belongs to another quorum, or to another generation of this one; the message names the holder."""


class ShareHereError(CustodianError):
    """A custodian's share is here already; it counts once."""


class SharesMissingError(CustodianError):
    """Fewer custodians are here than it takes."""


class PaperError(CustodianError):
    """What was typed from paper is not what was printed; the message names the group."""


class CredentialError(CustodianError):
    """The KEK that systemd lends cannot be used."""


class CredentialFolderError(CredentialError):
    """systemd lends this process no credentials."""


class CredentialMissingError(CredentialError):
    """systemd lends no credential of the name."""


class CredentialModeError(CredentialError):
    """The credential is open to others, or closed to this account."""


class CredentialFormatError(CredentialError):
    """The credential holds no KEK."""


class CredentialReadOnlyError(CredentialError):
    """A new KEK is needed, and only the operator can put one into the credential store."""


class CredentialLeftError(CredentialError):
    """Two KEKs are lent: the operator has to end a renewal."""


class TokenError(CustodianError):
    """The token that seals the KEK cannot be used."""


class TokenSupportError(TokenError):
    """The library that speaks to tokens is not installed."""


class TokenModuleError(TokenError):
    """The vendor's PKCS#11 module is missing, or is none."""


class TokenStoreError(TokenError):
    """The module does not start: its tokens, or what it reaches them by, are away."""


class TokenMissingError(TokenError):
    """No slot holds the token, or more than one does."""


class TokenPinError(TokenError):
    """The PIN is missing or wrong."""


class TokenPinLockedError(TokenError):
    """The PIN is locked, or one more wrong one would lock it."""


class TokenSessionError(TokenError):
    """The token or its session went away while it was used."""


class TokenKeyError(TokenError):
    """The token does not hold the key, or the key is not one that stays inside."""


class TokenUnfitError(TokenError):
    """The token does not do what is needed of it."""


class TokenFileError(TokenError):
    """The file of the sealed KEK is missing, damaged, or not the token's."""


class OperatorError(KeysError):
    """The operator must act: data or a limit of the running service stands in the way."""


class OpenError(OperatorError):
    """A sealed box does not open: changed bytes, another key, or other associated data."""


class SealCountError(OperatorError):
    """A key has sealed as many boxes as one AES-GCM key with random nonces may (SP 800-38D)."""


class SignatureError(OperatorError):
    """A signature does not verify."""


class StrangerError(OperatorError):
    """Who signed is not on the roster of those who may."""


class ProposalFormatError(OperatorError):
    """A proposal is malformed, of an unknown format, or out of bounds."""


class ApprovalError(OperatorError):
    """A proposal has too few approvals."""


class CeremonyEndedError(OperatorError):
    """A proposal was withdrawn, has expired, is outdated, or was executed already."""


class EnvelopeError(OperatorError):
    """A period envelope does not open or is of an unknown format."""


class AuditorsKeyError(OperatorError):
    """There is no auditors' key, or none that this environment may use."""


class PeriodOverError(OperatorError):
    """The audit period was wiped; a new one must be opened."""


class ProbeKeyOverError(OperatorError):
    """The probe key was wiped; another one is in use."""


class HardeningError(OperatorError):
    """The operating system refused a protection of the process."""


class SocketPathError(OperatorError):
    """The path of a socket between processes of this host cannot be used."""


class SocketBusyError(SocketPathError):
    """Another process listens at the path."""


class KeyAgentAwayError(OperatorError):
    """The key agent does not run, or does not answer."""


class KeyAgentSealedError(KeyAgentAwayError):
    """The key agent runs and holds no key yet: custodians must come."""


class KeyAgentFormatError(OperatorError):
    """The key agent, or one of its workers, speaks another release's language."""


class KeyringOlderError(CustodianError):
    """The keyring is older than its own history."""


class KeyringCutError(KeyringIntegrityError):
    """The keyring's file ends too early."""


class RosterError(CustodianError):
    """A roster of custodians is malformed, or has too few or too many."""


class RosterMismatchError(CustodianError):
    """Those who hold the KEK together are not those whom the keyring's history names."""


class RosterStandsError(CustodianError):
    """Custodians decide together about this keyring, and one of them alone was asked."""


class NoRosterError(CustodianError):
    """Nobody is named who could decide together about this keyring."""


class NotCustodianError(StrangerError):
    """Who signed is not on the keyring's roster."""


class KeyProposalError(ProposalFormatError):
    """A proposal about the keyring is malformed, or of another keyring or release."""


class ProposalEditedError(KeyProposalError):
    """A proposal is not the one that was signed."""


class CustodiansMissingError(ApprovalError):
    """Too few custodians have approved a proposal."""


class ProposalExpiredError(CeremonyEndedError):
    """A proposal about the keyring has expired."""


class ProposalOutdatedError(CeremonyEndedError):
    """The keyring has changed since the proposal was made."""


class ProposalCancelledError(CeremonyEndedError):
    """A proposal about the keyring was cancelled."""


class ProposalExecutedError(CeremonyEndedError):
    """A proposal about the keyring was executed already."""


class ProposalOpenError(CustodianError):
    """A proposal is neither cancelled nor expired."""
