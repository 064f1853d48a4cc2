"""Values of the hot path: immutable to the type checkers, cheap to make at run time.

A frozen dataclass sets each field through `object.__setattr__`, which makes it three times as dear to build as a plain
one; a request builds some thirty values. So these are plain at run time, and mypy and pyright refuse to change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """Make a slotted, keyword-only dataclass that type checkers take as frozen."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
