"""Classes of enrolments: which programmes enrol in one, and what their agreements let others learn."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final, Protocol

from padan.value import value
from verifier.agreement import vocabulary
from verifier.agreement.errors import AgreementDocumentError, FeatureNotGrantedError
from verifier.agreement.parse import parse
from verifier.token.errors import ClassUnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.agreement.grant import Grant, Terms
    from verifier.agreement.model import EnrolmentClass
    from verifier.directory import Directory

COUNTS: Final = vocabulary.LISTS["counts"]
ROWS: Final = vocabulary.LISTS["rows"]
_SECONDS: Final = 1.0
"""How long a list of programmes is used before it is made again."""


class Agreements(Protocol):
    """Those in force."""

    def all_in_force(self, now: float) -> Sequence[Terms]:
        """List the terms of every agency that has some."""
        ...


@value
class Programmes:
    """Who enrols in a class.

    Attributes:
        domains: their token domains, sorted.
        lists: the least that one of them lets lists tell, of `vocabulary.LISTS`.
    """

    domains: tuple[str, ...]
    lists: int


class Classes:
    """Finds the programmes of classes. Safe to call from many threads.

    Args:
        agreements: those in force.
    """

    def __init__(self, agreements: Agreements) -> None:
        self._agreements = agreements
        self._lock = threading.Lock()
        self._made: tuple[float, dict[str, Programmes]] | None = None

    def programmes(self, category: str, now: float) -> Programmes:
        """Find who enrols in a class under an agreement in force.

        Args:
            category: the class.
            now: seconds of the Unix epoch.

        Raises:
            ClassUnknownError: nobody does.
            ServiceError: the agreements cannot be read.
        """
        found = self._all(now).get(category)
        if found is None:
            raise ClassUnknownError("no programme enrols in this class now", field="category")
        return found

    def _all(self, now: float) -> dict[str, Programmes]:
        with self._lock:
            if self._made is None or not self._made[0] <= now < self._made[0] + _SECONDS:
                self._made = now, _programmes(self._agreements.all_in_force(now))
            return self._made[1]


def _programmes(terms: Sequence[Terms]) -> dict[str, Programmes]:
    found: dict[str, dict[str, int]] = {}
    for each in terms:
        for grant in each.grants.values():
            for category, granted in grant.enrolments.items():
                if granted.enrol:
                    domains = found.setdefault(category, {})
                    known = domains.get(grant.token_domain, granted.lists)
                    domains[grant.token_domain] = min(known, granted.lists)
    return {
        category: Programmes(domains=tuple(sorted(domains)), lists=min(domains.values()))
        for category, domains in found.items()
    }


def require_enrol(grant: Grant, category: str) -> EnrolmentClass:
    """See that a purpose may enrol in a class.

    Raises:
        ClassUnknownError: it may not.
    """
    granted = grant.enrolments.get(category)
    if granted is None or not granted.enrol:
        raise ClassUnknownError("the purpose may not enrol in a class of this name", field="category")
    return granted


def require_ask(grant: Grant, category: str) -> EnrolmentClass:
    """See that a purpose may ask about a class.

    Raises:
        ClassUnknownError: it may not.
    """
    granted = grant.enrolments.get(category)
    if granted is None or not granted.ask:
        raise ClassUnknownError("the purpose may not ask about a class of this name", field="category")
    return granted


def require_list(grant: Grant, category: str, programmes: Programmes) -> int:
    """Say what a list brings a purpose: the least of what it and all programmes grant, of `vocabulary.LISTS`.

    Raises:
        ClassUnknownError: the purpose may not ask about the class.
        FeatureNotGrantedError: one of the agreements grants nothing for lists.
    """
    granted = grant.enrolments.get(category)
    if granted is None or (granted.enrol and not granted.ask):
        raise ClassUnknownError("the purpose may not ask about a class of this name", field="category")
    level = min(granted.lists, programmes.lists)
    if level < COUNTS:
        raise FeatureNotGrantedError("lists are not granted by all agreements of the class", field="category")
    return level


def ever(directory: Directory) -> set[tuple[str, str]]:
    """List every class that any agreement let a programme enrol in, with the programme's token domain.

    Agreements that ended count: what was enrolled under them stands until it is withdrawn or its resident erased. No
    signature is checked, since the list serves to delete alone.

    Raises:
        LogUnavailableError: the directory cannot be read.
    """
    found: set[tuple[str, str]] = set()
    for row in directory.agreements():
        with contextlib.suppress(AgreementDocumentError):
            for purpose in parse(row.document, name=row.agency).agreement.purposes:
                found |= {(each.category, purpose.token_domain) for each in purpose.enrolments if each.enrol}
    return found
