"""Keys of people: made into a file of their own, and the public ones trusted by a setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys.provider import open_provider
from padan.cli.console import CommandError, ExitCode, print_json
from verifier import config, config_file
from verifier.agreement import signkey
from verifier.agreement.errors import AgreementSignatureError
from verifier.agreement.sign import public_key
from verifier.cli.authority import read_input, write_output
from verifier.cli.settings import CHOICE, settings

if TYPE_CHECKING:
    from keys.signing import Signer


KekUri = Annotated[
    str,
    typer.Option("--kek", help="What seals the key's file: file:PATH?passphrase-file=PATH; default nothing."),
]
PublicFile = Annotated[Path, typer.Argument(metavar="PUBLIC", help="The public key's file, from keygen.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def tell_key(out: Path, public: Path, text: str, *, keep: str, trust: str, as_json: bool) -> None:
    """Say where a new key is, where its owner keeps it, and which command trusts it."""
    if as_json:
        print_json({"key": str(out), "public": str(public), "public_key": text})
        return
    typer.echo(f"private key: {out} ({keep})\npublic key:  {public} ({text})")
    typer.echo(f"next: the operator runs padan-server {trust} {public}")


def make_key(out: Path, *, use: str, kek: str = "", public: Path | None = None) -> tuple[Path, str]:
    """Make a person's key, and beside it the public key.

    Returns:
        The public key's file and text.

    Raises:
        CommandError, SigningKeyError: a file is there already, or cannot be written.
    """
    target = public or out.with_suffix(".pub")
    if target.exists() or target == out:
        raise CommandError(
            f"{target}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
        )
    text = signkey.text(signkey.generate(out, provider=open_provider(kek) if kek else None, use=use))
    write_output(target, f"{text}\n".encode())
    return target, text


def load_key(key: Path, *, use: str, kek: str = "") -> Signer:
    """Open a person's private key.

    Raises:
        SigningKeyError: missing, malformed, sealed without --kek, or for another use.
    """
    return signkey.load(key, provider=open_provider(kek) if kek else None, use=use)


def trust_key(public: Path, *, setting: str) -> tuple[Path, list[str]]:
    """Add a public key to a setting.

    Returns:
        The configuration's file and all keys of the setting.

    Raises:
        CommandError: the file cannot be read, or holds no public key.
    """
    path, chosen = config.path_of(CHOICE.path), settings()
    text = read_input(public).decode(errors="replace").strip()
    try:
        public_key(text)
    except AgreementSignatureError as error:
        raise CommandError(f"{public}: {error}", next_step="name the .pub file that keygen wrote") from error
    known: tuple[str, ...] = getattr(chosen, setting)
    keys = [*known, *({text} - {*known})]
    config_file.replace(path, config_file.with_value(read_input(path).decode(), setting, keys))
    return path, keys
