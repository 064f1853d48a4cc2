"""The projector's keys and projection, for tests of checks too."""

from __future__ import annotations

from tests.unit.verifier.projector.conftest import agent, projection

__all__ = ["agent", "projection"]
