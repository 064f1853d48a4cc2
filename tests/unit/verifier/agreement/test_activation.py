"""Activation: only what is signed, clean, newer and begun; and the log first."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from keys.realm import Realm
from keys.signing import Signer
from padan.entry import EntryKind, Field
from verifier.agreement.activation import activate, review, suspend
from verifier.agreement.errors import AgreementDocumentError, AgreementSignatureError, AgreementStateError
from verifier.agreement.sign import sign
from verifier.directory import Agency, AgreementRow, AgreementStatus
from verifier.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verifier.agreement.model import Agreement

REALM = Realm(registry_id="registry", environment="production")
SIGNER = Signer(bytes(32))
SIGNERS = [base64.b64encode(SIGNER.public_key).decode()]
NOW = 1_780_000_000.0


@dataclass
class SimulatedDirectory:
    """A directory in memory that notes the order of what happens."""

    known: list[Agency]
    rows: dict[int, AgreementRow] = field(default_factory=dict)
    happened: list[Any] = field(default_factory=list)
    log_away: bool = False

    def agencies(self) -> Sequence[Agency]:
        """List the agencies."""
        return self.known

    def agreements(self, *statuses: AgreementStatus, agency: str | None = None) -> Sequence[AgreementRow]:
        """List the versions."""
        return [
            row
            for _, row in sorted(self.rows.items())
            if agency in {None, row.agency} and (not statuses or row.status in statuses)
        ]

    def put_agreement(self, row: AgreementRow) -> None:
        """Add a version."""
        self.happened.append("put")
        self.rows[row.version] = row

    def set_agreement_status(
        self, agency: str, version: int, status: AgreementStatus, *, at_ms: int | None = None
    ) -> None:
        """Move a version; activating one ends the others."""
        del agency
        self.happened.append(str(status))
        if status is AgreementStatus.ACTIVE:
            for number in self.rows:
                self.rows[number] = replace(self.rows[number], status=AgreementStatus.ENDED)
        self.rows[version] = replace(self.rows[version], status=status, activated_ms=at_ms)

    def record(
        self, kind: EntryKind, detail: Mapping[str, str], *, agency: str, fields: Mapping[int, bytes]
    ) -> None:
        """Note an entry, or fail."""
        if self.log_away:
            raise LogUnavailableError("away")
        self.happened.append(
            (kind, agency, int.from_bytes(fields[Field.AGREEMENT_VERSION], "big"), dict(detail))
        )


@pytest.fixture
def directory() -> SimulatedDirectory:
    """A directory that knows the agency."""
    return SimulatedDirectory([Agency(id="health", name="Health", created_ms=0)])


def put_in_force(directory: SimulatedDirectory, data: bytes, now: float = NOW) -> Agreement:
    """Sign and activate a document."""
    return activate(
        directory,
        directory.record,
        realm=REALM,
        signers=SIGNERS,
        data=data,
        signature_file=sign(REALM, data, SIGNER),
        name="health.toml",
        now=now,
    )


def statuses(directory: SimulatedDirectory) -> list[AgreementStatus]:
    """Read where each version stands."""
    return [row.status for row in directory.agreements()]


def test_activation_is_logged_first(directory: SimulatedDirectory, document: str) -> None:
    """The entry is committed before anything is granted, and names document and signer."""
    put_in_force(directory, document.encode())
    entry, *rest = directory.happened
    assert entry[:3] == (EntryKind.AGREEMENT_ACTIVATED, "health", 1)
    assert entry[3]["signer"] == SIGNER.key_id
    assert len(entry[3]["document"]) == 64
    assert rest == ["put", "active"]
    assert directory.rows[1].signature == SIGNER.sign(REALM.label("agreement") + document.encode())


def test_nothing_is_activated_without_the_log(directory: SimulatedDirectory, document: str) -> None:
    """Where the entry cannot be committed, nothing changes."""
    directory.log_away = True
    with pytest.raises(LogUnavailableError):
        put_in_force(directory, document.encode())
    assert directory.happened == []
    assert directory.rows == {}


def test_a_new_version_ends_the_one_before(
    directory: SimulatedDirectory, change: Callable[..., bytes]
) -> None:
    """The newest activated version is the only active one."""
    put_in_force(directory, change())
    put_in_force(directory, change(version="2"))
    assert statuses(directory) == [AgreementStatus.ENDED, AgreementStatus.ACTIVE]


def test_an_older_or_changed_version_is_refused(
    directory: SimulatedDirectory, change: Callable[..., bytes]
) -> None:
    """Nobody goes back a version, and a version never gets another text."""
    put_in_force(directory, change(version="2"))
    with pytest.raises(AgreementStateError, match="raise the version"):
        put_in_force(directory, change(version="1"))
    with pytest.raises(AgreementStateError, match="another text"):
        put_in_force(directory, change(version="2", calls_per_day="5"))


def test_a_suspended_agreement_goes_on_when_activated_again(
    directory: SimulatedDirectory, document: str
) -> None:
    """Suspension is logged with its reason, and ends with the same document."""
    put_in_force(directory, document.encode())
    assert suspend(directory, directory.record, "health", reason="late report") == 1
    assert statuses(directory) == [AgreementStatus.SUSPENDED]
    kind, agency, version, detail = directory.happened[-2]
    assert (kind, agency, version) == (EntryKind.AGREEMENT_SUSPENDED, "health", 1)
    assert detail == {"reason": "late report"}
    with pytest.raises(AgreementStateError, match="no agreement"):
        suspend(directory, directory.record, "health", reason="again")
    put_in_force(directory, document.encode())
    assert statuses(directory) == [AgreementStatus.ACTIVE]


@pytest.mark.parametrize("now", [1_700_000_000.0, 1_900_000_000.0])
def test_what_has_not_begun_or_is_over_is_not_activated(
    directory: SimulatedDirectory, document: str, now: float
) -> None:
    """An activation that would open a gap is refused."""
    with pytest.raises(AgreementStateError, match="not begun or is over"):
        put_in_force(directory, document.encode(), now)


@pytest.mark.parametrize(
    "known",
    [
        [],
        [Agency(id="tax", name="Tax", created_ms=0)],
        [Agency(id="health", name="H", created_ms=0, revoked_ms=1)],
    ],
)
def test_an_unknown_or_revoked_agency_gets_none(document: str, known: list[Agency]) -> None:
    """An agreement needs an agency that is let in."""
    directory = SimulatedDirectory(known)
    with pytest.raises(AgreementStateError, match="not enrolled"):
        put_in_force(directory, document.encode())


@pytest.mark.parametrize("status", [AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED])
def test_a_token_domain_is_of_one_agency(
    directory: SimulatedDirectory, change: Callable[..., bytes], status: AgreementStatus
) -> None:
    """Two agencies with one domain could join what they keep; once the other's agreement has ended it is free."""
    directory.rows[900] = AgreementRow(
        agency="tax",
        version=3,
        document=change(agency='"tax"', token_domain='"payers"'),
        signature=b"",
        signer="",
        status=status,
    )
    with pytest.raises(AgreementStateError, match="the token domain payers is tax's"):
        put_in_force(directory, change(token_domain='"payers"'))
    put_in_force(directory, change(token_domain='"patients"'))
    directory.rows[900] = replace(directory.rows[900], agency="tax", status=AgreementStatus.ENDED)
    put_in_force(directory, change(token_domain='"payers"', version="2"))


