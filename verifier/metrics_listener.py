"""The Prometheus endpoint: of one process's metrics, or of all processes of a service together.

Several processes keep their numbers in files of one folder (prometheus_client's multiprocess mode), where one that
dies leaves what it had counted. The parent adds them up at each scrape.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from verifier.errors import OperatorError
from verifier.metrics import process_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Tells prometheus_client where; it is read when that is imported, so it must stand before a process begins."""


class MetricsListenError(OperatorError):
    """The address of the metrics cannot be listened on."""


@contextlib.contextmanager
def listening(
    address: str, registry: CollectorRegistry, *, setting: str = "metrics_listen"
) -> Iterator[None]:
    """Serve a registry.

    Args:
        address: host and port; empty for none.
        registry: the metrics.
        setting: which one names the address.

    Raises:
        MetricsListenError: another process listens there, or it is no address.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), addr=host.strip("[]"), registry=registry)
    except (OSError, ValueError) as error:
        raise MetricsListenError(f"{setting}: {address} cannot be used; is another service there?") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Files(Collector):
    """Adds up what the files of a folder hold.

    A process makes its file empty and fills it a moment later, or is killed in between; prometheus_client's own
    collector of a whole folder cannot read such a file, and would fail the scrape.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        """Read every file that has been begun."""
        begun = [str(path) for path in self._folder.glob("*.db") if _size(path)]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(begun)  # type: ignore[no-untyped-call]  # has none
        return metrics


def _size(path: Path) -> int:
    """Give a file's size in bytes; 0 where its process was taken leave of a moment ago."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class SharedMetrics:
    """The metrics of several processes, in a folder that lasts as long as the `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="padan-metrics-")
        self.registry = CollectorRegistry()
        self.registry.register(_Files(self._folder.name))
        self._ends = process_ends(self.registry)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the folder."""
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What the processes must be started with."""
        return {FOLDER_VARIABLE: self._folder.name}

    def forget(self, pid: int) -> None:
        """Take leave of a process that has ended: what it only was, such as ready, counts no more."""
        self._ends.inc()
        mark_process_dead(pid, path=self._folder.name)  # type: ignore[no-untyped-call]  # has none
