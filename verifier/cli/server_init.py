"""`padan-server init`: a new installation in a folder, up to the point where people must bring keys and data.

Guarantees: nothing that is there is overwritten, and where a step fails, what the steps before it made is removed.
"""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
import shlex
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys.realm import DEVELOPMENT
from padan.cli.console import CommandError, ExitCode, print_json
from verifier import config, config_file, migrations
from verifier.ca import CERTIFICATE_FILE, KEY_FILE, MAX_DAYS, CertificateAuthority
from verifier.cli.authority import PassphraseFile, read_passphrase, write_output
from verifier.cli.environment import Environment
from verifier.cli.settings import CHOICE
from verifier.secret_file import write_secret

if TYPE_CHECKING:
    from verifier.certificate import Certificate

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - the name of its file
_PASSPHRASE_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What was made, and what comes next: command lines with what each is for."""

    folder: Path
    settings: config.Settings
    certificate: Certificate
    names: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the installation; made where it is missing.")
    ] = Path(),
    *,
    registry: Annotated[
        str, typer.Option(help="Id of the registry; part of every key's label, never changed.")
    ],
    environment: Annotated[
        Environment,
        typer.Option(help="Part of every key's label; development is for fictional people only."),
    ] = Environment.DEVELOPMENT,
    trust_domain: Annotated[
        str, typer.Option(help="Host part of the names in certificates; default the registry's id.")
    ] = "",
    dns: Annotated[
        list[str] | None, typer.Option(help="A host name of the server; may be repeated. Default localhost.")
    ] = None,
    ip: Annotated[
        list[str] | None,
        typer.Option(help="An IP address of the server; may be repeated. Default 127.0.0.1."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(min=1, max=65_533, help="Port of the service; the log's is the next one, then metrics."),
    ] = 7443,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of the databases, new or empty; default DIR/data."),
    ] = None,
    ca_passphrase_file: PassphraseFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a working installation: configuration, databases, CA, the server's certificate; say what comes next.

    Refuses a folder in which any of them is. Listens on this machine alone until listen in padan.toml says otherwise.
    """
    if CHOICE.path is not None:
        raise CommandError(
            "init writes DIR/padan.toml and takes no --config",
            next_step="name the folder",
            code=ExitCode.USAGE,
        )
    passphrase = read_passphrase(ca_passphrase_file)
    text = config_file.render(
        {
            "registry_id": registry,
            "environment": environment,
            "trust_domain": trust_domain or registry,
            "kek": f"file:kek.json?passphrase-file={PASSPHRASE_FILE}",
            "agreement_signers": [],
            "listen": f"127.0.0.1:{port}",
            "audit_listen": f"127.0.0.1:{port + 1}",
            "metrics_listen": f"127.0.0.1:{port + 2}",
        }
        | ({"auditors_key": "auditors.pub"} if environment == DEVELOPMENT else {})
        | ({"data_dir": str(data_dir.absolute())} if data_dir else {})
    )
    names = (dns or ["localhost"], ip or ["127.0.0.1"])
    made = _make(folder, text, names, passphrase)
    if as_json:
        _print_document(made)
    else:
        _tell(made)


def _make(folder: Path, text: str, names: tuple[list[str], list[str]], passphrase: bytes) -> _Made:
    target = folder / config.DEFAULT_PATH
    with contextlib.ExitStack() as undo:
        _refuse(target)
        if not folder.exists():
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            _make_private(folder)
        write_output(target, text.encode())
        undo.callback(target.unlink, missing_ok=True)
        settings = _load(target)
        for path in (
            settings.ca_dir / CERTIFICATE_FILE,
            settings.ca_dir / KEY_FILE,
            settings.tls_cert,
            settings.tls_key,
            settings.keyring,
            *_inside(settings.data_dir),
        ):
            _refuse(path)
        for made in (settings.ca_dir, settings.tls_key.parent, settings.data_dir):
            if not made.exists():
                undo.callback(shutil.rmtree, made, ignore_errors=True)
        if settings.data_dir.exists():
            undo.callback(_clear, settings.data_dir)
        certificate = _certify(settings, names, passphrase)
        if not settings.data_dir.exists():
            _make_private(settings.data_dir)
        migrations.upgrade(settings.log_database, migrations.Tree.LOG)
        migrations.upgrade(settings.vault_database, migrations.Tree.VAULT)
        if settings.environment == DEVELOPMENT:
            secret = base64.b64encode(secrets.token_bytes(_PASSPHRASE_BYTES)) + b"\n"
            write_secret(folder / PASSPHRASE_FILE, secret)
        undo.pop_all()
    return _Made(
        folder=folder,
        settings=settings,
        certificate=certificate,
        names=(*names[0], *names[1]),
        steps=_steps(settings),
    )


