"""Custodians for tests and benches: five of whom three open a keyring, each at an own terminal."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from keys import custodian, handing, keyceremony, sharefile
from keys.provider import open_provider
from keys.quorum_provider import keys_path, share_path
from padan.rpc import from_rpc
from padan.v1 import custody_pb2, custody_pb2_grpc
from tests.service import open_channel
from verifier.cli.custody_line import Line
from verifier.cli.place import FarDesk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.ceremonyfile import CeremonyFile
    from keys.keychange import Change
    from keys.provider import KekProvider
    from keys.realm import Realm
    from padan.personfile import Person
    from tests.installation import Installation
    from verifier.config import Settings

KEK = "quorum:custody"
NAMES = ("ani", "budi", "cici", "dewi", "eko")
NEWCOMERS = ("fajar", "gita")
SECONDS = 180.0
"""How long a busy machine may take."""


@functools.cache
def _opened(data: bytes, name: str) -> Person:
    return custodian.open_keys(data, f"the passphrase of {name}", name=name)


def padan_keys(installation: Installation, *words: str, kek: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of custodians."""
    chosen = ["--kek", kek] if kek else []
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("padan-keys")),
            *("--config", str(installation.config_path)),
            *chosen,
            *words,
        ],
        cwd=installation.root,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def phrase_files(*names: str) -> list[str]:
    """Name files of passphrases as options."""
    return [word for name in names for word in ("--passphrase-file", f"{name}={name}.pass")]


def sitting_together(*names: str) -> str:
    """Name the provider with those who are here."""
    return "quorum:custody?" + "&".join(f"{name}={name}.pass" for name in names)


def make_keyring(settings: Settings, realm: Realm) -> KekProvider:
    """Let five custodians make a keyring that three open, by the command."""
    root = settings.keyring.parent
    for name in (*NAMES, *NEWCOMERS):
        (root / f"{name}.pass").write_text(f"the passphrase of {name}\n")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("padan-keys")),
            *("--config", "padan.toml", "init", "--custodians", ",".join(NAMES), "--threshold", "3"),
            *phrase_files(*NAMES),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    del realm
    return open_provider(sitting_together(*NAMES[:3]), base=root)


class Terminal:
    """A custodian's terminal: own certificate, own keys, by default where they were made."""

    def __init__(self, installation: Installation, name: str, folder: Path | None = None) -> None:
        self.name = name
        self._installation = installation
        self._identity = installation.identities.get(name) or installation.certify(name, kind="custodian")
        self.folder = folder or installation.root / "custody"
        data = keys_path(self.folder, name).read_bytes()
        self.person = _opened(data, name)

    @contextlib.contextmanager
    def stub(self) -> Iterator[custody_pb2_grpc.CustodyServiceStub]:
        """Call the custody listener."""
        port = int(self._installation.settings.custody_listen.rpartition(":")[2])
        with open_channel(self._installation, self._identity, port) as channel:
            yield custody_pb2_grpc.CustodyServiceStub(channel)

    def share(self, generation: int = 1) -> sharefile.ShareFile:
        """Read the own share."""
        return sharefile.decode(share_path(self.folder, self.name, generation).read_bytes())

    def standing(self) -> custody_pb2.Standing:
        """Ask how it stands; a listener that is just opening is waited for."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                with self.stub() as stub:
                    return stub.GetStanding(custody_pb2.GetStandingRequest(), timeout=SECONDS).standing
            except grpc.RpcError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def hand_in(
        self, file: sharefile.ShareFile | None = None, secret: bytearray | None = None, **change: Any
    ) -> str:
        """Hand a share in, by default the own one; gives the reason of a refusal and its text, or nothing."""
        return self.send(self.sealed(file, secret) | change)

    def sealed(
        self,
        file: sharefile.ShareFile | None = None,
        secret: bytearray | None = None,
        proposal: bytes = b"",
    ) -> dict[str, Any]:
        """Seal a share to the agent that answers, to open the keys or for a proposal: the fields of a request."""
        found, chosen = self.standing(), file or self.share()
        opened = secret or chosen.open(self.person)
        return {
            "quorum_id": chosen.quorum_id,
            "agent_key": found.agent_key,
            "sealed_share": handing.seal(opened, chosen, found.agent_key, proposal),
            "proposal": proposal,
        }

    @property
    def desk(self) -> FarDesk:
        """The proposals that lie with the key agent."""
        return FarDesk(
            Line(
                address=self._installation.settings.custody_listen,
                ca=self._installation.ca,
                cert=self._identity.certificate,
                key=self._identity.key,
                server_name="localhost",
            )
        )

    def send(self, fields: dict[str, Any]) -> str:
        """Send a request; gives the reason of a refusal and its text, or nothing."""
        with self.stub() as stub:
            try:
                stub.HandInShare(custody_pb2.HandInShareRequest(**fields), timeout=SECONDS)
            except grpc.RpcError as error:
                refused = from_rpc(error)
                return f"{refused.reason}: {refused}"
        return ""

    def files(self, generation: int) -> list[str]:
        """Name the own files as options."""
        paths = keys_path(self.folder, self.name), share_path(self.folder, self.name, generation)
        phrase = self.folder.parent / f"{self.name}.pass"
        return ["--keys", str(paths[0]), "--share", str(paths[1]), "--passphrase-file", str(phrase)]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that calls the listener."""
        return self._run(*words, address="--address", key="--key")

    def decide(self, *words: str, signs: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command about proposals that lie with the key agent, with the own key where it signs."""
        key, phrase = keys_path(self.folder, self.name), self.folder.parent / f"{self.name}.pass"
        signing = ("--key", str(key), "--key-kek", f"passphrase-file={phrase}") if signs else ()
        return self._run(*words, *signing, address="--server", key="--cert-key")

    def _run(self, *words: str, address: str, key: str) -> subprocess.CompletedProcess[str]:
        return padan_keys(
            self._installation,
            *words,
            *(address, self._installation.settings.custody_listen, "--server-name", "localhost"),
            *("--ca", str(self._installation.ca)),
            *("--cert", str(self._identity.certificate), key, str(self._identity.key)),
        )


def agree_apart(people: list[Terminal], change: Change) -> CeremonyFile:
    """The first proposes and the others approve, each at an own terminal; it lies with the key agent."""
    desk = people[0].desk
    at = desk.table()
    file = keyceremony.propose(at.sitting, change, people[0].person.signer)
    for each in people[1:]:
        file = keyceremony.approve(at.sitting, file, each.person.signer)
    return desk.keep(at, None, file)


def at_table(installation: Installation, people: list[Terminal]) -> Settings:
    """Settings of a command at which custodians sit together."""
    root = installation.root
    phrases = "&".join(f"{each.name}={root / each.name}.pass" for each in people)
    return installation.settings.model_copy(update={"kek": f"quorum:{root / 'custody'}?{phrases}"})
