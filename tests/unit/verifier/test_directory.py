"""The directory of agencies, certificates, agreements and settings, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from verifier.directory import (
    Agency,
    AgreementRow,
    AgreementStatus,
    AlreadyThereError,
    Certificate,
    Directory,
    NotThereError,
    Revoked,
)
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def directory(log_database: str) -> Iterator[Directory]:
    """Open a directory with one agency in it."""
    with closing(Directory(log_database)) as opened:
        opened.enrol_agency(Agency(id="agency-1", name="Agency One", created_ms=1_000))
        yield opened


def certificate(number: int, holder: str = "agency-1", role: str = "agency") -> Certificate:
    """Make a certificate."""
    return Certificate(
        serial=f"{number:040x}",
        role=role,
        holder=holder,
        kind="own",
        fingerprint=number.to_bytes(32, "big"),
        not_before_ms=1_000,
        not_after_ms=2_000 + number,
    )


def agreement(version: int) -> AgreementRow:
    """Make an agreement."""
    return AgreementRow(
        agency="agency-1", version=version, document=b"a = 1\n", signature=bytes(64), signer="signer-1"
    )


def test_agencies_come_back(directory: Directory) -> None:
    """An agency is read as it was enrolled; its id is taken for good."""
    one = Agency(id="agency-1", name="Agency One", created_ms=1_000)
    two = Agency(id="agency-2", name="Badan Négara", created_ms=2**41)
    directory.enrol_agency(two)
    assert directory.agencies() == [one, two]
    assert directory.agency("agency-2") == two
    with pytest.raises(AlreadyThereError):
        directory.enrol_agency(one)
    with pytest.raises(NotThereError):
        directory.agency("agency-3")


def test_revocations_are_kept_and_the_first_time_stands(directory: Directory) -> None:
    """Serials and agencies that are revoked are listed; revoking again changes nothing."""
    directory.add_certificate(certificate(1))
    directory.add_certificate(certificate(2))
    assert directory.revoked() == Revoked(serials=frozenset(), agencies=frozenset())
    for at in (50, 60):
        directory.revoke_certificate(certificate(2).serial, at_ms=at)
        directory.revoke_agency("agency-1", at_ms=at)
    assert directory.revoked() == Revoked(
        serials=frozenset({certificate(2).serial}), agencies=frozenset({"agency-1"})
    )
    assert directory.agency("agency-1").revoked_ms == 50
    assert [each.revoked_ms for each in directory.certificates("agency-1")] == [None, 50]
    directory.restore_agency("agency-1")
    assert directory.revoked().agencies == frozenset()
    with pytest.raises(NotThereError):
        directory.revoke_certificate("ff", at_ms=1)
    with pytest.raises(NotThereError):
        directory.revoke_agency("agency-9", at_ms=1)
    with pytest.raises(NotThereError):
        directory.restore_agency("agency-9")


def test_certificates_are_listed_by_role_and_holder(directory: Directory) -> None:
    """Certificates of another role or holder stay apart; a serial or fingerprint is there once."""
    for each in (
        certificate(3),
        certificate(2),
        certificate(4, "auditor-1", "auditor"),
        certificate(5, "agency-2"),
    ):
        directory.add_certificate(each)
    assert directory.certificates("agency-1") == [certificate(2), certificate(3)]
    assert directory.certificates() == [certificate(2), certificate(3), certificate(5, "agency-2")]
    assert directory.certificates("auditor-1", role="auditor") == [certificate(4, "auditor-1", "auditor")]
    with pytest.raises(AlreadyThereError):
        directory.add_certificate(certificate(3))


def test_activating_a_version_ends_the_one_before(directory: Directory) -> None:
    """At most one version of an agency is in force; drafts and ended ones stay as they are."""
    for version in (1, 2, 3):
        directory.put_agreement(agreement(version))
    directory.set_agreement_status("agency-1", 1, AgreementStatus.ACTIVE, at_ms=10)
    directory.set_agreement_status("agency-1", 2, AgreementStatus.ACTIVE, at_ms=20)
    directory.set_agreement_status("agency-1", 2, AgreementStatus.SUSPENDED)
    assert [(row.version, row.status, row.activated_ms) for row in directory.agreements()] == [
        (1, AgreementStatus.ENDED, 10),
        (2, AgreementStatus.SUSPENDED, 20),
        (3, AgreementStatus.DRAFT, None),
    ]
    assert directory.agreements(AgreementStatus.DRAFT, agency="agency-1") == [agreement(3)]
    assert directory.agreements(AgreementStatus.DRAFT, agency="agency-2") == []
    with pytest.raises(AlreadyThereError):
        directory.put_agreement(agreement(3))
    with pytest.raises(NotThereError):
        directory.set_agreement_status("agency-1", 9, AgreementStatus.ACTIVE)
    with pytest.raises(NotThereError):
        directory.put_agreement(
            AgreementRow(agency="agency-9", version=1, document=b"", signature=b"", signer="")
        )


def test_a_refused_step_changes_nothing(directory: Directory) -> None:
    """A version that cannot be activated does not end the one in force."""
    directory.put_agreement(agreement(1))
    directory.set_agreement_status("agency-1", 1, AgreementStatus.ACTIVE)
    before = directory.generation()
    with pytest.raises(NotThereError):
        directory.set_agreement_status("agency-1", 2, AgreementStatus.ACTIVE)
    assert directory.agreements()[0].status is AgreementStatus.ACTIVE
    assert directory.generation() == before


def test_every_write_counts_the_generation_up(log_database: str, directory: Directory) -> None:
    """Another process sees that something changed, however many write at once."""
    with closing(Directory(log_database)) as other:
        before = other.generation()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: directory.add_certificate(certificate(number)), range(1, 13)))
        directory.set_setting("name", "value")
        assert other.generation() == before + 13


def test_settings_are_read_and_replaced(directory: Directory) -> None:
    """A setting that was never set is None; the last value counts."""
    assert directory.setting("name") is None
    directory.set_setting("name", "one")
    directory.set_setting("name", "two")
    assert directory.setting("name") == "two"


def test_a_directory_without_tables_is_unavailable(empty_log_database: str) -> None:
    """A database that was never migrated is an outage of the log, for reading and for writing."""
    with closing(Directory(empty_log_database)) as directory:
        with pytest.raises(LogStoreError):
            directory.generation()
        with pytest.raises(LogStoreError):
            directory.set_setting("name", "value")