def test_unsigned_or_refused_documents_are_not_activated(
    directory: SimulatedDirectory, change: Callable[..., bytes]
) -> None:
    """Neither a signature of somebody else nor an oracle gets in force."""
    with pytest.raises(AgreementDocumentError, match="too easily guessed"):
        put_in_force(directory, change(anchors='["rt"]'))
    with pytest.raises(AgreementSignatureError):
        activate(
            directory,
            directory.record,
            realm=REALM,
            signers=SIGNERS,
            data=change(),
            signature_file=sign(REALM, change(), Signer(bytes([7]) * 32)),
            name="health.toml",
            now=NOW,
        )
    assert directory.happened == []


def test_review_shows_errors_by_line_and_gives_warnings(change: Callable[..., bytes]) -> None:
    """What the linter refuses has file, line and remedy; what it warns of comes back."""
    with pytest.raises(AgreementDocumentError, match=r"health.toml: line \d+: purposes\[0\].anchors: rt is"):
        review(change(anchors='["rt"]'), name="health.toml", now=NOW)
    with pytest.raises(AgreementDocumentError, match=r"'9' is not in the list"):
        review(change(M='"9"'), name="health.toml", now=NOW)
    _, findings = review(change(kind='"regional"'), name="health.toml", now=NOW)
    assert [found.rule for found in findings] == ["iso27001"]
