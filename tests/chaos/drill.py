"""What the drills share: clients that remember what they were answered, and a machine that is lost at any moment."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from keys import events
from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2_grpc
from tests.people import BUDI
from tests.service import open_channel, request
from verifier.log.open import open_log

if TYPE_CHECKING:
    from padan.v1 import verification_pb2
    from tests.installation import Installation

NAME = vocabulary.ATTRIBUTE_NAME
WRONG = "SITI RAHAYU"
CLIENTS = 4


class Clients:
    """Clients of one agency that ask without a pause, and keep each question with the answer that they were given."""

    def __init__(self, installation: Installation, agency: str) -> None:
        self._installation = installation
        self._identity = installation.identities[agency]
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        self.acknowledged: list[tuple[verification_pb2.VerifyRequest, verification_pb2.VerifyResponse]] = []

    def __enter__(self) -> Self:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what nobody answered any more is not remembered."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_until_asking(self) -> None:
        """Wait until some of them were answered."""
        until = time.monotonic() + 30
        while len(self.acknowledged) < CLIENTS:
            assert time.monotonic() < until, "nobody is answered"
            time.sleep(0.05)

    def _ask(self, number: int) -> None:
        source = random.Random(number)
        with open_channel(self._installation, self._identity, self._installation.port) as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            while not self._stopping.is_set():
                message = request(claims={NAME: source.choice((BUDI["NAMA_LGKP"], WRONG))})
                try:
                    self.acknowledged.append((message, stub.Verify(message, timeout=3)))
                except grpc.RpcError:
                    time.sleep(0.01)


def kill_all(pid: int) -> None:
    """End a process and all of its children at once, as a power cut would."""
    family = [pid]
    for parent in family:
        with contextlib.suppress(OSError):  # ended by itself meanwhile
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                family += map(int, task.read_text().split())
    for each in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGSTOP)
    for each in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def destroy(installation: Installation) -> None:
    """Delete what a lost machine takes: databases, tree and keyring, with its history and every copy beside it.

    What docs/backup.md keeps on other disks stays: backup, mirror and head, and apart from them what opens the KEK. So
    does what an installation is made of before its first start: configuration and certificates.
    """
    settings = installation.settings
    for folder in {settings.data_dir, settings.tree_folder}:
        if folder.exists():  # the second may lie in the first
            shutil.rmtree(folder)
    for kept in settings.keyring.parent.glob(f"{settings.keyring.stem}*"):
        kept.unlink()
    assert not any(path.exists() for path in (settings.keyring, events.path_beside(settings.keyring)))


def ask_until_answered(
    installation: Installation, agency: str, message: verification_pb2.VerifyRequest, seconds: float = 60
) -> verification_pb2.VerifyResponse:
    """Ask until there is an answer."""
    until = time.monotonic() + seconds
    while True:
        try:
            with open_channel(installation, installation.identities[agency], installation.port) as channel:
                return verification_pb2_grpc.VerificationServiceStub(channel).Verify(message, timeout=2)
        except grpc.RpcError:
            assert time.monotonic() < until, "the service does not answer"
            time.sleep(0.05)


def logged(installation: Installation) -> set[bytes]:
    """Read the request ids of all entries about questions that were answered."""
    found: set[bytes] = set()
    with closing(open_log(installation.settings.log_database)) as log:
        place = 0
        while page := log.entries(place, 2_000):
            place = page[-1].sequence
            for row in page:
                if row.kind == EntryKind.VERIFY:
                    found.add(decode(row.entry).fields[Field.REQUEST_ID])
    return found
