"""From when on a token domain may be ended: by the agreements that name it, whatever became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from keys.ending import Ending
from keys.purpose import TokenDomain
from keys.state import KeyState
from tests.installation import install
from tests.terms import Terms
from verifier import expiry
from verifier.directory import AgreementRow, AgreementStatus
from verifier.expiry import Deadline, Kind
from verifier.token import ending
from verifier.token.errors import DomainInForceError, DomainUnknownError, EndingDiffersError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.installation import Installation

NOW = 1_800_000_000
LONG = "2036-01-01T00:00:00Z"
LONG_S = 2_082_758_400
PAST = "2026-12-01T00:00:00Z"
PAST_S = 1_796_083_200
DRAFT, ACTIVE, SUSPENDED, ENDED = AgreementStatus


def row(
    version: int,
    status: AgreementStatus,
    domain: str = "aid",
    *,
    until: str = LONG,
    activated: int | None = 1_700_000_000,
    agency: str = "social",
) -> AgreementRow:
    """Make one version of an agreement; activated at seconds of the Unix epoch."""
    return AgreementRow(
        agency=agency,
        version=version,
        document=Terms(version=version, token_domain=domain, until=until).document(agency),
        signature=b"",
        signer="",
        status=status,
        activated_ms=None if activated is None else activated * 1000,
    )


@pytest.mark.parametrize(
    ("rows", "agency", "version", "until"),
    [
        ([row(1, ACTIVE)], "social", 1, LONG_S),
        ([row(1, ACTIVE, until=PAST)], "social", 1, PAST_S),
        ([row(1, SUSPENDED)], "social", 1, LONG_S),
        ([row(1, DRAFT, activated=None)], "social", 1, LONG_S),
        ([row(1, ENDED), row(2, ACTIVE, "", activated=1_750_000_000)], "social", 1, 1_750_000_000),
        ([row(1, ENDED, until=PAST), row(2, ACTIVE, "", activated=1_799_000_000)], "social", 1, PAST_S),
        ([row(1, ENDED), row(2, ACTIVE, activated=1_750_000_000)], "social", 2, LONG_S),
        (
            [row(1, ENDED), row(2, ENDED, activated=1_710_000_000), row(3, ACTIVE, "", activated=1_720_000_000)],
            "social",
            2,
            1_720_000_000,
        ),
        (
            [row(1, DRAFT, activated=None), row(2, ENDED), row(3, ACTIVE, "", activated=1_750_000_000)],
            "social",
            2,
            1_750_000_000,
        ),
        ([row(1, ACTIVE, until=PAST), row(1, ACTIVE, agency="welfare")], "welfare", 1, LONG_S),
    ],
)  # fmt: skip
def test_the_last_agreement_counts(
    rows: Sequence[AgreementRow], agency: str, version: int, until: int
) -> None:
    """Until its validity ends or a version without the domain is activated; a suspended or unborn one may go on."""
    found = ending.namings(rows)["aid"]
    assert (found.agency, found.version, found.until) == (agency, version, until)


def test_a_domain_that_nothing_names_is_not_there() -> None:
    """Versions that never were in force, and cannot come into it, name nothing."""
    rows = [row(1, DRAFT, activated=None), row(2, ACTIVE, "other")]
    assert set(ending.namings(rows)) == {"other"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An agency whose agreement named a domain until a later version did not, and one whose agreement names one."""
    found = install(
        tmp_path_factory.mktemp("ending"),
        agencies={"social": Terms(token_domain="aid"), "tax": Terms(token_domain="tax")},
        people=[],
        token_domains=("aid", "tax", "spare"),
    )
    found.agree("social", Terms(version=2))
    directory = found.directory()
    directory.set_agreement_status("social", 2, AgreementStatus.ACTIVE, at_ms=NOW * 1000)
    directory.close()
    return found


def test_the_directory_says_from_when_on(made: Installation) -> None:
    """The agency, its agreement, when it ended and when the grace is over; not while one names the domain."""
    found = ending.find(made.settings, "aid", now=NOW + 1)
    assert (found.agency, found.version, found.ended) == ("social", 1, NOW)
    assert found.due == NOW + 90 * 86_400
    with pytest.raises(DomainInForceError, match="of social names the token domain aid until 2027-01-15"):
        ending.find(made.settings, "aid", now=NOW - 1)
    with pytest.raises(DomainInForceError, match="of tax names the token domain tax until 2035-12-31"):
        ending.find(made.settings, "tax", now=NOW)
    with pytest.raises(DomainUnknownError, match="no agreement has named the token domain spare"):
        ending.find(made.settings, "spare", now=NOW)


def test_what_custodians_were_shown_must_be_so(made: Installation) -> None:
    """Another agency, another end, or a grace that is over too early is refused when it comes to it."""
    found = ending.find(made.settings, "aid", now=NOW + 1)
    ending.require_same(made.settings, "aid", found, now=NOW + 1)
    for parts in ({"agency": "tax"}, {"ended": NOW - 5}, {"due": found.due - 1}):
        shown = Ending(**{**{name: getattr(found, name) for name in Ending.__slots__}, **parts})
        with pytest.raises(EndingDiffersError, match="not what the proposal says"):
            ending.require_same(made.settings, "aid", shown, now=NOW + 1)


def test_what_waits_is_listed_until_its_keys_are_gone(made: Installation) -> None:
    """A domain whose agreement is over is a thing that ends, with its grace, as long as it has a key."""
    directory = made.directory()
    try:
        ring = made.custody().read()
        listed = [*expiry.of_domains(directory, ring, grace_days=90, now=NOW + 1)]
        assert listed == [Deadline(kind=Kind.TOKEN_DOMAIN_GRACE, name="aid", at=NOW + 90 * 86_400)]
        assert [*expiry.of_domains(directory, ring, grace_days=90, now=NOW - 1)] == []
        (key,) = ring.keyset(TokenDomain("aid")).keys
        at = datetime.fromtimestamp(NOW, UTC)
        gone = ring.without_primary(TokenDomain("aid"))
        for state in (KeyState.DEACTIVATED, KeyState.DESTROYED):
            gone = gone.transition(TokenDomain("aid"), key.key_id, state, at=at)
        assert [*expiry.of_domains(directory, gone, grace_days=90, now=NOW + 1)] == []
    finally:
        directory.close()
