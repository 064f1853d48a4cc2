"""The accounts of a process that answers or commits: begun with its keys, looked at each second, shown as metrics."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from keys.agent_client import SocketKeyAgent
from keys.errors import KeyAgentAwayError
from keys.meter import Meters
from verifier.accounts import WRITTEN, Accounts
from verifier.housekeeping import Duty
from verifier.log.tally import Growth

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.agent import LocalKeyAgent
    from verifier.directory import Directory
    from verifier.metrics import Metrics

EVERY: Final = 1.0
"""Seconds between two looks."""
HOLDERS_EVERY: Final = 10.0
"""Seconds between two questions to the agent who has its keys."""


def begin(
    opened: contextlib.ExitStack,
    agent: LocalKeyAgent,
    metrics: Metrics,
    *,
    log: Directory | None,
) -> tuple[Accounts, list[Duty]]:
    """Count from now on what keys are used for; nothing may have been handed out before.

    Args:
        opened: what the process closes at its end; a last look is taken then.
        agent: the process's keys.
        metrics: show the counts.
        log: the log's database, where this process writes entries itself.

    Returns:
        The accounts, and the duties that look at them.

    Raises:
        LogUnavailableError: the log cannot be read.
    """
    meters = agent.meters = Meters()
    accounts = Accounts(
        meters,
        written=None if log is None else _written(log),
        show=metrics.show_uses,
        tell=metrics.count_unlogged,
    )
    opened.callback(accounts.look)
    duties = [Duty(name="accounts", every=EVERY, act=accounts.look)]
    if isinstance(agent, SocketKeyAgent):
        duties.append(Duty(name="holders", every=HOLDERS_EVERY, act=lambda: _show_holders(agent, metrics)))
    return accounts, duties


def _show_holders(agent: SocketKeyAgent, metrics: Metrics) -> None:
    with contextlib.suppress(KeyAgentAwayError):  # the processes go on, and the next period's opening says so
        metrics.key_holders.set(agent.holders().living)


def _written(log: Directory) -> Callable[[], int]:
    with log.reading() as connection:
        growth = Growth(connection, WRITTEN)

    def read() -> int:
        with log.reading() as connection:
            return growth.read(connection)

    return read
