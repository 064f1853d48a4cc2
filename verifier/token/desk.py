"""TokenService: the desks that answer its calls, brought together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.token.collecting import Collecting
from verifier.token.converting import Converting
from verifier.token.reception import Reception
from verifier.token.updating import Updating

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.call import Now
    from verifier.ports import Agreements, Gate, Journal, Periods, Rates, Witnesses
    from verifier.token.domains import TokenDomains
    from verifier.token.jobs import Jobs
    from verifier.token.residents import Residents


class TokenDesk:
    """Answers the calls of TokenService, each by an attribute of its own. Safe to call from many threads.

    Args:
        gate: identifies callers.
        agreements: those in force.
        rates: keeps each agency to a rate over all these calls.
        domains: the token domains.
        journal: takes the entries.
        witnesses: what the log's witnesses vouch for.
        residents: finds residents behind tokens.
        periods: names residents in the log.
        jobs: finds jobs of conversion.
        now: the clocks.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        rates: Rates,
        domains: TokenDomains,
        journal: Journal,
        witnesses: Witnesses,
        residents: Residents,
        periods: Periods,
        jobs: Jobs,
        now: Callable[[], Now],
    ) -> None:
        reception = Reception(gate=gate, agreements=agreements, rates=rates, journal=journal, now=now)
        self.update_tokens = Updating(reception=reception, domains=domains, journal=journal).answer
        self.convert_tokens = Converting(
            reception=reception,
            agreements=agreements,
            witnesses=witnesses,
            domains=domains,
            residents=residents,
            periods=periods,
            jobs=jobs,
            journal=journal,
        ).answer
        self.collect_converted = Collecting(
            reception=reception,
            agreements=agreements,
            witnesses=witnesses,
            domains=domains,
            residents=residents,
            jobs=jobs,
            journal=journal,
        ).answer
