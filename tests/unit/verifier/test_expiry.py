"""What ends by itself, and when."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.purpose import Purpose
from keys.realm import Realm
from tests.installation import Installation, install
from tests.simulator.kek_provider import MemoryKekProvider
from tests.terms import Terms
from verifier import expiry
from verifier.directory import Certificate
from verifier.expiry import AHEAD, Deadline, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from keys.keyset import Keyring

DAY = 86_400.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Make an installation with one agency and one auditor."""
    made = install(tmp_path_factory.mktemp("expiry"), agencies={"tax": Terms()})
    made.grant_auditor("ana", until="2031-01-01T00:00:00Z")
    return made


def found(installation: Installation) -> list[Deadline]:
    """List what ends."""
    directory = installation.directory()
    try:
        return [*expiry.of_files(installation.settings), *expiry.of_directory(directory)]
    finally:
        directory.close()


def ring(installation: Installation) -> Keyring:
    """Read the keyring."""
    agent = installation.agent()
    try:
        return agent.keyring
    finally:
        agent.close()


def test_everything_that_ends_is_listed(installation: Installation) -> None:
    """Certificates of server, CA and callers, agreements, grants and keys stand there, each with its end."""
    deadlines = [*found(installation), *expiry.of_keyring(ring(installation))]
    assert {each.kind for each in deadlines} == {*Kind} - {
        Kind.TOKEN_DOMAIN_GRACE
    }  # no domain waits for its end
    ends = {(each.kind, each.name): each.at for each in deadlines}
    server = ends[Kind.SERVER_CERTIFICATE, str(installation.settings.tls_cert)]
    assert 29 * DAY < server - time.time() < 31 * DAY
    assert ends[Kind.GRANT, "ana"] == 1_924_992_000
    assert (Kind.CALLER_CERTIFICATE, "agency/tax") in ends
    assert (Kind.CALLER_CERTIFICATE, "auditor/ana") in ends


def test_a_log_key_that_was_replaced_ends_too(tmp_path: Path) -> None:
    """Until it is deactivated its end is told: who believes it alone refuses the log from then on."""
    made = Custody(path=tmp_path / "k.json", provider=MemoryKekProvider(), actor="tester")
    old = made.create(Realm(registry_id="registry-test", environment="development")).primary(
        Purpose.LOG_SIGNING
    )
    ring, new = made.rotate(Purpose.LOG_SIGNING)

    def named(ring: Keyring) -> set[str]:
        return {each.name for each in expiry.of_keyring(ring) if each.name.startswith("log-signing")}

    assert named(ring) == {f"log-signing {old.key_id}", f"log-signing {new}"}
    assert named(made.deactivate(Purpose.LOG_SIGNING, old.key_id)) == {f"log-signing {new}"}


def test_a_renewed_certificate_hides_the_old_one(installation: Installation) -> None:
    """Of a holder's certificates the last to end is listed, and none that is revoked."""
    directory = installation.directory()
    ends = {each.name: each.at for each in expiry.of_directory(directory)}
    later = int((ends["agency/tax"] + DAY) * 1000)
    for serial, not_after, revoked in (("aa", later, None), ("bb", later + 9, 1)):
        directory.add_certificate(
            Certificate(
                serial=serial,
                role="agency",
                holder="tax",
                kind="own",
                fingerprint=serial.encode() * 16,
                not_before_ms=1,
                not_after_ms=not_after,
                revoked_ms=revoked,
            )
        )
    again = [each for each in expiry.of_directory(directory) if each.name == "agency/tax"]
    directory.close()
    assert [(each.kind, each.at) for each in again] == [(Kind.CALLER_CERTIFICATE, later / 1000)]


def test_files_that_are_not_there_end_nothing(installation: Installation) -> None:
    """A certificate that cannot be read is somebody else's finding."""
    gone = installation.root / "gone.pem"
    settings = installation.settings.model_copy(update={"tls_cert": gone, "client_ca": gone})
    assert [*expiry.of_files(settings)] == []


def test_what_ends_soon_stands_first() -> None:
    """What has ended or ends within 30 days is picked, the first to end first; the rest is left."""
    kinds = (Kind.KEY, Kind.GRANT, Kind.AGREEMENT)
    times = (1000 + AHEAD - 1, 900.0, 1000 + AHEAD)
    deadlines = [Deadline(kind=kind, name="x", at=at) for kind, at in zip(kinds, times, strict=True)]
    assert [each.kind for each in expiry.soon(deadlines, now=1000)] == [Kind.GRANT, Kind.KEY]
    left = expiry.seconds_left(deadlines, now=1000)
    assert left[Kind.GRANT] == -100
    assert left[Kind.SERVER_CERTIFICATE] == math.inf
