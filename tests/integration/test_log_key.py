"""The log's key is replaced as docs/operate.md says, under witnesses that run: the quorum is there all the time."""

from __future__ import annotations

import contextlib
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.provider import open_provider
from keys.purpose import Purpose
from padan.errors import LogError, LogSignatureError
from padan.tlog import note, policy
from padan.tlog.note import VerifierKey, parse_key
from tests.installation import Installation, install
from tests.service import running
from tests.terms import Terms
from tests.witnesses import WitnessProcess, ask, command
from verifier.cli import log_key
from verifier.tree.folder import TreeFolder
from verifier.tree.signing import CheckpointSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from padan.client import Client
    from padan.tlog.policy import Policy
    from tests.service import RunningService

SECONDS = 60.0
"""How long a busy machine may take for a step."""
REFUSED = "it refuses the checkpoint (403)"
"""What the service says of a witness that knows no key under which the checkpoint is signed."""


def until(found: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait for something that comes."""
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline, told()[-2000:]
        time.sleep(0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A service, and three witnesses of which two are the quorum."""

    installation: Installation
    service: RunningService
    client: Client
    witnesses: tuple[WitnessProcess, ...]
    old: VerifierKey

    @property
    def custody(self) -> Custody:
        """The keyring, as custodians open it."""
        settings = self.installation.settings
        return Custody(path=settings.keyring, provider=open_provider(settings.kek), actor="custodian")

    def policy(self, *logs: object) -> Policy:
        """Whom a reader believes who has these keys of the log."""
        return policy.parse(text(self.witnesses, *logs))

    def published(self) -> bytes:
        """Read the published checkpoint."""
        return TreeFolder(self.installation.settings.tree_folder).checkpoint() or b""

    def believed(self, *readers: Policy) -> bytes:
        """Ask, and wait until the published checkpoint holds the answer's entry and every reader believes it."""
        before = self.published()
        ask(self.client)
        until(lambda: self.published() != before and self._all(readers), self.service.messages)
        return self.published()

    def _all(self, readers: tuple[Policy, ...]) -> bool:
        data = self.published()
        with contextlib.suppress(LogError):
            return all(reader.believe(data) for reader in readers)
        return False

    def signed_by(self, *logs: VerifierKey) -> bool:
        """Say whether these keys of the log, and no others of it, have signed the published checkpoint."""
        with contextlib.suppress(LogError):
            signed = note.parse(self.published())
            own = [line for line in signed.lines if line.name == self.old.name]
            return {each.key for each in note.verify(signed, logs)} == {*logs} and len(own) == len(logs)
        return False


def text(witnesses: tuple[WitnessProcess, ...], *logs: object) -> str:
    """Write a policy."""
    lines = [f"log {log}" for log in logs]
    lines += [f"witness w{number} {each.vkey} {each.url}" for number, each in enumerate(witnesses, 1)]
    return "\n".join([*lines, "group two 2 w1 w2 w3", "quorum two", ""])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Let the service and its witnesses run."""
    path = tmp_path / "witness.policy"
    made = install(
        tmp_path / "installation",
        agencies={"health": Terms(sensitivity="specific")},
        extra=f'witness_policy = "{path}"\n',
    )
    with closing(made.agent()) as agent:
        (old,) = CheckpointSigner.of(agent).keys
    with contextlib.ExitStack() as started:
        witnesses = tuple(
            started.enter_context(WitnessProcess(tmp_path / f"w{each}", old, name=f"w{each}.example/witness"))
            for each in (1, 2, 3)
        )
        path.write_text(text(witnesses, old))
        service = started.enter_context(running(made))
        client = started.enter_context(service.client("health"))
        yield Scene(installation=made, service=service, client=client, witnesses=witnesses, old=old)


@pytest.mark.timeout(300)
def test_the_logs_key_is_replaced_and_the_quorum_stays(scene: Scene) -> None:
    """Who has the old key believes until it is deactivated, who has both does all the time, and no witness refuses."""
    before = scene.policy(scene.old)
    first = scene.believed(before)
    custody = scene.custody
    ring, _ = custody.rotate(Purpose.LOG_SIGNING)
    (beside,) = log_key.outgoing(ring)
    new = parse_key(beside["new_vkey"])
    until(lambda: scene.signed_by(scene.old, new), scene.service.messages)
    assert scene.client.service_info().log_keys() == (str(new), str(scene.old))
    both = scene.policy(new, scene.old)
    for witness in scene.witnesses:
        scene.believed(before, both)
        command("add-log", witness.folder, new)
        assert witness.stop() == 0
        witness.start()
        size = both.believe(scene.believed(before, both)).checkpoint.size
        until(lambda witness=witness, size=size: witness.show()["size"] >= size, scene.service.messages)  # type: ignore[misc]  # bound at once
    custody.deactivate(Purpose.LOG_SIGNING, beside["key_id"])
    until(lambda: scene.signed_by(new), scene.service.messages)
    last = scene.believed(both)
    assert REFUSED not in scene.service.messages()
    with pytest.raises(LogSignatureError, match="no key that the policy names"):
        before.believe(last)
    assert both.believe(first).checkpoint.size < both.believe(last).checkpoint.size
    with pytest.raises(LogSignatureError, match="no key that the policy names"):
        scene.policy(new).believe(
            first
        )  # a record or proof of before takes the old key for as long as it is kept


@pytest.mark.timeout(300)
def test_a_key_that_nobody_was_handed_is_refused(scene: Scene) -> None:
    """Deactivated too early, the old key leaves checkpoints that no witness signs: what the steps are there for."""
    scene.believed(scene.policy(scene.old))
    custody = scene.custody
    ring, _ = custody.rotate(Purpose.LOG_SIGNING)
    (beside,) = log_key.outgoing(ring)
    custody.deactivate(Purpose.LOG_SIGNING, beside["key_id"])
    until(lambda: scene.service.messages().count(REFUSED) >= len(scene.witnesses), scene.service.messages)
