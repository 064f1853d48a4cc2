"""Budgets of guesses: which counters a request reads and charges, and what they say. Pure.

A counter's key is HMAC(K_budget, scope | agency | officer | subject or prefix)[:16] and is kept per day of log time.
The commit reads the counters, decides, and writes them in the transaction of the log entry, so that parallel
guesses cannot outrun them. A request is blocked when what it could cost does not fit, whatever it would answer.

Each agency keeps a floor of guesses about a subject and day that others cannot spend: it exempts from the budgets
over all agencies only, and only while the agency's own have room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from padan import canonical
from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.mac import MacKey
    from keys.realm import Realm

FLOOR = 2
UNBOUNDED = 2**63
"""The size of a budget that nothing is held against."""
KEY_SIZE = 16


class Scope(IntEnum):
    """What a counter counts; the number is part of its key."""

    AGENCY_SUBJECT = 1
    AGENCY_PREFIX = 2
    AGENCY = 3
    OFFICER = 4
    SUBJECT = 5
    PREFIX = 6
    AGENCY_QUESTIONS = 7
    OFFICER_QUESTIONS = 8
    QUOTA = 9
    PREFIX_ALERT = 10
    TOKEN_SUBJECT = 11
    TOKEN_PREFIX = 12
    ENROLMENT = 13
    ENROLMENT_COUNT = 14


OWN = (Scope.AGENCY_SUBJECT, Scope.AGENCY_PREFIX, Scope.AGENCY, Scope.OFFICER)
JOINT = (Scope.SUBJECT, Scope.PREFIX)
"""Over all agencies. A question by token has TOKEN_SUBJECT and TOKEN_PREFIX of its agency in their places, which nobody
reads: whatever it does, it shows in no budget that another agency could ask against. A question about an enrolment has
ENROLMENT in the place of all but AGENCY_SUBJECT: it guesses nothing about a number, so it spends no guesses but those
about its resident, whatever it is answered; where it is answered by a count, ENROLMENT_COUNT of agency and resident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Guesses granted a day. The joint ones are the registry's, the others the agreement's."""

    subject: int
    prefix: int
    agency: int
    officer: int
    joint_subject: int = 40
    joint_prefix: int = 400
    quota: int = 0


@value
class Counters:
    """The keys of a request's counters, 16 bytes each."""

    agency_subject: bytes
    agency_prefix: bytes
    agency: bytes
    officer: bytes
    subject: bytes
    prefix: bytes
    agency_questions: bytes
    officer_questions: bytes
    quota: bytes
    prefix_alert: bytes

    def all(self) -> tuple[bytes, ...]:
        """All keys that the commit must read."""
        return (
            self.agency_subject,
            self.agency_prefix,
            self.agency,
            self.officer,
            self.subject,
            self.prefix,
            self.agency_questions,
            self.officer_questions,
            self.quota,
            self.prefix_alert,
        )


