"""What can go wrong with a feed as a whole; no message carries a value of it."""

from __future__ import annotations

from verifier.errors import OperatorError, ServiceError


class FeedError(OperatorError):
    """Base of the feed's errors."""


class FeedFormatError(FeedError):
    """The file is cut off, malformed, or of another registry or environment."""


class FeedSignatureError(FeedError):
    """The file is signed by nobody who is trusted, or was changed."""


class FeedGapError(FeedError):
    """Changes between the vault's position and the file's first are missing."""

    @classmethod
    def between(cls, source: str, position: int, after: int) -> FeedGapError:
        """Say what is missing."""
        return cls(f"it goes on after position {after}, but {source} was followed to {position} only")


class FeedTimeError(FeedError):
    """New changes of an older state of the registry than is in already, or of one that is yet to come."""


class FeedEpochError(FeedError):
    """The epoch in use cannot take changes of this release."""


class FeedSourceError(FeedError):
    """The address names no source of changes that can be used."""


class FeedSourceUnavailableError(ServiceError):
    """The database or server that the changes come from is away; the same command goes on later."""
