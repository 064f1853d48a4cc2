"""What can go wrong with a load as a whole; a broken row is never an error but a line among the rejects.

All are for the operator to act upon, and none carries a value of the source.
"""

from __future__ import annotations

from verifier.errors import OperatorError


class ProjectorError(OperatorError):
    """Base of the projector's errors."""


class SourceError(ProjectorError):
    """The source cannot be read, or not as the format that its name says."""


class FieldMapError(ProjectorError):
    """The field map cannot be used, or the source lacks a column that it names."""


class RunError(ProjectorError):
    """A file of a started load is not what was written."""


class LoadBusyError(ProjectorError):
    """Another load works in the same folder."""


class LoadMismatchError(ProjectorError):
    """The numbers of a load do not add up; nothing was activated."""


class WorkerError(ProjectorError):
    """A worker process ended before its work."""


class EpochChoiceError(ProjectorError):
    """The epoch that was named does not exist, or its state does not allow this step."""
