"""Who may hold a KEK, each as the contract suite uses it: the provider, the operator beside it, and its secret.

Whoever adds a provider writes a class here and one line in `HOLDERS`; then every test of test_provider_contract.py
holds for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from keys import custodian
from keys.errors import (
    CredentialFormatError,
    KekFileError,
    KekMismatchError,
    PassphraseError,
    QuorumFileError,
    TokenFileError,
    TokenPinError,
)
from keys.kek import Kek
from keys.provider import open_provider
from keys.quorum_provider import Plan, QuorumKekProvider, keys_path
from keys.realm import Realm
from tests import softhsm
from tests.unit.keys.conftest import PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    from keys.errors import CustodianError
    from keys.provider import KekProvider
    from padan.personfile import Person

REALM = Realm(registry_id="registry-test", environment="development")
WRONG = "kelinci hitam melompat"
"""A secret that opens nothing."""


class Holder(ABC):
    """One provider in a folder of its own.

    Args:
        folder: an empty folder; relative paths of the URI start here.
        environment: sets variables for the test.
    """

    wrong_secret: ClassVar[type[CustodianError]]
    """What a wrong secret is told as."""
    broken_file: ClassVar[type[CustodianError]]
    """What a cut file is told as."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.environment = environment

    @property
    @abstractmethod
    def uri(self) -> str:
        """The URI that opens the provider."""

    @property
    @abstractmethod
    def secrets(self) -> list[str]:
        """What must be shown nowhere, beside the KEK itself."""

    @abstractmethod
    def spoil_secret(self) -> None:
        """Put a wrong secret in the place of the right one."""

    @abstractmethod
    def files(self) -> list[Path]:
        """List the files that hold what the provider keeps."""

    def open(self) -> KekProvider:
        """Open the provider, as another process would."""
        return open_provider(self.uri, base=self.folder)

    def prepare(self) -> None:  # noqa: B027 - most providers need no operator here
        """Do what the operator does before a KEK is created."""

    def prepare_renewal(self) -> None:  # noqa: B027 - most providers need no operator here
        """Do what the operator does before a KEK is renewed."""

    def finish_renewal(self, kek_id: str) -> None:  # noqa: B027 - most providers need no operator here
        """Do what the operator does after a renewal, so that one KEK alone is left."""

    def create(self) -> tuple[KekProvider, Kek]:
        """Make the first KEK."""
        self.prepare()
        provider = self.open()
        return provider, provider.create()

    def renew(self, provider: KekProvider) -> Kek:
        """Make the next KEK."""
        self.prepare_renewal()
        return provider.renew()

    def retire(self, provider: KekProvider, kek_id: str) -> None:
        """Keep one KEK alone."""
        self.finish_renewal(kek_id)
        provider.retire(kek_id)


class FileHolder(Holder):
    """`file:` with its passphrase in a file."""

    wrong_secret = PassphraseError
    broken_file = KekFileError

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        super().__init__(folder, environment)
        (folder / "passphrase").write_text(PASSPHRASE + "\n")

    @property
    def uri(self) -> str:
        """The URI that opens the provider."""
        return "file:kek.json?passphrase-file=passphrase"

    @property
    def secrets(self) -> list[str]:
        """What must be shown nowhere, beside the KEK itself."""
        return [PASSPHRASE]

    def spoil_secret(self) -> None:
        """Put a wrong secret in the place of the right one."""
        (self.folder / "passphrase").write_text(WRONG)

    def files(self) -> list[Path]:
        """List the files that hold what the provider keeps."""
        return [self.folder / "kek.json"]