class CounterKeys:
    """Computes the keys of counters under the budget key."""

    def __init__(self, key: MacKey, realm: Realm) -> None:
        self._macs = {scope: key.bind(realm.prefix("counter", attribute=int(scope))).mac for scope in Scope}
        self._of_subject = tuple(
            self._macs[scope]
            for scope in (
                Scope.AGENCY_SUBJECT,
                Scope.AGENCY_PREFIX,
                Scope.SUBJECT,
                Scope.PREFIX,
                Scope.AGENCY_QUESTIONS,
                Scope.OFFICER_QUESTIONS,
                Scope.PREFIX_ALERT,
            )
        )
        self._of_caller = lru_cache(maxsize=4096)(self._compute_of_caller)

    def of(self, *, agency: str, officer: str, subject: bytes, prefix: bytes, joint: bool = True) -> Counters:
        """Compute a request's counters.

        Args:
            agency: id of the agency.
            officer: the agency's pseudonym of the person who asks.
            subject: the subject's budget handle, 16 bytes.
            prefix: the budget handle of the first twelve digits, 16 bytes.
            joint: charge the budgets over all agencies, as every question by number does.
        """
        name, names, own, person, quota = self._of_caller(agency, officer)
        about_subject, about_prefix = name + subject, name + prefix
        (
            agency_subject,
            agency_prefix,
            any_subject,
            any_prefix,
            agency_questions,
            officer_questions,
            alert,
        ) = self._of_subject
        return Counters(
            agency_subject=agency_subject(about_subject)[:KEY_SIZE],
            agency_prefix=agency_prefix(about_prefix)[:KEY_SIZE],
            agency=own,
            officer=person,
            subject=(any_subject(subject) if joint else self._macs[Scope.TOKEN_SUBJECT](about_subject))[
                :KEY_SIZE
            ],
            prefix=(any_prefix(prefix) if joint else self._macs[Scope.TOKEN_PREFIX](about_prefix))[:KEY_SIZE],
            agency_questions=agency_questions(about_subject)[:KEY_SIZE],
            officer_questions=officer_questions(names + subject)[:KEY_SIZE],
            quota=quota,
            prefix_alert=alert(about_prefix)[:KEY_SIZE],
        )

    def of_enrolment(self, *, agency: str, officer: str, subject: bytes) -> Counters:
        """Compute the counters of a question about an enrolment; arguments as for `of`."""
        name, names, *_, quota = self._of_caller(agency, officer)
        about = name + subject
        unread = self._macs[Scope.ENROLMENT](about)[:KEY_SIZE]
        return Counters(
            agency_subject=self._macs[Scope.AGENCY_SUBJECT](about)[:KEY_SIZE],
            agency_prefix=unread,
            agency=unread,
            officer=unread,
            subject=unread,
            prefix=unread,
            agency_questions=self._macs[Scope.AGENCY_QUESTIONS](about)[:KEY_SIZE],
            officer_questions=self._macs[Scope.OFFICER_QUESTIONS](names + subject)[:KEY_SIZE],
            quota=quota,
            prefix_alert=unread,
        )

    def of_enrolment_count(self, *, agency: str, officer: str, subject: bytes) -> Counters:
        """Compute the counters of a resident in a count; arguments as for `of`."""
        about = canonical.prefixed(agency) + subject
        counters = self.of_enrolment(agency=agency, officer=officer, subject=subject)
        return replace(counters, agency_subject=self._macs[Scope.ENROLMENT_COUNT](about)[:KEY_SIZE])

    def _compute_of_caller(self, agency: str, officer: str) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        name, names = canonical.prefixed(agency), canonical.prefixed(agency, officer)
        return (
            name,
            names,
            self._macs[Scope.AGENCY](name)[:KEY_SIZE],
            self._macs[Scope.OFFICER](names)[:KEY_SIZE],
            self._macs[Scope.QUOTA](name)[:KEY_SIZE],
        )


@value
class Standing:
    """What the counters say about one request.

    Attributes:
        blocked: a budget does not have room; own and joint look the same to the caller.
        prefix_blocked: the budget of a prefix is the reason, which auditors are told.
    """

    blocked: bool
    prefix_blocked: bool


def standing(counters: Counters, used: Mapping[bytes, int], limits: Limits, cost_bound: int) -> Standing:
    """Say whether a request that may cost `cost_bound` units still has room."""
    spent = used.get
    own_subject = spent(counters.agency_subject, 0)
    own_prefix = spent(counters.agency_prefix, 0) + cost_bound > limits.prefix
    own = (
        (own_subject + cost_bound > limits.subject)
        | own_prefix
        | (spent(counters.agency, 0) + cost_bound > limits.agency)
        | (spent(counters.officer, 0) + cost_bound > limits.officer)
    )
    floor = own_subject < FLOOR
    joint_prefix = spent(counters.prefix, 0) + cost_bound > limits.joint_prefix
    joint_subject = spent(counters.subject, 0) + cost_bound > limits.joint_subject
    joint = (joint_subject | joint_prefix) & (not floor)
    return Standing(blocked=own | joint, prefix_blocked=own_prefix | (joint_prefix & (not floor)))


def charge(counters: Counters, used: dict[bytes, int], units: int) -> None:
    """Charge what a released answer cost to every budget."""
    for key in (
        counters.agency_subject,
        counters.agency_prefix,
        counters.agency,
        counters.officer,
        counters.subject,
        counters.prefix,
    ):
        used[key] = used.get(key, 0) + units


def release(counters: Counters, used: dict[bytes, int]) -> None:
    """Forget the agency's failed guesses about a subject who is shown to be present."""
    used[counters.agency_subject] = 0


def count_question(key: bytes, used: dict[bytes, int]) -> int:
    """Count one more question and return its bucket: 1, 2, 3 (3 to 5) or 4 (6 and more)."""
    used[key] = count = used.get(key, 0) + 1
    return count if count < 3 else 3 if count < 6 else 4  # noqa: PLR2004 - the buckets of the entry's format
