"""The realm, which is the registry and environment that every keyed value is bound to, and the labels made from it.

Guarantees: two constructions, formats, registries or environments never share a label, because every part
stands with its length before it. A label is the start of a MAC's input, of an HKDF info or of associated
data; it is public.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from keys.errors import KeyUseError
from padan.canonical import prefixed

DEVELOPMENT: Final = "development"
"""The one environment in which single custody and development envelopes need no flag."""

REGISTRY: Final = 0
"""Number of the registry itself among the sources of attributes."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SCOPE = struct.Struct(">HHB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """A registry in one environment.

    Args:
        registry_id: 1 to 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit.
        environment: the same grammar; "production", "staging" or "development" in settings.

    Raises:
        KeyUseError: a name breaks the grammar.
    """

    registry_id: str
    environment: str

    def __post_init__(self) -> None:
        for name in (self.registry_id, self.environment):
            if NAME.fullmatch(name) is None:
                raise KeyUseError(
                    "a registry id and an environment are 1 to 63 of a-z, 0-9, '.', '_' and '-'"
                )

    @property
    def is_development(self) -> bool:
        """Whether the rules that bind real data may be relaxed, by name and not by guess."""
        return self.environment == DEVELOPMENT

    def label(self, construction: str, fmt: int = 1) -> bytes:
        """Make the label of a construction: "padan", its name, its format, the registry, the environment.

        Each part is UTF-8 with its u16 length before it (`padan.canonical.prefixed`).
        """
        return prefixed("padan", construction, str(fmt), self.registry_id, self.environment)

    def prefix(
        self, construction: str, *, source: int = REGISTRY, attribute: int = 0, profile: int = 0, fmt: int = 1
    ) -> bytes:
        """Make what stands before a keyed value's length: label | u16 source | u16 attribute | u8 profile.

        Raises:
            KeyUseError: a number does not fit.
        """
        try:
            scope = _SCOPE.pack(source, attribute, profile)
        except struct.error as error:
            raise KeyUseError("source and attribute fit in 16 bits, a profile in 8") from error
        return self.label(construction, fmt) + scope
