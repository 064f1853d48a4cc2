"""What is in a golden file, as JSON can hold it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def said(found: object) -> Any:
    """Give what JSON can hold: bytes in hexadecimal digits, of a value its fields, of a set its members in order."""
    if is_dataclass(found) and not isinstance(found, type):
        return {field.name: said(getattr(found, field.name)) for field in fields(found)}
    if isinstance(found, Mapping):
        return {
            name.name if isinstance(name, enum.Enum) else name: said(each) for name, each in found.items()
        }
    if isinstance(found, list | tuple | frozenset):
        return [said(each) for each in (sorted(found) if isinstance(found, frozenset) else found)]
    if isinstance(found, bytes | bytearray):
        return found.hex()
    if found is None or isinstance(found, bool | int | float | str):
        return found
    raise TypeError(f"a golden file that holds a {type(found).__name__}")
