"""Who is to hold a KEK together: names as options or typed, and for each newcomer keys under an own passphrase."""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from keys import custodian
from keys.errors import PassphraseError
from keys.file_provider import PASSPHRASE_MIN, read_passphrase
from keys.provider import ask
from keys.quorum_provider import Plan, QuorumKekProvider, keys_path
from padan.card import NAME
from padan.cli.console import CommandError, ExitCode
from padan.share import FEWEST, MOST
from verifier.secret_file import write_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from keys.provider import KekProvider
    from keys.realm import Realm
    from padan.card import Card
    from padan.personfile import Person

Custodians: TypeAlias = Annotated[
    str,
    typer.Option(
        "--custodians",
        help="Who holds the KEK together: names with commas between, or how many, and the names are asked for.",
    ),
]
Threshold: TypeAlias = Annotated[
    int,
    typer.Option(
        "--threshold",
        help="Custodians that it takes to unlock: 2 or more, and at most all.",
        show_default=False,
    ),
]
PassphraseFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--passphrase-file",
        metavar="NAME=PATH",
        help="File of a custodian's passphrase, for scripts; may be repeated. Who has none is asked.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """Who will hold the KEK, by name, how many it takes, and files of passphrases."""

    names: tuple[str, ...]
    threshold: int
    files: Mapping[str, Path]

    @property
    def told(self) -> dict[str, str]:
        """What the history says."""
        return {"custodians": ",".join(self.names), "threshold": str(self.threshold)}


def require_quorum(provider: KekProvider) -> QuorumKekProvider:
    """Give the provider where it is a quorum's.

    Raises:
        CommandError: it is another.
    """
    if not isinstance(provider, QuorumKekProvider):
        raise CommandError(
            "custodians hold a KEK together where the provider is quorum:FOLDER",
            next_step="say --kek quorum:FOLDER before the command, or set kek so in the configuration",
            code=ExitCode.USAGE,
        )
    return provider


def choose(custodians: str, threshold: int, files: Sequence[str] | None) -> Founding:
    """Read the options, and ask for names where only their number is given.

    Raises:
        CommandError: a name is malformed or stands twice, or numbers do not fit.
    """
    if custodians.isdigit():
        wanted = _number(int(custodians))
        names = [typer.prompt(f"Name of custodian {number}") for number in range(1, wanted + 1)]
    else:
        names = [name.strip() for name in custodians.split(",")]
    for name in names:
        if NAME.fullmatch(name) is None:
            raise _wrong(
                f"'{name}' is no custodian's name", "use a-z, 0-9 and hyphens, as in the certificate"
            )
    if len(set(names)) != len(names):
        raise _wrong("a custodian stands there twice", "name each person once")
    _number(len(names))
    if not FEWEST <= threshold <= len(names):
        raise _wrong(
            f"a threshold of {threshold} does not fit {len(names)} custodians"
            if threshold
            else "it is not said how many custodians it takes to unlock the keyring",
            f"say --threshold {FEWEST} to {len(names)}",
        )
    return Founding(names=tuple(sorted(names)), threshold=threshold, files=passphrase_files(files))


def passphrase_files(files: Sequence[str] | None) -> dict[str, Path]:
    """Read NAME=PATH options.

    Raises:
        CommandError: one is not of that form.
    """
    found: dict[str, Path] = {}
    for each in files or ():
        name, separator, path = each.partition("=")
        if not (name and separator and path):
            raise _wrong(f"--passphrase-file {each}: not NAME=PATH", "write NAME=PATH")
        found[name] = Path(path)
    return found


@contextlib.contextmanager
def found(
    provider: QuorumKekProvider, realm: Realm, founding: Founding, known: Sequence[Card] = ()
) -> Iterator[tuple[Card, ...]]:
    """Make the newcomers' keys and let the provider deal to all; where the block fails, the keys go again.

    Args:
        provider: of the quorum.
        realm: the registry and environment.
        founding: who will hold the KEK.
        known: those who hold it now; who stays keeps the own keys.

    Yields:
        The cards of all, in the order of their names.
    """
    cards = {card.name: card for card in known if card.name in founding.names}
    provider.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    people: list[Person] = []
    with contextlib.ExitStack() as undo:
        for name in founding.names:
            if name not in cards:
                path = keys_path(provider.folder, name)
                person = _newcomer(name, path, founding.files.get(name))
                undo.callback(path.unlink, missing_ok=True)
                people.append(person)
                cards[name] = person.card
        chosen = tuple(cards[name] for name in founding.names)
        provider.deal_to(Plan(realm=realm, threshold=founding.threshold, cards=chosen))
        provider.welcome(people)
        yield chosen
        undo.pop_all()


def _newcomer(name: str, path: Path, file: Path | None) -> Person:
    if path.exists():
        raise CommandError(
            f"{path}: there are keys of {name} already",
            next_step="move the file away if it protects nothing, or name another folder",
            code=ExitCode.STATE,
        )
    passphrase = new_passphrase(name) if file is None else read_passphrase(file)
    private, _, person = custodian.make(name, passphrase)
    write_secret(path, private)
    return person


def new_passphrase(name: str) -> str:
    """Let a custodian type a new passphrase, twice.

    Raises:
        PassphraseError: too short, the two differ, or there is no terminal.
    """
    passphrase = ask(f"New passphrase of {name}, {PASSPHRASE_MIN} characters or more: ")
    if len(passphrase) < PASSPHRASE_MIN:
        raise PassphraseError(f"a passphrase has at least {PASSPHRASE_MIN} characters")
    if not hmac.compare_digest(passphrase.encode(), ask("Once more: ").encode()):
        raise PassphraseError(f"the two passphrases of {name} differ")
    return passphrase


def _number(count: int) -> int:
    if not FEWEST <= count <= MOST:
        raise _wrong(f"{count} custodians cannot hold a KEK together", f"name {FEWEST} to {MOST}")
    return count


def _wrong(cause: str, next_step: str) -> CommandError:
    return CommandError(cause, next_step=next_step, code=ExitCode.INPUT)
