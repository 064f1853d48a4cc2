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
    row(
        "CONVERSION_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the agreements of the two token domains do not both grant the conversion, or are not in force",
        "see `padan info`: the one purpose must name the other domain in conversions, the other one in converted_from",
    ),
    row(
        "CONVERSION_CLOSED",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the job of conversion is closed and takes no further part",
        "hand the rest in as a job of its own",
    ),
    row(
        "CONVERSION_INCOMPLETE",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "parts of the job of conversion are missing, so it cannot be closed",
        "hand in the missing parts, and close it then; `padan token convert` does so when it is run again",
    ),
    row(
        "CONVERSION_OPEN",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the job of conversion is not closed yet",
        "let the agency that hands it in come to its end",
    ),
    row(
        "UNKNOWN_CONVERSION",
        "NOT_FOUND",
        errors.ConflictError,
        "no job of this id was handed in for the purpose's token domain, or it was deleted, or its time is over",
        "check the job's id and the purpose; have it handed in again",
    ),
)
