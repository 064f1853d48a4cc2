"""The rows of the table of errors about tokens that agencies keep instead of numbers."""

from __future__ import annotations

from padan import errors
from padan.remedy_row import row

TOKENS = (
    row(
        "TOKEN_REFUSED",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the bytes are no token that this service issued to the token domain of the purpose",
        "see `padan token show` for its domain and `padan info` for the purpose's; send it whole, as it was issued",
    ),
    row(
        "TOKEN_OUTDATED",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the token is of a version whose time is over",
        "have a new one issued with the resident's number: `padan verify --issue-token`, or `padan token issue`",
    ),
    row(
        "TOKENS_UNAVAILABLE",
        "UNAVAILABLE",
        errors.UnavailableError,
        "the keys or rows behind tokens of this domain cannot be read",
        "send the same bytes again later; if `padan info` names no version of the domain, ask the registry's operator",
        retry=True,
    ),
    row(
        "CLASS_UNKNOWN",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the class is not one that the purpose may enrol in or ask about, or no programme enrols in it now",
        "see `padan info` for the classes of the purpose, which the agreement grants",
    ),
)
