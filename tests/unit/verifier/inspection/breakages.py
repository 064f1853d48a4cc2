"""Ways in which an installation can be wrong, and how `padan-server config check` tells each."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from keys.custody import Custody
from keys.provider import open_provider
from keys.realm import Realm
from padan.tlog.frontier import Frontier
from tests.unit.verifier.inspection.broken import Broken, change
from verifier import config, migrations
from verifier.directory import Directory
from verifier.headfile import Head, HeadFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPTED = '"file:kek.json"'
ELSEWHERE = "192.0.2.1"
"""An address for documentation (RFC 5737): no machine has it."""


def _other_registry(folder: Path) -> None:
    for name in ("keyring.json", "kek.json", "keyring.events.jsonl"):
        (folder / name).unlink()
    settings = config.load(folder / "padan.toml")
    provider = open_provider(settings.kek)
    realm = Realm(registry_id="another", environment="development")
    Custody(path=settings.keyring, provider=provider, actor="tests").create(realm)


def _fresh_keyring(folder: Path) -> None:
    _other_registry(folder)
    for name in ("keyring.json", "kek.json", "keyring.events.jsonl"):
        (folder / name).unlink()
    settings = config.load(folder / "padan.toml")
    realm = Realm(registry_id=settings.registry_id, environment="development")
    Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="tests").create(realm)


def _roll_back(folder: Path) -> None:
    directory = Directory(str(folder / "data/log.sqlite"))
    directory.set_setting("keyring.counter", "99")
    directory.close()


def _damage(name: str, at: int = -40) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(data)

    return act


def _no_epoch(folder: Path) -> None:
    shutil.rmtree(folder / "data/vault")
    migrations.upgrade(str(folder / "data/vault"), migrations.Tree.VAULT)


def _long_path(folder: Path) -> None:
    change(folder, "workers", "2")
    change(folder, "data_dir", f'"{"d" * 120}"')


def _head_ahead(folder: Path) -> None:
    settings = config.load(folder / "padan.toml")
    realm = Realm(registry_id=settings.registry_id, environment="development")
    seen = Head(tree=Frontier().extend([bytes(33)] * 9), keyring=0)
    HeadFile(settings.head_file, realm).swap(None, seen)


def _mirror_beside(folder: Path) -> None:
    (folder / "mirror").mkdir()
    change(folder, "log_mirror", '"mirror"')


def _set(name: str, value: str) -> Callable[[Path], None]:
    return lambda folder: change(folder, name, value)


BROKEN = [
    Broken("an old log", _head_ahead, "head", "head", "the log has 0 entries", "restore"),
    Broken(
        "no folder for the head",
        _set("head_store", '"elsewhere/head.json"'),
        "files",
        "file-missing",
        "head_store: ",
        "mount it",
    ),
    Broken(
        "no folder for the tree",
        _set("tree_dir", '"padan.toml"'),
        "files",
        "file-missing",
        "tree_dir: ",
        "move the file away",
    ),
    Broken(
        "a mirror on the same disk",
        _mirror_beside,
        "files",
        "space",
        "log_mirror: ",
        "another disk",
        "warning",
    ),
    Broken(
        "a malformed key for disputes",
        lambda folder: change(folder, "dispute_key", '"hello"'),
        "settings",
        "setting",
        "dispute_key: not an X25519 public key",
        "",
    ),
    Broken(
        "thresholds that are none",
        _set("biometric_thresholds", '"padan.toml"'),
        "settings",
        "setting",
        "the file of thresholds is not JSON",
        "padan-server calibrate",
    ),
    Broken(
        "a typo",
        lambda folder: change(folder, "workes", "2"),
        "settings",
        "setting",
        "padan.toml:1: workes: no such setting; did you mean workers?",
        "docs/operate.md",
    ),
    Broken(
        "no TOML", lambda folder: change(folder, "workers", "= 2"), "settings", "setting", "not TOML", "mend"
    ),
    Broken(
        "no file",
        lambda folder: (folder / "padan.toml").unlink(),
        "settings",
        "setting",
        "no such file",
        "mend",
    ),
    Broken(
        "a wrong value",
        lambda folder: change(folder, "workers", "0"),
        "settings",
        "setting",
        "padan.toml:1: workers: Input should be greater than",
        "docs/operate.md",
    ),
    Broken(
        "production",
        lambda folder: change(folder, "environment", '"production"'),
        "settings",
        "setting",
        "development only",
        "padan-audit keys",
    ),
    Broken(
        "no auditors' key",
        lambda folder: change(folder, "auditors_key", '"elsewhere.pub"'),
        "files",
        "file-missing",
        "auditors_key: ",
        "auditors-keygen",
    ),
    Broken(
        "a malformed auditors' key",
        lambda folder: (folder / "auditors.pub").write_text("hello"),
        "settings",
        "setting",
        "standard base64 of 32 bytes",
        "",
    ),
    Broken(
        "a socket's path that is too long",
        _long_path,
        "settings",
        "setting",
        "longer than the 107 bytes of a socket",
        "data_dir",
    ),
    Broken(
        "no key agent",
        lambda folder: change(folder, "key_agent", '"agent.sock"'),
        "listen",
        "address",
        "key_agent: ",
        "padan-server agent",
        "warning",
    ),
    Broken(
        "a key agent's path that is too long",
        lambda folder: change(folder, "key_agent", f'"/{"a" * 120}"'),
        "listen",
        "address",
        "longer than the 107 bytes of a socket",
        "shorter",
    ),
    Broken(
        "a passphrase that is asked for",
        lambda folder: change(folder, "kek", '"file:kek.json"'),
        "keyring",
        "keyring-unverified",
        "its passphrase or PIN is asked for",
        "padan-keys check",
        "warning",
    ),
    Broken(
        "a passphrase that systemd lends",
        lambda folder: change(
            folder, "kek", '"file:kek.json?passphrase-file=/run/credentials/x.service/kek"'
        ),
        "files",
        "file-missing",
        "only while systemd runs the unit",
        "LoadCredential",
        "warning",
    ),
    Broken(
        "an open key",
        lambda folder: (folder / "tls/server.key").chmod(0o604),
        "files",
        "file-mode",
        "others may open it (mode 0604)",
        "chmod 600",
    ),
    Broken(
        "a key for the group",
        lambda folder: (folder / "tls/server.key").chmod(0o640),
        "files",
        "file-mode",
        "its group may read it",
        "chmod 600",
        "warning",
    ),
    Broken(
        "an open configuration",
        lambda folder: (folder / "padan.toml").chmod(0o666),
        "files",
        "file-mode",
        "others may change the configuration",
        "chmod go-w",
    ),
    Broken(
        "no folder",
        lambda folder: change(folder, "data_dir", '"elsewhere"'),
        "files",
        "file-missing",
        "data_dir: ",
        "install -d",
    ),
    Broken(
        "a wrong passphrase",
        lambda folder: (folder / "passphrase").write_text("another passphrase\n"),
        "keyring",
        "keyring",
        "does not open the KEK file",
        "passphrase",
        unlocks=True,
    ),
    Broken(
        "a changed keyring",
        _damage("keyring.json"),
        "keyring",
        "keyring",
        "keyring",
        "copy",
        unlocks=True,
    ),
    Broken(
        "no keyring",
        lambda folder: (folder / "keyring.json").unlink(),
        "files",
        "file-missing",
        "keyring: ",
        "padan-keys init",
    ),
    Broken(
        "another's keyring",
        _other_registry,
        "keyring",
        "other-registry",
        "made for another",
        "registry_id",
        unlocks=True,
    ),
    Broken(
        "another keyring of ours",
        _fresh_keyring,
        "epoch",
        "epoch-key",
        "does not hold: attribute",
        "put back",
        unlocks=True,
    ),
    Broken(
        "an old keyring", _roll_back, "keyring", "keyring-rolled-back", "the log has seen 99", "newest copy"
    ),
    Broken(
        "another's TLS key",
        lambda folder: (folder / "tls/server.key").write_bytes((folder / "callers/tax.key").read_bytes()),
        "tls",
        "tls",
        "not the key of",
        "ca issue-server",
    ),
    Broken(
        "no CA",
        lambda folder: (folder / "ca/ca.pem").write_text("no"),
        "tls",
        "tls",
        "no CA certificates",
        "client_ca",
    ),
    Broken(
        "another machine's address",
        lambda folder: change(folder, "listen", f'"{ELSEWHERE}:7443"'),
        "listen",
        "address",
        f"listen: {ELSEWHERE}:7443 is no address of this machine",
        "0.0.0.0",  # noqa: S104 - in a text
    ),
    Broken(
        "one address twice",
        lambda folder: change(folder, "audit_listen", config.load(folder / "padan.toml").listen.join('""')),
        "listen",
        "address",
        "is the address of listen too",
        "another port",
    ),
    Broken(
        "a port that is none",
        lambda folder: change(folder, "listen", '"127.0.0.1:99999"'),
        "listen",
        "address",
        "no port of 1 to 65535",
        "host:port",
    ),
    Broken(
        "metrics for everybody",
        lambda folder: change(folder, "metrics_listen", '"0.0.0.0:24999"'),
        "listen",
        "address",
        "can be reached from elsewhere",
        "firewall",
        "warning",
    ),
    Broken(
        "no log",
        lambda folder: (folder / "data/log.sqlite").unlink(),
        "databases",
        "database",
        "log: version none",
        "database upgrade",
    ),
    Broken(
        "a database that is none",
        lambda folder: (folder / "data/log.sqlite").write_bytes(b"hello" * 1000),
        "databases",
        "database",
        "log database: ",
        "",
    ),
    Broken(
        "a PostgreSQL that is away",
        lambda folder: change(folder, "vault_url", '"postgresql://127.0.0.1:1/none"'),
        "databases",
        "database",
        "vault database: ",
        "",
    ),
    Broken("no epoch", _no_epoch, "epoch", "no-epoch", "none is active", "registry load", "warning"),
    Broken(
        "a signer that is none",
        lambda folder: change(folder, "officers", '["hello"]'),
        "people",
        "people",
        "officers, number 1",
        "officer trust",
    ),
    Broken(
        "a stranger's agreement",
        lambda folder: change(folder, "agreement_signers", "[]"),
        "agreements",
        "agreement",
        "agreement of tax, version 1",
        "activate",
    ),
]
