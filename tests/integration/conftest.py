"""One running service for the tests that only ask, and what they compare by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service import Terms, install, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service with agencies of several standings; tests leave its people's budgets alone."""
    installation = install(
        tmp_path_factory.mktemp("installation"),
        agencies={
            "tax": Terms(subject=10_000, prefix=100_000),
            "elsewhere": Terms(addresses=("192.0.2.0/24",)),
            "poor": Terms(calls_per_day=3),
        },
        extra="joint_subject_budget = 100000\njoint_prefix_budget = 100000\n",
    )
    installation.certify("nobody")
    installation.certify("auditor-1", kind="auditor")
    installation.certify("stranger", register=False)
    with running(installation) as started:
        yield started
