"""What goes wrong with auditors' grants. A refused reading is METHOD_NOT_ALLOWED, with what is missing."""

from __future__ import annotations

from verifier.agreement.errors import DocumentError
from verifier.errors import MethodNotAllowedError, OperatorError


class NoGrantError(MethodNotAllowedError):
    """No grant of this auditor is in force."""


class OutsideGrantError(MethodNotAllowedError):
    """A filter asks for what the reader may not see."""


class GrantDocumentError(DocumentError):
    """A document is not a grant."""


class GrantSignatureError(OperatorError):
    """A signature over a grant is missing, malformed, wrong, or of nobody who may sign."""


class GrantStateError(OperatorError):
    """The step does not fit what is enrolled or activated already."""
