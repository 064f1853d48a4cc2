"""What a running service says of itself, read from outside."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from tests.installation import free_ports
from verifier import metrics_listener, scrape
from verifier.call import Reply
from verifier.cli.failure import translate
from verifier.cli.server import build
from verifier.metrics import Metrics
from verifier.scrape import NoMetricsError, NotRunningError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@contextlib.contextmanager
def listening(metrics: Metrics, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve metrics as the service does; gives the address."""
    address = f"{host}:{free_ports(1)[0]}"
    with metrics_listener.listening(address, metrics.registry):
        yield address


def probe(folder: Path, address: str, *words: str) -> Result:
    """Run the command against an address."""
    path = folder / "padan.toml"
    path.write_text(f'registry_id = "r"\ntrust_domain = "t"\nmetrics_listen = "{address}"\n')
    return CliRunner().invoke(build(("probe",)), ["--config", str(path), "probe", *words])


def test_readings_are_what_was_counted() -> None:
    """Values come back by name and labels, added up where a label is left out."""
    metrics = Metrics()
    metrics.ready.set(2)
    for agency, outcome in (("tax", 1), ("tax", 2), ("health", 1)):
        metrics.observe_reply(Reply(body=b"", error=None, agency=agency, outcome=outcome), 0.001)
    with listening(metrics) as address:
        readings = scrape.read(address)
    assert readings.workers_ready == 2
    assert readings.total("padan_answers_total") == 3
    assert readings.total("padan_answers_total", agency="tax") == 2
    assert readings.by_label("padan_answers_total", "outcome") == {"MATCH": 2, "NO_MATCH": 1}
    assert readings.total("padan_nothing") is None


def test_an_address_for_everyone_is_asked_at_this_host() -> None:
    """A listener on all addresses is reached at the loopback's."""
    with listening(Metrics(), "0.0.0.0") as address:  # noqa: S104 - for the time of the test
        assert address.startswith("0.0.0.0:")
        assert scrape.read(address).workers_ready == 0


def test_nobody_there() -> None:
    """A service that does not run, or has no metrics, is told apart from one that is not ready."""
    with pytest.raises(NotRunningError, match="no service answers"):
        scrape.read(f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(NoMetricsError, match="metrics_listen is empty"):
        scrape.read("")


class _Other(http.server.BaseHTTPRequestHandler):
    """Answers with something else than metrics, or with an error."""

    body, status = b"<html>hello</html>", 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("body", "status"), [(b"<html>hello</html>", 200), (b"", 500), (b"\xff\xfe", 200)])
def test_another_program_there(body: bytes, status: int) -> None:
    """What is not metrics is nobody, and no fault of ours."""
    handler = type("Handler", (_Other,), {"body": body, "status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(NotRunningError):
                scrape.read(f"127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def test_the_probe_tells_by_its_exit_code(tmp_path: Path) -> None:
    """`probe` ends with 0 where a worker is ready, with 1 where none is, and with 5 where nothing runs."""
    metrics = Metrics()
    with listening(metrics) as address:
        assert probe(tmp_path, address).exit_code == ExitCode.NO
        metrics.ready.set(1)
        ready = probe(tmp_path, address, "--json")
    assert ready.exit_code == 0
    assert json.loads(ready.stdout) == {"ready": True, "workers_ready": 1}
    away = probe(tmp_path, address)
    told = translate(away.exception) if isinstance(away.exception, Exception) else None
    assert isinstance(told, CommandError)
    assert told.code is ExitCode.UNAVAILABLE
    assert "padan-server serve" in told.next_step
