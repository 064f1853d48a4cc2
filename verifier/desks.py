"""The desks beside the core, and what they stand on: disputes, tokens, enrolments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier import clocks
from verifier.dispute import officerkey
from verifier.dispute.desk import Desk
from verifier.dispute.table import DisputeTable
from verifier.limiter import RateLimiter
from verifier.token.desk import TokenDesk
from verifier.token.enrolment_desk import EnrolmentDesk
from verifier.token.jobs import Jobs
from verifier.token.residents import Residents

if TYPE_CHECKING:
    from verifier.accounts import Account
    from verifier.agreement.store import AgreementStore
    from verifier.config import Settings
    from verifier.directory import Directory
    from verifier.log.store import LogStore
    from verifier.ports import Epochs, Gate, Journal, Marks, Periods, Rates, Witnesses
    from verifier.token.domains import TokenDomains


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the desks stand on.

    Attributes:
        questions: keeps agencies to their agreements' rates; the core's own.
        opened: the account of rows of the vault that are opened.
    """

    settings: Settings
    gate: Gate
    agreements: AgreementStore
    questions: Rates
    domains: TokenDomains
    log: LogStore
    directory: Directory
    epochs: Epochs
    marks: Marks
    opened: Account
    periods: Periods
    witnesses: Witnesses
    journal: Journal

    @property
    def rates(self) -> RateLimiter:
        """A limiter of this process's share of each agency's rate, a new one at each look."""
        return RateLimiter(share=1 / self.settings.workers)


def disputes(ground: Ground) -> Desk:
    """Build the desk of disputes."""
    settings = ground.settings
    return Desk(
        gate=ground.gate,
        agreements=ground.agreements,
        openings=ground.rates,
        readings=ground.rates,
        table=DisputeTable(ground.directory),
        journal=ground.journal,
        now=clocks.now,
        key_id=officerkey.id_of(settings.dispute_key),
        days=settings.dispute_days,
        limit=settings.dispute_limit,
    )


def tokens(ground: Ground) -> TokenDesk:
    """Build the desk of tokens."""
    return TokenDesk(
        gate=ground.gate,
        agreements=ground.agreements,
        rates=ground.rates,
        domains=ground.domains,
        journal=ground.journal,
        witnesses=ground.witnesses,
        residents=Residents(rows=ground.log, epochs=ground.epochs, marks=ground.marks, opened=ground.opened),
        periods=ground.periods,
        jobs=Jobs.of(ground.directory, days=ground.settings.conversion_days),
        now=clocks.now,
    )


def enrolments(ground: Ground) -> EnrolmentDesk:
    """Build the desk of enrolment sets."""
    return EnrolmentDesk(
        gate=ground.gate,
        agreements=ground.agreements,
        rates=ground.rates,
        questions=ground.questions,
        domains=ground.domains,
        rows=ground.log,
        epochs=ground.epochs,
        marks=ground.marks,
        opened=ground.opened,
        periods=ground.periods,
        witnesses=ground.witnesses,
        directory=ground.directory,
        journal=ground.journal,
        now=clocks.now,
        slot=ground.settings.slot_ms / 1000,
        receipts=ground.settings.receipts,
    )
