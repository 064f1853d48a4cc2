"""What can go wrong with a check as a whole; what differs is never an error but a line of its report."""

from __future__ import annotations

from verifier.projector.errors import ProjectorError


class SampleError(ProjectorError):
    """A sample is neither a number of people nor a share of them."""


class CheckStateError(ProjectorError):
    """What a killed check left cannot be gone on with."""


class CheckEpochError(ProjectorError):
    """The epoch was made in a way that this release does not project in."""
