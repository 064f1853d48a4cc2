"""What the server-side commands say when they fail: one row for each error class, with the next step.

The most derived class that has a row speaks; what has none is a fault of ours. docs/commands shows the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from padan.cli.console import CommandError, ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a class of errors is told: the exit code and the next step."""

    code: ExitCode
    next_step: str


TABLE: dict[str, Row] = {
    "verifier.config.ConfigError": Row(
        code=ExitCode.INPUT, next_step="mend the line named above; docs/operate.md lists every setting"
    ),
    "verifier.errors.LogUnavailableError": Row(
        code=ExitCode.UNAVAILABLE,
        next_step="check the disk and the database of log_url, then run the command again",
    ),
    "verifier.errors.RegistryUnavailableError": Row(
        code=ExitCode.UNAVAILABLE,
        next_step="check vault_url and the keyring, then run the command again",
    ),
    "verifier.errors.OperatorError": Row(
        code=ExitCode.INPUT, next_step="mend what is named above and run it again"
    ),
    "verifier.errors.ServiceError": Row(code=ExitCode.UNAVAILABLE, next_step="run the command again later"),
    "verifier.errors.CallerError": Row(code=ExitCode.REFUSED, next_step="change what is named above"),
    "verifier.agreement.errors.AgreementDocumentError": Row(
        code=ExitCode.INPUT, next_step="mend the lines named above, then padan-server agreement check FILE"
    ),
    "verifier.agreement.errors.AgreementSignatureError": Row(
        code=ExitCode.REFUSED,
        next_step="sign the document with a key of agreement_signers: padan-server agreement sign",
    ),
    "verifier.agreement.errors.AgreementStateError": Row(
        code=ExitCode.STATE, next_step="see padan-server agreement list"
    ),
    "verifier.agreement.errors.SigningKeyError": Row(
        code=ExitCode.INPUT, next_step="make a key with padan-server agreement keygen, or name its --kek"
    ),
    "verifier.ca.AuthorityError": Row(
        code=ExitCode.STATE,
        next_step="see ca_dir and --ca-passphrase-file; padan-server ca init makes a root",
    ),
    "verifier.ca.SigningRequestError": Row(
        code=ExitCode.INPUT, next_step="ask the agency for the request that padan init wrote"
    ),
    "verifier.enrolment.EnrolmentError": Row(code=ExitCode.STATE, next_step="see padan-server agency list"),
    "keys.errors.KeysError": Row(code=ExitCode.INPUT, next_step="check the keyring with padan-keys check"),
    "tokenizer.errors.TokenizerError": Row(code=ExitCode.INPUT, next_step="mend the value named above"),
}


def translate(error: Exception) -> CommandError | None:
    """Turn an error of our packages into what a person reads; None for a fault of ours."""
    for kind in type(error).__mro__:
        row = TABLE.get(f"{kind.__module__}.{kind.__qualname__}")
        if row is not None:
            return CommandError(str(error), next_step=row.next_step, code=row.code)
    return None
