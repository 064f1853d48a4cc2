"""Code lists: what a coded attribute may say, by code, label or alias.

The lists are data files beside this module (`data/<list>.json`), versioned, each with its source. A code is never
given another meaning; a label that is written differently becomes an alias. An agency that speaks its own codes has
them in its agreement as {attribute: {theirs: ours}}: for that attribute only its own codes are then understood.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tokenizer.attribute import ATTRIBUTES, Attribute, Kind
from tokenizer.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALIVE: Final = "1"
"""Code of list "life_status" for a living resident."""
UNKNOWN_BLOOD_TYPE: Final = "13"
"""Code of list "blood_type" for "not known"; a record does not hold it, so that it answers NOT_HELD."""
_NO_WORD = re.compile(r"[^A-Z0-9+-]+")
_DASH = re.compile(r"(?<=[A-Z])-(?=[A-Z])")


def fold(text: str) -> str:
    """Bring a label to the form in which labels are compared: upper case, single spaces, no other punctuation.

    A sign after a blood type ("A+", "O-") is kept.
    """
    return _NO_WORD.sub(" ", _DASH.sub(" ", text.upper())).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One entry of a list."""

    code: str
    label: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """A versioned list of codes of one attribute."""

    name: str
    version: str
    source: str
    attribute: Attribute
    codes: tuple[Code, ...]
    index: Mapping[str, str]
    """Every code, label and alias, as written and folded, to its code."""

    def find(self, value: str) -> str:
        """Read a code, label or alias.

        Raises:
            CodeError: it is none of them.
        """
        index = self.index
        code = index.get(value) or index.get(fold(value)) or index.get(value.strip().lstrip("0"))
        if code is None:
            raise CodeError
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLists:
    """All lists, by attribute number."""

    lists: Mapping[int, CodeList]

    @staticmethod
    def load() -> CodeLists:
        """Read the lists that come with this package; the same object each time."""
        return _load()

    def find(
        self, attribute: int, value: str, *, agency_codes: Mapping[int, Mapping[str, str]] | None = None
    ) -> str:
        """Read what an agency says as our code.

        Args:
            attribute: number of an attribute of kind CODE.
            value: as sent.
            agency_codes: the agency's own codes, {attribute: {theirs: ours}}.

        Raises:
            CodeError: the value is unknown, or the agency's own code leads to no code of ours.
        """
        own = agency_codes.get(attribute) if agency_codes else None
        if not own:
            return self.lists[attribute].find(value)
        ours = own.get(value.strip())
        if ours is None:
            raise CodeError
        return self.lists[attribute].find(ours)

    def __iter__(self) -> Iterator[CodeList]:
        return iter(self.lists.values())


@functools.cache
def _load() -> CodeLists:
    lists = {
        number: _read(info.code_list, info.attribute)
        for number, info in ATTRIBUTES.items()
        if info.kind is Kind.CODE
    }
    return CodeLists(lists=MappingProxyType(lists))


def _read(name: str, attribute: Attribute) -> CodeList:
    raw = json.loads(
        resources.files("tokenizer").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    )
    codes = tuple(
        Code(code=entry["code"], label=entry["label"], aliases=tuple(entry.get("aliases", ())))
        for entry in raw["codes"]
    )
    index: dict[str, str] = {}
    for code in codes:
        for spelling in (code.code, code.label, *code.aliases):
            index[spelling] = index[fold(spelling)] = code.code
    return CodeList(
        name=name,
        version=raw["version"],
        source=raw["source"],
        attribute=attribute,
        codes=codes,
        index=MappingProxyType(index),
    )
