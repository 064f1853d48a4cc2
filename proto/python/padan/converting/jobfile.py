"""The job file: what the agency that hands in tells the one that collects. Nothing in it is secret.

JSON, one object; docs/formats/conversion.md.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
USE: Final = "conversion-job"
_MOST: Final = 1 << 16
_KINDS: Final[dict[str, type]] = {"registry": str, "job": str, "source": str, "target": str, "key": str}


class JobFileError(ConfigError):
    """A file is no job file, or cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """What a job is.

    Attributes:
        registry: id and environment of the registry, "ID/ENVIRONMENT".
        job: id of the job.
        source: token domain of the agency that handed it in.
        target: token domain of the one that collects it.
        columns: names of what travels along, in the order of the list.
        longest: bytes of the longest data that travels along.
        key: thumbprint of the key that it is sealed to; empty where nothing travels along.
        tokens: how many were taken.
    """

    registry: str
    job: str
    source: str
    target: str
    columns: tuple[str, ...]
    longest: int
    key: str
    tokens: int

    def write(self, path: Path) -> None:
        """Write it, whole or not at all; a file of this name is replaced.

        Raises:
            JobFileError: the disk does not take it.
        """
        new = path.with_name(path.name + ".new")
        content = json.dumps({"format": FORMAT, "use": USE, **asdict(self)}, indent=1) + "\n"
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
        except OSError as error:
            raise JobFileError(
                f"{path}: cannot be written ({error.strerror})",
                reason="file",
                next_step="name a file in a folder that you may write to, and run the same command",
            ) from None

    @classmethod
    def read(cls, path: Path) -> JobFile:
        """Read one.

        Raises:
            JobFileError: it cannot be read, or is none.
        """
        try:
            with path.open("rb") as file:
                content: Any = json.loads(file.read(_MOST))
            return cls(**_values(content))
        except OSError as error:
            raise JobFileError(
                f"{path}: cannot be read ({error.strerror})",
                reason="file",
                next_step="name a file that is there",
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise JobFileError(
                f"{path} is no job file",
                reason="format",
                next_step="use the file that `padan token convert` wrote at the other agency, unchanged",
            ) from None


def _values(content: dict[str, Any]) -> dict[str, Any]:
    if (content.pop("format"), content.pop("use")) != (FORMAT, USE):
        raise ValueError("another use")
    for name, kind in _KINDS.items():
        if not isinstance(content[name], kind):
            raise TypeError(name)
    uuid.UUID(content["job"])
    columns = content["columns"]
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise TypeError("columns")
    if not all(type(content[name]) is int and content[name] >= 0 for name in ("longest", "tokens")):
        raise TypeError("numbers")
    return {**content, "columns": tuple(columns)}
