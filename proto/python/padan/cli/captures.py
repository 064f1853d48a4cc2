"""Options of the command line that name captures: files as a device or its kit gives them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from padan.biometric import template
from padan.cli.console import CommandError, ExitCode
from padan.errors import InvalidRequestError
from padan.extras import sealing_missing
from padan.v1 import biometric_pb2
from padan.vocabulary import Modality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from padan.capture import Capture

_MOST: Final = 65_536
_RECORD: Final = b"FMR\0"
"""How a finger minutiae record of every standard begins."""

Face = Annotated[
    list[Path] | None,
    typer.Option("--face", metavar="FILE", help="A capture of the face: a serialised Template; repeatable."),
]
Finger = Annotated[
    list[Path] | None,
    typer.Option(
        "--finger",
        metavar="FILE",
        help="A capture of a finger: a finger minutiae record that names the finger, or a serialised Template; "
        "repeatable.",
    ),
]
Iris = Annotated[
    list[Path] | None,
    typer.Option("--iris", metavar="FILE", help="A capture of an iris: a serialised Template; repeatable."),
]
Extractor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODALITY=NAME/VERSION",
        help="What made the templates of a modality, such as finger=leader/1.0; once for each that is captured.",
    ),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The service's keys as you keep them, a JWK Set (`padan info --jwks`): captures are sealed to no key that "
        "none of these has signed.",
    ),
]


def read(files: Mapping[Modality, Sequence[Path]], extractors: Sequence[str]) -> list[Capture]:
    """Read captures, faces first, then fingers, then irises.

    Raises:
        CommandError: a file cannot be read or is none, or an extractor is missing.
        InvalidRequestError: a template breaks a rule; names the rule.
        ConfigError: the extra `sealing` is not installed.
    """
    named = _extractors(extractors)
    listed = [(modality, path) for modality in Modality for path in files.get(modality, ())]
    found = [(modality, named.get(modality), _template(modality, path)) for modality, path in listed]
    if not found:
        return []
    try:
        from padan.capture import Capture as Made  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        raise sealing_missing() from None
    captures = []
    for modality, made_by, data in found:
        if made_by is None:
            raise CommandError(
                f"it is not said what made the templates of the {modality.label}",
                next_step=f"give --extractor {modality.label}=NAME/VERSION, as the device's papers say",
                code=ExitCode.USAGE,
            )
        captures.append(Made(modality=modality, extractor=made_by, template=data))
    return captures


def _extractors(options: Sequence[str]) -> dict[Modality, biometric_pb2.Extractor]:
    found: dict[Modality, biometric_pb2.Extractor] = {}
    for option in options:
        word, equals, software = option.partition("=")
        name, slash, version = software.partition("/")
        if not equals or not slash:
            raise CommandError(
                "an --extractor is not MODALITY=NAME/VERSION",
                next_step="write it as --extractor finger=leader/1.0",
                code=ExitCode.USAGE,
            )
        found[Modality.of(word)] = template.extractor(name, version)
    return found


def _template(modality: Modality, path: Path) -> bytes:
    data = _bytes(path)
    try:
        if modality is Modality.FINGER and data.startswith(_RECORD):
            return template.finger(data).SerializeToString()
        template.parse(data, modality.label)
    except InvalidRequestError as error:
        rules = "; ".join(f"{each.field}: {each.rule}" for each in error.fields) or error.message
        raise CommandError(
            f"{path}: no template of a {modality.label}: {rules}",
            next_step="look at a minutiae record with padan biometric inspect; docs/formats/probe.md has the rest",
            code=ExitCode.USAGE,
        ) from None
    return data


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror})", next_step="name another file"
        ) from None
    if len(data) > _MOST:
        raise CommandError(
            f"{path} has more than {_MOST:,} bytes",
            next_step="give a template, not an image",
            code=ExitCode.USAGE,
        )
    return data
