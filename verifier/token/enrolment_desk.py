"""TokenService: the desks of enrolment sets, brought together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.token.checking import Checking
from verifier.token.classes import Classes
from verifier.token.enrolling import Enrolling
from verifier.token.listing import Listing
from verifier.token.reception import Reception
from verifier.token.residents import Residents
from verifier.token.telling import Telling
from verifier.token.witnessing import Witnessing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from verifier import ports
    from verifier.accounts import Account
    from verifier.agreement.grant import Terms
    from verifier.call import Now
    from verifier.directory import Directory
    from verifier.token.domains import TokenDomains
    from verifier.token.subjects import Rows

    class Agreements(ports.Agreements, Protocol):
        """Of one agency, and of all."""

        def all_in_force(self, now: float) -> Sequence[Terms]:
            """List the terms of every agency that has some."""
            ...


class EnrolmentDesk:
    """Answers the calls about enrolments, each by an attribute of its own. Safe to call from many threads.

    Args:
        gate: identifies callers.
        agreements: those in force.
        rates: keeps each agency to a rate over its calls with many residents.
        questions: keeps it to its agreement's rate over questions about one resident, Verify among them.
        domains: the token domains.
        rows: the log's store.
        epochs: gives the one in use.
        marks: what residents' rights ask.
        opened: the account of rows of the vault that are opened.
        periods: names residents in the log.
        witnesses: what the log's witnesses vouch for.
        directory: opens the log's database.
        journal: takes the entries.
        now: the clocks.
        slot: seconds after arrival at which every look-up ends.
        receipts: sign a receipt for each answer.
    """

    def __init__(
        self,
        *,
        gate: ports.Gate,
        agreements: Agreements,
        rates: ports.Rates,
        questions: ports.Rates,
        domains: TokenDomains,
        rows: Rows,
        epochs: ports.Epochs,
        marks: ports.Marks,
        opened: Account,
        periods: ports.Periods,
        witnesses: ports.Witnesses,
        directory: Directory,
        journal: ports.Journal,
        now: Callable[[], Now],
        slot: float,
        receipts: bool,
    ) -> None:
        many = Reception(gate=gate, agreements=agreements, rates=rates, journal=journal, now=now)
        single = Reception(
            gate=gate, agreements=agreements, rates=questions, journal=journal, now=now, agreed=True
        )
        residents = Residents(rows=rows, epochs=epochs, marks=marks, opened=opened)
        witnessing, classes = Witnessing(periods), Classes(agreements)
        enrolling = Enrolling(
            reception=many, domains=domains, residents=residents, witnessing=witnessing, journal=journal
        )
        self.enrol, self.withdraw = enrolling.enrol, enrolling.withdraw
        self.check_enrolment = Checking(
            reception=single,
            domains=domains,
            residents=residents,
            classes=classes,
            rows=rows,
            witnessing=witnessing,
            witnesses=witnesses,
            journal=journal,
            slot=slot,
            receipts=receipts,
        ).answer
        self.check_many = Listing(
            reception=many,
            domains=domains,
            residents=residents,
            classes=classes,
            rows=rows,
            witnessing=witnessing,
            witnesses=witnesses,
            journal=journal,
        ).answer
        self.list_enrolment_questions = Telling(reception=many, directory=directory, journal=journal).answer
