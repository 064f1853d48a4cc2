"""The environments, as an option's choices."""

from __future__ import annotations

import enum


class Environment(enum.StrEnum):
    """Environments that keys and installations can be made for."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
