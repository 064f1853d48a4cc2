"""The agency's key, request and certificate."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from padan import csr
from padan.errors import ConfigError
from tests.simulator.pki import AGENCY_URI

if TYPE_CHECKING:
    from tests.simulator.pki import Pki


def test_created_files_fit_together(tmp_path: Path) -> None:
    """The key is P-256 with mode 0600, and the request is signed by it and names the agency."""
    made = csr.create("clinic", tmp_path / "new" / "folder", trust_domain="registry.test")
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key.parent.stat().st_mode) == 0o700
    request = x509.load_pem_x509_csr(made.csr.read_bytes())
    assert request.is_signature_valid
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    assert request.subject.rfc4514_string() == "CN=clinic"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [AGENCY_URI]


@pytest.mark.parametrize("existing", ["agency.key", "agency.csr"])
def test_nothing_is_overwritten(tmp_path: Path, existing: str) -> None:
    """Where one of the files exists, it stays as it is and none is written."""
    (tmp_path / existing).write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        csr.create("clinic", tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(existing, "mine")]


@pytest.mark.parametrize("agency", ["", "Clinic", "a b", "-a", "a-", "x" * 64, "a/b", "a.b"])
def test_bad_ids_are_refused(tmp_path: Path, agency: str) -> None:
    """An id that cannot stand in a certificate's name is refused before anything is made."""
    with pytest.raises(ConfigError):
        csr.create(agency, tmp_path)
    assert not list(tmp_path.iterdir())


def test_unwritable_folder_is_told(tmp_path: Path) -> None:
    """A folder that is a file is an error of a file, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        csr.create("clinic", tmp_path / "file")


def test_certificate_is_read(pki: Pki) -> None:
    """Names, validity and public key of a certificate are read."""
    found = csr.read_certificate(Path(pki.agency.cert).read_bytes())
    assert found.uris == (AGENCY_URI,)
    assert found.issuer == "CN=ca"
    assert found.not_before < found.not_after
    assert found.public_key == csr.public_key_of(Path(pki.agency.key).read_bytes())
    assert csr.read_certificate(Path(pki.nameless.cert).read_bytes()).uris == ()


@pytest.mark.parametrize(
    "pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_unreadable_files_are_refused(pem: bytes) -> None:
    """What is no certificate, and what is no key, is refused."""
    with pytest.raises(ConfigError):
        csr.read_certificate(pem)
    with pytest.raises(ConfigError):
        csr.public_key_of(pem)
