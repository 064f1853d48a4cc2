"""The accounts of a process that answers or commits: begun with its keys, looked at each second, shown as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keys.meter import Meters
from verifier.accounts import WRITTEN, Accounts
from verifier.housekeeping import Duty
from verifier.log.tally import Growth

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from keys.agent import LocalKeyAgent
    from verifier.directory import Directory
    from verifier.metrics import Metrics

EVERY: Final = 1.0
"""Seconds between two looks."""


def begin(
    opened: contextlib.ExitStack,
    agent: LocalKeyAgent,
    metrics: Metrics,
    *,
    log: Directory | None,
) -> tuple[Accounts, Duty]:
    """Count from now on what keys are used for; nothing may have been handed out before.

    Args:
        opened: what the process closes at its end; a last look is taken then.
        agent: the process's keys.
        metrics: show the counts.
        log: the log's database, where this process writes entries itself.

    Returns:
        The accounts, and the duty that looks at them.

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
    return accounts, Duty(name="accounts", every=EVERY, act=accounts.look)


def _written(log: Directory) -> Callable[[], int]:
    with log.reading() as connection:
        growth = Growth(connection, WRITTEN)

    def read() -> int:
        with log.reading() as connection:
            return growth.read(connection)

    return read
