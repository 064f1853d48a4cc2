"""Commands that make new things: a keyring, and the development auditors' key."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys import envelope
from keys.custodian import SUFFIX
from keys.errors import KeyringExistsError
from keys.kek import Kek
from keys.realm import DEVELOPMENT, Realm
from keys.ringfile import RingFile
from padan.cli.console import CommandError, ExitCode, print_json
from verifier.cli.custody_choice import CHOICE
from verifier.cli.environment import Environment
from verifier.cli.founding import (
    Custodians,
    PassphraseFiles,
    Threshold,
    choose,
    found,
    require_quorum,
)
from verifier.secret_file import write_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.keyset import Keyring
    from keys.provider import KekProvider
    from keys.quorum_provider import QuorumKekProvider
    from verifier.cli.founding import Founding


def init(
    *,
    registry: Annotated[
        str,
        typer.Option(
            "--registry", help="Id of the registry, part of every key's label; default: registry_id."
        ),
    ] = "",
    environment: Annotated[
        Environment | None,
        typer.Option(
            "--environment", help="Part of every key's label; default: environment in the configuration."
        ),
    ] = None,
    single_custodian: Annotated[
        bool,
        typer.Option(
            "--single-custodian",
            help="Accept that one person alone can unlock every key; required outside development, and recorded.",
        ),
    ] = False,
    custodians: Custodians = "",
    threshold: Threshold = 0,
    passphrase_file: PassphraseFiles = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a keyring with a key for every purpose that a new service needs, and the KEK that wraps it.

    Writes the keyring, its history NAME.events.jsonl, and the KEK file of the provider; refuses to overwrite any. With
    --custodians the provider is quorum:FOLDER, and each custodian types an own passphrase.
    """
    realm, provider = _realm(registry, environment), CHOICE.provider()
    custody = CHOICE.custody(provider)
    if custodians:
        _init_quorum(
            realm,
            require_quorum(provider),
            choose(custodians, threshold, passphrase_file),
            as_json=as_json,
        )
        return
    if provider.single_custodian and not realm.is_development and not single_custodian:
        raise CommandError(
            f"with this KEK provider one person alone can unlock every key of the {realm.environment} registry",
            next_step="if that is decided, say --single-custodian; it is recorded in the keyring's history and the log",
            code=ExitCode.REFUSED,
        )
    ring = custody.create(realm)
    if not _report(ring, provider, as_json=as_json):
        typer.echo("keep a copy of what opens its KEK apart from it: without both every key is lost")


def _init_quorum(realm: Realm, provider: QuorumKekProvider, founding: Founding, *, as_json: bool) -> None:
    custody = CHOICE.custody(provider)
    with found(provider, realm, founding):
        ring = custody.create(realm, custodians=founding.told)
    names = {"custodians": list(founding.names), "threshold": founding.threshold}
    if _report(ring, provider, as_json=as_json, more=names):
        return
    typer.echo(
        f"any {founding.threshold} of {len(founding.names)} custodians unlock it: {', '.join(founding.names)}"
    )
    typer.echo(
        f"each takes NAME{SUFFIX} and NAME.1.share.json out of {provider.folder} and home, and prints both: "
        "padan-keys paper print KEYS SHARE"
    )


def _report(
    ring: Keyring, provider: KekProvider, *, as_json: bool, more: Mapping[str, object] | None = None
) -> bool:
    """Say what was made; whether that was JSON."""
    realm, keys = ring.realm, [{"purpose": purpose, "key_id": key.key_id} for purpose, key in ring]
    if as_json:
        print_json(
            {
                "registry": realm.registry_id,
                "environment": realm.environment,
                "keyring": str(CHOICE.keyring_path()),
                "counter": ring.counter,
                "single_custodian": provider.single_custodian,
                "keys": keys,
                **(more or {}),
            }
        )
        return True
    typer.echo(
        f"made {CHOICE.keyring_path()} with {len(keys)} keys for {realm.registry_id} ({realm.environment})"
    )
    return False


def _realm(registry: str, environment: Environment | None) -> Realm:
    settings = None if registry and environment else CHOICE.settings()
    if settings is None and not (registry and environment):
        raise CommandError(
            "no registry and environment are named",
            next_step="say --registry ID and --environment NAME, or name the server's configuration with --config PATH",
        )
    return Realm(
        registry_id=registry or (settings.registry_id if settings else ""),
        environment=str(environment or (settings.environment if settings else DEVELOPMENT)),
    )


def auditors_keygen(
    private: Annotated[
        Path, typer.Argument(help="File of the private key, made with mode 0600: base64 of 32 bytes.")
    ],
    public: Annotated[
        Path | None,
        typer.Option("--public", help="File of the public key; default: PRIVATE with suffix .pub."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make the auditors' key of a development service, to which its audit periods are sealed.

    Whoever holds the private key can open every period, so services with real people's data do not accept this kind.
    """
    target = public or private.with_suffix(".pub")
    if target.exists() or private.exists():
        raise KeyringExistsError(f"there is a file {target if target.exists() else private} already")
    secret, key = envelope.generate()
    write_secret(private, base64.b64encode(secret) + b"\n")
    text = base64.b64encode(key).decode()
    target.write_text(text + "\n", encoding="ascii")
    if as_json:
        print_json({"private": str(private), "public": str(target), "public_key": text})
    else:
        typer.echo(f"private key: {private}\npublic key:  {target} ({text})")


def new_kek(
    out: Annotated[Path, typer.Argument(help="File of the KEK, made with mode 0600: 64 hexadecimal digits.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a key-encryption key for systemd to lend, for a keyring with the provider credential:NAME.

    Whoever has the file and the keyring has every key: encrypt it with systemd-creds, and keep a copy elsewhere.
    """
    RingFile(out, keep_last=False).refuse_existing()
    kek = Kek.generate()
    write_secret(out, kek.reveal().hex().encode() + b"\n")
    kek.wipe()
    if as_json:
        print_json({"file": str(out), "kek": kek.id})
    else:
        typer.echo(f"KEK {kek.id}: {out}\nnext: name it in the unit, LoadCredential=NAME:{out.absolute()}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("new-kek")(new_kek)
    app.command("auditors-keygen")(auditors_keygen)
