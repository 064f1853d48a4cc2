"""The Prometheus endpoint of one process, and of several."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.installation import free_ports
from verifier import metrics_listener
from verifier.metrics import Metrics
from verifier.metrics_listener import MetricsListenError, SharedMetrics

ROOT = Path(__file__).parents[3]
_CHILD = """
import os
from verifier.metrics import Metrics
metrics = Metrics()
metrics.ready.set(1)
metrics.epoch.set(7)
metrics.observe_commit(3, 0.001)
print(os.getpid())
"""


def scrape(port: int) -> dict[str, float]:
    """Read the endpoint: names to values, labels left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {line.partition("{")[0].split()[0]: float(line.split()[-1]) for line in lines}


def test_one_process() -> None:
    """What was counted is shown, until the block ends."""
    metrics = Metrics()
    metrics.observe_commit(3, 0.001)
    (port,) = free_ports(1)
    with metrics_listener.listening(f"127.0.0.1:{port}", metrics.registry):
        assert scrape(port)["padan_commit_group_sum"] == 3
        with (
            pytest.raises(MetricsListenError, match="another service"),
            metrics_listener.listening(f"127.0.0.1:{port}", metrics.registry),
        ):
            pass
    with metrics_listener.listening(f"127.0.0.1:{port}", metrics.registry):
        pass
    with metrics_listener.listening("", metrics.registry):
        pass


def test_several_processes() -> None:
    """Counts add up and outlive their process; what a process only was ends with it."""
    (port,) = free_ports(1)
    with SharedMetrics() as shared, metrics_listener.listening(f"127.0.0.1:{port}", shared.registry):
        environment = os.environ | shared.environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto/python'}"}
        pids = [
            int(subprocess.check_output([sys.executable, "-c", _CHILD], cwd=ROOT, env=environment))
            for _ in range(2)
        ]
        both = scrape(port)
        assert (both["padan_commit_group_sum"], both["padan_ready"], both["padan_epoch"]) == (6, 2, 7)
        shared.forget(pids[0])
        one = scrape(port)
        assert (one["padan_commit_group_sum"], one["padan_ready"]) == (6, 1)


def test_a_process_that_is_just_beginning() -> None:
    """A file that a process has made and not yet filled, or never will because it was killed, spoils no scrape."""
    (port,) = free_ports(1)
    with SharedMetrics() as shared, metrics_listener.listening(f"127.0.0.1:{port}", shared.registry):
        folder = Path(shared.environment[metrics_listener.FOLDER_VARIABLE])
        environment = os.environ | shared.environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto/python'}"}
        subprocess.check_output([sys.executable, "-c", _CHILD], cwd=ROOT, env=environment)
        for name in ("counter_1.db", "gauge_livesum_1.db", "histogram_1.db"):
            (folder / name).touch()
        assert scrape(port)["padan_ready"] == 1
