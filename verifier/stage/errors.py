"""What stands in the way of a stage; what a stage finds is never an error but a criterion of its report."""

from __future__ import annotations

from verifier.errors import OperatorError


class StageError(OperatorError):
    """Base of the stages' errors."""


class AgencyFilesError(StageError):
    """The certificate with which a stage calls the service, or its address, cannot be used."""


class AgreementGapError(StageError):
    """The agency's agreement grants nothing that the stage can ask."""


class ScenarioFileError(StageError):
    """A file of scenarios cannot be read; names lines, never values."""


class ReportFileError(StageError):
    """A report cannot be written, or is none."""


class ReportSignatureError(StageError):
    """A report's signature is missing, malformed, wrong, or of nobody who is trusted."""


class NotAliveError(StageError):
    """A part answers, but not as it must; told as a criterion that is not met."""
