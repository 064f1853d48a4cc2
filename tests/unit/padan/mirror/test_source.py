"""A log's files over HTTP: retried within limits, missing said as missing, and nothing larger than it may be."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from padan.audit.mirror import fetching, source
from padan.audit.mirror.source import WebSource
from padan.errors import SourceError
from tests.copies import Auditor
from tests.publishing import blind_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Site(ThreadingHTTPServer):
    """A web server over a folder that fails as it is told."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.failing: dict[str, list[int]] = {}
        self.asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/log"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        path = self.path.removeprefix("/log/")
        self.server.asked[path] += 1
        failing = self.server.failing.get(path, [])
        status = failing.pop(0) if failing else 200
        file = self.server.folder / path
        if status == 200 and not file.is_file():
            status = 404
        body = file.read_bytes() if status == 200 else b"no"
        if status == 1:  # ends in the middle
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A web server over a log's folder."""
    with Site(tmp_path / "log") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_log_is_copied_over_http(tmp_path: Path, site: Site) -> None:
    """A copy over HTTP is whole, although the server fails now and then."""
    auditor = Auditor.begin(tmp_path)
    auditor.log.publish(blind_leaves(3_000))
    auditor.policy_file.write_text(f"log {auditor.log.key.public}\nquorum none\n")
    site.failing = {"checkpoint": [503, 500], "tile/entries/004": [1, 429], "tile/0/007": [502]}
    with contextlib.closing(WebSource(site.url, sleep=lambda _: None)) as web:
        fetching.mirror(
            web,
            auditor.copy,
            auditor.policy,
            record=auditor.record,
            now=0,
            settle=lambda: None,
        )
    assert auditor.verify().checkpoint.size == 3_000
    assert (site.asked["checkpoint"], site.asked["tile/entries/004"]) == (3, 3)


@pytest.fixture
def connect(request: pytest.FixtureRequest, site: Site) -> Callable[..., WebSource]:
    """Open sources that are closed at the end."""

    def opened(sleep: Callable[[float], None] = lambda _: None) -> WebSource:
        web = WebSource(site.url, sleep=sleep)
        request.addfinalizer(web.close)
        return web

    return opened


def test_attempts_are_bounded(tmp_path: Path, site: Site, connect: Callable[..., WebSource]) -> None:
    """After five attempts with growing pauses the source is away; a refusal is not tried again."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "checkpoint").write_bytes(b"x")
    pauses: list[float] = []
    web = connect(pauses.append)
    site.failing = {"checkpoint": [503] * 5 + [403]}
    with pytest.raises(SourceError, match="the server answers 503") as refused:
        web.read("checkpoint")
    assert pauses == [0.2, 0.4, 0.8, 1.6]
    assert "what is fetched already is kept" in refused.value.next_step
    with pytest.raises(SourceError, match="the server answers 403"):
        web.read("checkpoint")
    assert web.read("checkpoint") == b"x"
    with pytest.raises(FileNotFoundError):
        web.read("tile/0/000")
    assert site.asked["tile/0/000"] == 1


@pytest.mark.usefixtures("site")
def test_a_file_may_not_be_too_large(
    tmp_path: Path, connect: Callable[..., WebSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of more bytes than any of a log's is not read to its end."""
    monkeypatch.setattr(source, "MAX_FILE", 1_000)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "checkpoint").write_bytes(bytes(1_001))
    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        connect().read("checkpoint")


def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    """An address at which nobody listens is an error with the next step."""
    del tmp_path
    with pytest.raises(SourceError, match=r"cannot be fetched from http://127\.0\.0\.1:9/"):
        WebSource("http://127.0.0.1:9/", sleep=lambda _: None).read("checkpoint")