class CredentialHolder(Holder):
    """`credential:` with a folder as systemd fills it; the operator writes what is in it."""

    wrong_secret = KekMismatchError
    broken_file = CredentialFormatError

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        super().__init__(folder, environment)
        self.lent = folder / "credentials"
        self.lent.mkdir(mode=0o700)
        environment.setenv("CREDENTIALS_DIRECTORY", str(self.lent))

    @property
    def uri(self) -> str:
        """The URI that opens the provider."""
        return "credential:kek"

    @property
    def secrets(self) -> list[str]:
        """What must be shown nowhere, beside the KEK itself."""
        return []

    def spoil_secret(self) -> None:
        """Put a wrong secret in the place of the right one."""
        self._lend("kek")

    def files(self) -> list[Path]:
        """List the files that hold what the provider keeps."""
        return [self.lent / "kek"]

    def prepare(self) -> None:
        """Lend a first KEK."""
        self._lend("kek")

    def prepare_renewal(self) -> None:
        """Lend the next KEK beside it."""
        if not (self.lent / "kek-next").exists():
            self._lend("kek-next")

    def finish_renewal(self, kek_id: str) -> None:
        """Put the next KEK in the place of the first, or take it away."""
        following = self.lent / "kek-next"
        if following.exists() and Kek(bytes.fromhex(following.read_text())).id == kek_id:
            following.replace(self.lent / "kek")
        following.unlink(missing_ok=True)

    def _lend(self, name: str) -> None:
        path = self.lent / name
        path.write_text(Kek.generate().reveal().hex() + "\n")
        path.chmod(0o600)


class TokenHolder(Holder):
    """`pkcs11:` with a token of SoftHSM2 in a folder of its own, and its PIN in a file."""

    wrong_secret = TokenPinError
    broken_file = TokenFileError

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        super().__init__(folder, environment)
        environment.setenv("SOFTHSM2_CONF", str(softhsm.make(folder)))
        (folder / "pin").write_text(softhsm.PIN + "\n")

    @property
    def uri(self) -> str:
        """The URI that opens the provider."""
        return softhsm.URI

    @property
    def secrets(self) -> list[str]:
        """What must be shown nowhere, beside the KEK itself."""
        return [softhsm.PIN]

    def spoil_secret(self) -> None:
        """Put a wrong secret in the place of the right one."""
        (self.folder / "pin").write_text(WRONG)

    def files(self) -> list[Path]:
        """List the files that hold what the provider keeps."""
        return [self.folder / "kek.json"]


class QuorumHolder(Holder):
    """`quorum:` of three custodians, of whom two are here; their own keys are open, which takes Argon2id a while."""

    wrong_secret = PassphraseError
    broken_file = QuorumFileError

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        super().__init__(folder, environment)
        self._is_spoilt = False
        (folder / "custody").mkdir()
        for name, (data, _, _) in _custodians().items():
            keys_path(folder / "custody", name).write_bytes(data)
            (folder / f"{name}.pass").write_text(_phrase(name) + "\n")

    @property
    def uri(self) -> str:
        """The URI that opens the provider."""
        return "quorum:custody?ani=ani.pass&budi=budi.pass"

    @property
    def secrets(self) -> list[str]:
        """What must be shown nowhere, beside the KEK itself."""
        return [_phrase(name) for name in _custodians()]

    def spoil_secret(self) -> None:
        """Put a wrong secret in the place of the right one."""
        self._is_spoilt = True
        (self.folder / "ani.pass").write_text(WRONG)

    def files(self) -> list[Path]:
        """List the files that hold what the provider keeps."""
        custody = self.folder / "custody"
        shares = [path for name in ("ani", "budi") for path in sorted(custody.glob(f"{name}.*.share.json"))]
        return [custody / "quorum.json", *shares]

    def open(self) -> KekProvider:
        """Open the provider, as another process would."""
        opened = super().open()
        assert isinstance(opened, QuorumKekProvider)
        people = {name: own for name, (_, _, own) in _custodians().items()}
        opened.deal_to(Plan(realm=REALM, threshold=2, cards=tuple(own.card for own in people.values())))
        if not self._is_spoilt:
            opened.welcome([people["ani"], people["budi"]])
        return opened


def _phrase(name: str) -> str:
    return f"the passphrase of {name}"


@cache
def _custodians() -> dict[str, tuple[bytes, bytes, Person]]:
    return {name: custodian.make(name, _phrase(name)) for name in ("ani", "budi", "cici")}


HOLDERS: Mapping[str, Callable[[Path, pytest.MonkeyPatch], Holder]] = {
    "file": FileHolder,
    "quorum": QuorumHolder,
    "credential": CredentialHolder,
    "pkcs11": TokenHolder,
}
"""The scheme of a URI to its holder."""
