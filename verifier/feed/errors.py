"""What can go wrong with a feed as a whole; no message carries a value of it."""

from __future__ import annotations

from verifier.errors import OperatorError


class FeedError(OperatorError):
    """Base of the feed's errors."""


class FeedFormatError(FeedError):
    """The file is cut off, malformed, or of another registry or environment."""


class FeedSignatureError(FeedError):
    """The file is signed by nobody who is trusted, or was changed."""


class FeedGapError(FeedError):
    """Changes between the vault's position and the file's first are missing."""


class FeedEpochError(FeedError):
    """The epoch in use cannot take changes of this release."""
