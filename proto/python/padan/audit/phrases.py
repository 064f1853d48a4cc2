"""The words of a resident's answer in Indonesian and English, from phrases.toml, and how a code of the log is said."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language; texts but `meaning` are plain, and those are markup of a paragraph."""

    title: str
    law: str
    registry: str
    mandate: str
    request: str
    received: str
    due: str
    made: str
    covers: str
    from_beginning: str
    to_end: str
    late: str
    in_time: str
    intro: str
    heading: str
    nobody: str
    columns: list[str]
    auditors: str
    behalf: str
    refused: str
    meaning_head: str
    meaning: list[str]
    attributes: Mapping[str, str]
    outcomes: Mapping[str, str]
    kinds: Mapping[str, str]
    bases: Mapping[str, str]

    def attribute(self, code: str) -> str:
        """Say what was asked about."""
        return self.attributes.get(code, code)

    def outcome(self, code: str) -> str:
        """Say what came out."""
        kind, _, reason = code.partition(": ")
        return (
            f"{self.refused} ({reason.replace('_', ' ')})"
            if reason and kind == "refused"
            else self.outcomes.get(code, code)
        )

    def what(self, code: str) -> str:
        """Say what kind of entry it is."""
        return self.kinds.get(code, code)

    def basis(self, code: str) -> str:
        """Say the legal basis."""
        return self.bases.get(code, code)


def _read(language: str) -> Phrases:
    content: dict[str, Any] = tomllib.loads(
        resources.files("padan.audit").joinpath("phrases.toml").read_text(encoding="utf-8")
    )
    words: dict[str, Any] = content[language]
    return Phrases(**words)


INDONESIAN: Final = _read("id")
ENGLISH: Final = _read("en")
