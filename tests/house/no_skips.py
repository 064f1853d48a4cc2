"""A pytest plugin: a run in which a test was skipped or expected to fail has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.terminal import TerminalReporter


def left_out(reporter: TerminalReporter) -> list[str]:
    """Name what was collected and not run to a verdict."""
    kinds: Iterable[str] = ("skipped", "xfailed", "xpassed")
    return [report.nodeid for kind in kinds for report in reporter.stats.get(kind, [])]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run with skipped tests into a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (names := left_out(reporter)):
        reporter.ensure_newline()
        reporter.write_line(
            f"{len(names)} tests were left out, which fails this run: {', '.join(names)}", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
