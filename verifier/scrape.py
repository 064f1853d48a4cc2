"""A running service, asked from the same host: what its metrics say. It is not needed for this that a database works.

The metrics are those of `verifier.metrics`; with several workers the parent has added theirs up.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from verifier.errors import OperatorError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = 3.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not listened on
_OK: Final = 200


class NoMetricsError(OperatorError):
    """The service has no listener for metrics, so that nothing can be asked there."""


class NotRunningError(ServiceError):
    """Nothing answers at the address of the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What the metrics said at one moment: name and labels to value."""

    values: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def total(self, name: str, **labels: str) -> float | None:
        """Add up the values of a name that carry these labels; None where there is none."""
        wanted = labels.items()
        found = [value for (each, has), value in self.values.items() if each == name and wanted <= {*has}]
        return sum(found) if found else None

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """Add up the values of a name by one of its labels."""
        found: dict[str, float] = {}
        for (each, has), value in self.values.items():
            if each == name and label in dict(has):
                found[dict(has)[label]] = found.get(dict(has)[label], 0.0) + value
        return found

    @property
    def workers_ready(self) -> int:
        """How many worker processes answer."""
        return int(self.total("padan_ready") or 0)


def read(address: str, *, timeout: float = SECONDS) -> Readings:
    """Ask a service for its metrics.

    Args:
        address: host and port, as in the setting `metrics_listen`.
        timeout: seconds to wait for each step.

    Raises:
        NoMetricsError: the address is empty or none.
        NotRunningError: nobody answers there, or not with metrics.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal():
        raise NoMetricsError("metrics_listen is empty: the service cannot be asked at its metrics")
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host), int(port), timeout=timeout)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != _OK:
            raise NotRunningError(f"{address}: answers with status {answer.status}, not with metrics")
        return _readings(text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotRunningError(f"{address}: no service answers there ({type(error).__name__})") from error
    finally:
        connection.close()


def _readings(text: str) -> Readings:
    return Readings(
        values={
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )
