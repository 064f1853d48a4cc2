"""The configuration file as text: written new with every setting explained, and changed without losing a comment.

The explanations are the descriptions in `verifier.config.Settings`, so that they say what the code does.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from verifier.config import ConfigError, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic.fields import FieldInfo

_HEAD: Final = """\
# Configuration of padan-server and padan-keys. Paths are relative to this file.
# A variable PADAN_<SETTING> in the environment stands above it. A setting behind a # has its default, as shown.
"""


def render(values: Mapping[str, object]) -> str:
    """Write a configuration: every setting with its meaning, those not given as a comment with their default.

    Args:
        values: setting to value: text, number, truth value, or list of texts.

    Raises:
        ConfigError: there is no such setting.
    """
    if unknown := sorted(values.keys() - Settings.model_fields.keys()):
        raise ConfigError(f"no such setting: {', '.join(unknown)}")
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        given = name in values
        sign = "" if given else "# "
        parts.append(
            f"# {_meaning(field)}\n{sign}{name} = {_toml(values[name] if given else _shown(field))}\n"
        )
    return "\n".join(parts)


def with_value(text: str, name: str, value: object) -> str:
    """Change one setting of a configuration, and nothing else of its text.

    Args:
        text: the configuration.
        name: the setting; it stands on a line of its own, also as a comment, or is added.
        value: as in `render`.

    Raises:
        ConfigError: its value does not stand on one line, so that a person must change it.
    """
    line = f"{name} = {_toml(value)}"
    changed, found = re.subn(
        rf"^(?:# ?)?{re.escape(name)}[ \t]*=.*$", lambda _: line, text, flags=re.MULTILINE
    )
    if not found:
        changed = f"{line}\n{text}"  # before the first table, if there is one
    try:
        before, after = tomllib.loads(text), tomllib.loads(changed)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} cannot be changed here; write by hand: {line}") from error
    if after != {**before, name: json.loads(_toml(value))}:
        raise ConfigError(f"{name} cannot be changed here; write by hand: {line}")
    return changed


def replace(path: Path, text: str) -> None:
    """Put a changed configuration in the place of the old one, with its mode; a reader sees the old or the new one.

    Raises:
        ConfigError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error


def _meaning(field: FieldInfo) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    lowest = next((bound.ge for bound in field.metadata if getattr(bound, "ge", None) is not None), None)
    highest = next((bound.le for bound in field.metadata if getattr(bound, "le", None) is not None), None)
    said = field.description or ""
    if choices:
        said += f" One of: {', '.join(choices)}."
    if lowest is not None and highest is not None:
        said += f" From {lowest} to {highest}."
    return said


def _shown(field: FieldInfo) -> object:
    """Give a setting's default; where there is none, an example."""
    if field.default not in {None, PydanticUndefined}:
        return field.default
    return (field.examples or [""])[0]


def _toml(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A JSON text is a TOML text, but for the one control character that JSON leaves as it is.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