def _inside(folder: Path) -> list[Path]:
    """Name what stands in the way in the folder of the databases; an empty one may have been made beforehand."""
    if not folder.is_dir():
        return [folder]
    return [folder] if any(folder.iterdir()) else []


def _clear(folder: Path) -> None:
    """Empty a folder that was there, empty, before."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _refuse(path: Path) -> None:
    if path.exists():
        raise CommandError(
            f"{path}: is there already; nothing was made or changed",
            next_step="name another folder, or go on with the installation that is there",
            code=ExitCode.STATE,
        )


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CommandError(
            f"{folder}: cannot be made ({error.strerror})", next_step="name a folder that you may make"
        ) from error


def _load(target: Path) -> config.Settings:
    """Read what was written; what is wrong with it came from the options, or from the environment."""
    try:
        return config.load(target)
    except config.ConfigError as error:
        wrong = re.sub(rf"^{re.escape(str(target))}(:\d+)?: ", "", str(error), flags=re.MULTILINE)
        raise CommandError(
            wrong, next_step="give other options, or unset the PADAN_ variable of that name; nothing was made"
        ) from error


def _certify(settings: config.Settings, names: tuple[list[str], list[str]], passphrase: bytes) -> Certificate:
    """Make the CA and the server's certificate."""
    now = datetime.now(UTC)
    authority = CertificateAuthority.create(
        settings.ca_dir, trust_domain=settings.trust_domain, now=now, passphrase=passphrase
    )
    issued, key = authority.issue_server(dns=names[0], ips=names[1], days=MAX_DAYS, now=now)
    settings.tls_key.parent.mkdir(parents=True, exist_ok=True)
    write_secret(settings.tls_key, key)
    write_output(settings.tls_cert, issued.pem + authority.pem)
    return issued.certificate


def _steps(settings: config.Settings) -> tuple[tuple[str, str], ...]:
    custody = "" if settings.environment == DEVELOPMENT else " --single-custodian"
    first = (
        ("padan-keys auditors-keygen auditors.key", "the key to which audit periods are sealed")
        if settings.environment == DEVELOPMENT
        else (f"(umask 077 && cat > {PASSPHRASE_FILE})", "the custodian types the passphrase of the keys")
    )
    return (
        first,
        (f"padan-keys init{custody}", "the keyring"),
        ("padan-server agreement keygen --out signer.key", "for each person who signs agreements"),
        ("padan-server agreement trust signer.pub", "let that person's signature count"),
        ("padan-server registry load FILE --activate", "the people; registry synth makes fictional ones"),
        ("padan-server agency enrol ID --csr FILE --out FILE", "with the request that padan init made"),
        ("padan-server agreement template --agency ID", "the agreement to fill in"),
        ("padan-server agreement sign FILE --key signer.key", "by the person who signs"),
        ("padan-server agreement activate FILE", "put it in force"),
        ("padan-server auditor template --auditor ID", "what an auditor may read; sign, activate likewise"),
        ("padan-server serve", "answer"),
    )


def _print_document(made: _Made) -> None:
    print_json(
        {
            "folder": str(made.folder),
            "config": str(made.folder / config.DEFAULT_PATH),
            "registry": made.settings.registry_id,
            "environment": made.settings.environment,
            "ca": str(made.settings.client_ca),
            "certificate": str(made.settings.tls_cert),
            "names": list(made.names),
            "not_after": _day(made.certificate),
            "log": made.settings.log_database,
            "vault": made.settings.vault_database,
            "next": [{"command": command, "what": what} for command, what in made.steps],
        }
    )


def _tell(made: _Made) -> None:
    settings = made.settings
    rows = [
        (config.DEFAULT_PATH, "the configuration: every setting with its meaning"),
        (settings.client_ca, f"the CA's certificate, for the agencies; {KEY_FILE} beside it signs theirs"),
        (
            settings.tls_cert,
            f"the server's, for {', '.join(made.names)}, until {_day(made.certificate)}; its key beside it",
        ),
        (settings.data_dir, "the databases of log and vault, at this release's version"),
    ]
    if settings.environment == DEVELOPMENT:
        rows.append((Path(PASSPHRASE_FILE), "opens the keys; at random, for you alone to read"))
    typer.echo(f"made an installation of {settings.registry_id} ({settings.environment}) in {made.folder}")
    base = made.folder.resolve()
    for path, what in rows:
        shown = path.relative_to(base) if path.is_relative_to(base) else path
        typer.echo(f"  {shown!s:<14}  {what}")
    typer.echo(
        "\nnext" + ("" if made.folder == Path() else f", after cd {shlex.quote(str(made.folder))}") + ":"
    )
    for command, what in made.steps:
        typer.echo(f"  {command:<52}  # {what}")


def _day(certificate: Certificate) -> str:
    return datetime.fromtimestamp(certificate.not_after, UTC).date().isoformat()
