"""A registry in one environment, to which signatures and boxes between people are bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from padan import canonical


class Labels(Protocol):
    """What makes the labels of one registry in one environment."""

    @property
    def registry_id(self) -> str:
        """The registry."""
        ...

    @property
    def environment(self) -> str:
        """The environment, such as "production"."""
        ...

    def label(self, construction: str, fmt: int = 1) -> bytes:
        """Make the label of a construction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry in one environment, as the tools of people outside the service name it."""

    registry_id: str
    environment: str

    def label(self, construction: str, fmt: int = 1) -> bytes:
        """Make the label of a construction: the bytes that the service's own keys use."""
        return canonical.prefixed("padan", construction, str(fmt), self.registry_id, self.environment)
