"""Says of a well-formed agreement where it would be an oracle, unlawful, or useless. Pure; the rules are data and sums.

An error refuses the agreement; a warning is for the people who sign it. The rules follow the design's "not an
oracle": what a request must prove (anchors), what guesses cost (budgets), and how finely a predicate can be searched
(ages, regions).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from verifier.agreement import vocabulary as words
from verifier.agreement.finding import Found, Severity, error, warning
from verifier.agreement.purpose_rules import of_purpose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from verifier.agreement.model import Agreement
    from verifier.toml_lines import Path

MAX_PREFIX_BUDGET: Final = 100
"""Guesses a day over one prefix of 12 digits; serials are handed out from 0001, so this walks that many of them."""
MAX_AGES: Final = 4
MIN_AGE_GAP: Final = 3
"""Years between two ages that may be asked. Closer ones let a search end at a birth year."""
MIN_PREFIX_LENGTH: Final[Mapping[int, int]] = {4: 8, 6: 32}
"""A wider source network says nothing about where a call comes from."""
LONG_VALIDITY_SECONDS: Final = 5 * 366 * 86_400
ISO27001_DAYS: Final = (90, 30, 7)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One thing that is wrong with what an agreement says.

    Attributes:
        rule: short stable name of the rule.
        path: the key in the document.
        wrong: what is wrong.
        right: what would be right.
    """

    severity: Severity
    rule: str
    path: Path
    wrong: str
    right: str


def lint(
    agreement: Agreement, *, now: float, code_lists: Mapping[int, AbstractSet[str]] | None = None
) -> tuple[LintFinding, ...]:
    """Find everything that is wrong with an agreement.

    Args:
        agreement: a well-formed one.
        now: seconds of the Unix epoch; for what runs out.
        code_lists: the codes of each coded attribute; without them, mappings are not checked.
    """
    found = [*_of_agreement(agreement, now), *_of_codes(agreement, code_lists), *_of_all_ages(agreement)]
    for index, purpose in enumerate(agreement.purposes):
        found += [
            (severity, rule, ("purposes", index, *path), wrong, right)
            for severity, rule, path, wrong, right in of_purpose(purpose)
        ]
    return tuple(
        LintFinding(severity=severity, rule=rule, path=path, wrong=wrong, right=right)
        for severity, rule, path, wrong, right in found
    )


def _of_agreement(agreement: Agreement, now: float) -> Iterator[Found]:
    for index, network in enumerate(agreement.security.source_addresses):
        if network.prefixlen < MIN_PREFIX_LENGTH[network.version]:
            yield error(
                "open-network",
                ("security", "source_addresses", index),
                "admits so many addresses that it excludes nobody",
                f"name networks of /{MIN_PREFIX_LENGTH[network.version]} or smaller",
            )
    if agreement.security.minimum_tls != "1.2":
        yield error(
            "not-available",
            ("security", "minimum_tls"),
            "this release cannot hold a single agency to TLS 1.3",
            'write "1.2"; 1.3 is spoken wherever the client can',
        )
    if agreement.budgets.prefix_per_day > MAX_PREFIX_BUDGET:
        yield error(
            "prefix-budget",
            ("budgets", "prefix_per_day"),
            f"lets an agency walk {agreement.budgets.prefix_per_day:,} serials of one prefix a day",
            f"at most {MAX_PREFIX_BUDGET}",
        )
    if agreement.valid_until <= now:
        yield warning("expired", ("validity", "until"), "is past", "every call under it is refused")
    elif agreement.valid_until - agreement.valid_from > LONG_VALIDITY_SECONDS:
        yield warning("long-validity", ("validity", "until"), "more than five years", "renew sooner")
    yield from _of_iso27001(agreement, now)


def _of_iso27001(agreement: Agreement, now: float) -> Iterator[Found]:
    """Regional agencies need a certificate of ISO/IEC 27001 (Permendagri 57/2021)."""
    until = agreement.legal.iso27001_until
    path = ("legal", "iso27001_until")
    if until is None:
        if agreement.agency_kind == words.AGENCY_KINDS["regional"]:
            yield warning(
                "iso27001", path, "missing for a regional agency", "name the day it is certified until"
            )
        return
    left = (datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp() + _DAY - now) / _DAY
    for days in sorted(ISO27001_DAYS):
        if left <= days:
            wrong = (
                "the certificate has run out" if left <= 0 else f"the certificate runs out within {days} days"
            )
            yield warning("iso27001", path, wrong, "ask the agency for the next one")
            return


def _of_codes(agreement: Agreement, code_lists: Mapping[int, AbstractSet[str]] | None) -> Iterator[Found]:
    for attribute, mapping in agreement.codes.items():
        known = None if code_lists is None else code_lists.get(attribute)
        for own, code in mapping.items():
            if known is not None and code not in known:
                yield error(
                    "unknown-code",
                    ("codes", words.ATTRIBUTE_NAMES[attribute], own),
                    f"{code!r} is not in the list",
                    "see the codes with padan info, or in docs/codes.md",
                )


def _of_all_ages(agreement: Agreement) -> Iterator[Found]:
    """Ages are judged over all purposes, because an agency can ask under each of them."""
    places: dict[int, Path] = {}
    for index, purpose in enumerate(agreement.purposes):
        for position, age in enumerate(purpose.ages):
            places.setdefault(age, ("purposes", index, "ages", position))
    ages = sorted(places)
    if len(ages) > MAX_AGES:
        yield error(
            "ages",
            places[ages[-1]],
            f"{len(ages)} ages over all purposes let a search close in on a birth date",
            f"grant at most {MAX_AGES}",
        )
    for younger, older in pairwise(ages):
        if older - younger < MIN_AGE_GAP:
            yield error(
                "ages",
                places[older],
                f"{younger} and {older} together tell a birth date to {older - younger} years",
                f"keep {MIN_AGE_GAP} years between ages, over all purposes",
            )
