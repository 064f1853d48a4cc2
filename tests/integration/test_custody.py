"""Five custodians and a service that starts sealed: a wrong share, too few, enough, and the keyring handed on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from keys import ringformat
from keys.errors import KeyAgentSealedError
from keys.keychange import Action, Change
from keys.purpose import Purpose
from keys.quorum_provider import share_path
from keys.reading import ask_nobody
from keys.signing import thumbprint
from keys.state import KeyState
from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from padan.rpc import from_rpc
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import custody_pb2, custody_pb2_grpc, verification_pb2, verification_pb2_grpc
from tests.custodians import (
    KEK,
    NAMES,
    NEWCOMERS,
    SECONDS,
    Terminal,
    agree_apart,
    at_table,
    make_keyring,
    padan_keys,
    phrase_files,
    sitting_together,
)
from tests.installation import Installation, install
from tests.integration.feeding import NEWCOMER, feed
from tests.integration.projecting import FEED, SIGNED, order_of, write
from tests.integration.test_key_rotation import key_of
from tests.people import PEOPLE
from tests.restarting import roles
from tests.service import RunningService, open_channel, request, running, wait_until_ready
from tests.simulator.terminal import run
from verifier.cli.server import main
from verifier.feed import document
from verifier.feed.following import follow, signers_of
from verifier.log.open import open_log
from verifier.rotation import outer_keys
from verifier.rotation.errors import KeyringBehindError, SameProjectionError
from verifier.rotation.inner_keys import INNER_PURPOSES
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.rotator import Rotator
from verifier.vault.open import open_rotations
from verifier.vault.rotation import RotationState

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

    from verifier.config import Settings
    from verifier.vault.rotation import Rotation


def wait_for(what: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose keys three of five custodians open."""
    folder = tmp_path_factory.mktemp("custody") / "i"
    made = install(folder, kek=KEK, make_keyring=make_keyring, extra=SIGNED)
    for name in (*NAMES, *NEWCOMERS):
        made.certify(name, kind="custodian")
    return made


def health(service: RunningService) -> int:
    """Ask the service's health."""
    with service.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status)
        except grpc.RpcError:
            return int(health_pb2.HealthCheckResponse.UNKNOWN)


def answers(service: RunningService) -> bool:
    """Whether a question gets its answer."""
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        return stub.Verify(request(), timeout=10).outcome == vocabulary.VERDICT_MATCH


def sealed(installation: Installation) -> dict[str, int] | None:
    """Ask padan-server status how the keys wait; its exit code says that they do."""
    done = run(main, "--config", str(installation.config_path), "status", "--json")
    found: dict[str, int] | None = json.loads(done.out)["service"]["sealed"]
    assert found is None or done.code == ExitCode.NO
    return found


def lose_the_agent(installation: Installation, service: RunningService) -> None:
    """A key agent that begins anew is sealed, and is said to be, while workers answer with the keys that they have."""
    assert sealed(installation) is None
    os.kill(roles(service)["agent"], signal.SIGKILL)
    wait_for(lambda: sealed(installation) == {"shares_here": 0, "shares_needed": 3})
    assert answers(service)


def details(installation: Installation, kind: EntryKind) -> list[dict[str, str]]:
    """Read what entries of a kind say."""
    with contextlib.closing(open_log(installation.settings.log_database)) as log:
        rows = [row for row in log.entries(0, 10_000) if row.kind == kind]
    return [dict(text.split("=", 1) for text in decode(row.entry).texts(Field.DETAIL)) for row in rows]


def refuse_what_is_wrong(ani: Terminal, budi: Terminal) -> None:
    """Each wrong share is refused with its own reason, and its holder named."""
    wrong = budi.hand_in(secret=bytearray(range(1, 32)) + bytearray(1))
    assert wrong.startswith("SHARE_REFUSED"), wrong
    assert "the share of budi is not the one that was dealt" in wrong
    others = budi.hand_in(file=ani.share(), secret=ani.share().open(ani.person))
    assert others.startswith("SHARE_REFUSED"), others
    assert "budi" in others
    assert ani.hand_in(quorum_id=bytes(32)).startswith("SHARE_FOREIGN")
    assert ani.hand_in(agent_key=bytes(32)).startswith("KEY_NOT_CURRENT")
    assert ani.hand_in(sealed_share=b"").startswith("SHARE_REFUSED")


def turn_strangers_away(installation: Installation) -> None:
    """An agency and a custodian's certificate that nobody registered are refused."""
    port = int(installation.settings.custody_listen.rpartition(":")[2])
    stranger = installation.certify("zul", kind="custodian", register=False)
    installation.identities.pop("zul")
    for identity, reason in (
        (installation.identities["tax"], "METHOD_NOT_ALLOWED"),
        (stranger, "UNKNOWN_CALLER"),
    ):
        with open_channel(installation, identity, port) as channel:
            stub = custody_pb2_grpc.CustodyServiceStub(channel)
            for name in ("GetStanding", "HandInShare", "GetKeyring", "ListProposals", "PutProposal"):
                with pytest.raises(grpc.RpcError) as refused:
                    getattr(stub, name)(getattr(custody_pb2, f"{name}Request")(), timeout=SECONDS)
                assert from_rpc(refused.value).reason == reason


def unsealing_is_told(installation: Installation) -> None:
    """The log says who opened the keys, and whose shares were refused before."""
    (told,) = details(installation, EntryKind.UNSEALED)
    assert (told["custodians"], told["threshold"]) == ("ani,budi,cici", "3")
    assert told["refused"] == "ani,budi,budi"
    assert details(installation, EntryKind.CUSTODIANS_SET)[0]["custodians"] == ",".join(NAMES)


def take_up_a_new_key(service: RunningService, people: list[Terminal]) -> None:
    """Custodians rotate a key and hand in again: the running service signs with it, without a restart."""
    installation = service.installation
    changed = padan_keys(
        installation, "rotate", "receipt-signing", "--json", kek=sitting_together(*NAMES[:3])
    )
    assert changed.returncode == 0, changed.stderr
    assert (people[0].standing().behind, people[0].standing().sealed) == (True, False)
    for each in people:
        assert each.hand_in() == ""
    assert not people[0].standing().behind
    follows(service)


def follows(service: RunningService) -> None:
    """See that the running service comes to sign with the keyring's present key."""
    data = service.installation.settings.keyring.read_bytes()
    new = ringformat.peek(data).primary(Purpose.RECEIPT_SIGNING)
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        wait_for(lambda: key_of(stub.Verify(request(), timeout=10).receipt) == thumbprint(new.public))


def rotate_the_outer_keys(service: RunningService, people: list[Terminal]) -> None:
    """New outer keys are moved to with what the running agent lends, once custodians have let it take them up."""
    settings = service.installation.settings
    with contextlib.closing(open_rotations(settings.vault_database)) as rotations:
        active = rotations.active()
    assert active is not None
    assert outer_keys.make(at_table(service.installation, people), active, ask_nobody)
    with pytest.raises(KeyringBehindError):
        Rotator(settings).begin()
    for each in people:
        assert each.hand_in() == ""
    assert Rotator(settings).begin().there.state is RotationState.READY
    assert Rotator(settings).flip().there.state is RotationState.FLIPPED
    assert answers(service)


def done(process: subprocess.CompletedProcess[str]) -> str:
    """Give what a command printed, once it is done well."""
    assert process.returncode == 0, process.stderr
    return process.stdout


def decide_apart(service: RunningService, people: list[Terminal]) -> None:
    """Each at an own terminal proposes, approves, hands in a share for it; the service follows, and the log tells."""
    ani, budi, cici = people
    installation = service.installation
    before = ringformat.peek(installation.settings.keyring.read_bytes())
    name = json.loads(done(ani.decide("propose", "rotate", "receipt-signing", "--json")))["proposal"]
    early = ani.command("unseal", *ani.files(1), "--for", name)
    assert (early.returncode, "2 more custodians must approve" in early.stderr) == (ExitCode.REFUSED, True)
    assert ani.hand_in(proposal=bytes.fromhex(name)).startswith("PROPOSAL_NOT_READY")
    assert f"{name}  pending, 2 more must approve" in done(budi.decide("proposals", signs=False))
    done(budi.decide("approve", name[:12], "--yes"))
    assert "state:    pending; 1 more must approve" in done(cici.decide("review", name, signs=False))
    approved = done(cici.decide("approve", name, "--yes"))
    assert f"next:     custodians run padan-keys unseal --for {name}" in approved
    for each, missing in ((ani, 2), (budi, 1)):
        told = done(each.command("unseal", *each.files(1), "--for", name))
        assert f"missing: {missing} of 3" in told
        assert "receipt-signing key NEW: none -> active, primary" in told
    shown = done(cici.command("standing"))
    assert f"for proposal {name}: 2 of 3 here: ani, budi; forgotten in " in shown
    (waiting,) = json.loads(done(cici.command("standing", "--json")))["awaited"]
    assert (waiting.pop("seconds_left") > 0, waiting) == (
        True,
        {"proposal": name, "present": ["ani", "budi"], "missing": 1},
    )
    last = json.loads(done(cici.command("unseal", *cici.files(1), "--for", name, "--json")))
    assert (last["executed"], last["present"]) == (True, ["ani", "budi", "cici"])
    after = ringformat.peek(installation.settings.keyring.read_bytes())
    assert after.counter == before.counter + 1
    assert not ani.standing().behind
    follows(service)
    assert done(ani.decide("proposals", signs=False)) == "none waits\n"
    assert details(installation, EntryKind.UNSEALED)[-1]["proposal"] == name
    (executed,) = [
        told for told in details(installation, EntryKind.CEREMONY_EXECUTED) if told["proposal"] == name
    ]
    assert (executed["actor"], executed["action"]) == ("key-agent: ani,budi,cici", "key.rotate")
    proven = padan_keys(installation, "history", "--verify", "--unverified")
    assert proven.returncode == 0, proven.stderr


def rotate_the_inner_keys_apart(service: RunningService, people: list[Terminal]) -> None:
    """Custodians who are apart make the new inner keys; who is projected and replayed gets them from the agent.

    An agent that is sealed in the middle stops the commands, which go on when custodians have come again.
    """
    installation = service.installation
    settings, rotator = installation.settings, InnerRotator(installation.settings)
    Rotator(settings).finish(now=True, keep_keys=True)  # the rotation before
    changes = feed(installation, 0, {"change": "new", "row": NEWCOMER})
    follow(settings, "first", changes)
    source = order_of(write(installation.root / "people.csv", PEOPLE))
    with pytest.raises(SameProjectionError):
        rotator.project(source, holds={FEED: 0})

    first, *others = INNER_PURPOSES
    change = Change(action=Action.SUCCEED, purpose=first, others=tuple((each, 0) for each in others))
    file = agree_apart(people, change)
    for each in people:
        assert each.send(each.sealed(proposal=file.proposal.id(installation.realm))) == ""
    assert not people[0].standing().behind

    projected = rotator.project(source, holds={FEED: 0}).there
    assert (projected.state, projected.missing) == (RotationState.READY, 1)
    assert answers(service)
    lose_the_agent(installation, service)
    lacking = [document.parse(installation.realm, changes, signers_of(settings))]
    with pytest.raises(KeyAgentSealedError, match="3 of 5 custodians"):
        rotator.replay(lacking)
    for each in people:
        assert each.hand_in() == ""
    assert rotator.replay(lacking)[0].there.missing == 0
    assert rotator.flip().there.state is RotationState.FLIPPED
    end_the_old_keys(service, people, projected)
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        wait_for(lambda: stub.Verify(of_the_newcomer(), timeout=10).outcome == vocabulary.VERDICT_MATCH)


def end_the_old_keys(service: RunningService, people: list[Terminal], rotation: Rotation) -> None:
    """What status prints is proposed and approved from afar, and executed at one table, where shares are dealt anew."""
    installation = service.installation
    settings = installation.settings
    old = keys_of(settings, rotation.source)
    told = run(main, "--config", str(installation.config_path), "rotation", "status").out
    keys = " ".join(f"{each}:{old[each]}" for each in INNER_PURPOSES)
    assert f"next: padan-keys propose retire {keys} --key KEY --out FILE\n" in told
    assert "or: padan-server rotation finish, with as many custodians as it takes at this terminal\n" in told
    first, *others = ((each, old[each]) for each in INNER_PURPOSES)
    retire = Change(action=Action.RETIRE, purpose=first[0], key_id=first[1], others=tuple(others))
    agreed = agree_apart(people, retire)
    refused = people[0].send(people[0].sealed(proposal=agreed.proposal.id(installation.realm)))
    assert refused.startswith("PROPOSAL_NOT_READY")
    Rotator(at_table(installation, people)).finish(now=True, agreed=agreed)
    for each in people:
        assert each.hand_in(each.share(2)) == ""
    assert not people[0].standing().behind
    ring = ringformat.peek(settings.keyring.read_bytes())
    assert {ring.key(each, old[each]).state for each in INNER_PURPOSES} == {KeyState.DESTROYED}


def keys_of(settings: Settings, number: int) -> Mapping[str, int]:
    """Read under which keys an epoch stands."""
    with contextlib.closing(open_rotations(settings.vault_database)) as rotations:
        return next(each.key_ids for each in rotations.epochs() if each.number == number)


def of_the_newcomer() -> verification_pb2.VerifyRequest:
    """Ask about whom the feed alone has brought."""
    claims = {vocabulary.ATTRIBUTE_NAME: NEWCOMER["NAMA_LGKP"]}
    return request(nik=NEWCOMER["NIK"], claims=claims)


@pytest.mark.timeout(600)
def test_a_sealed_service_is_opened_and_handed_on(installation: Installation) -> None:
    """Sealed start, wrong shares, too few, enough, a verdict; then others hold the keys, and the old shares nothing."""
    with running(installation, ready=False) as service:
        wait_for(lambda: health(service) == health_pb2.HealthCheckResponse.NOT_SERVING)
        wait_for(lambda: "missing: 3; next: custodians run padan-keys unseal" in service.messages())
        ani, budi, cici = (Terminal(installation, name) for name in NAMES[:3])
        assert (list(ani.standing().custodians), ani.standing().sealed) == (list(NAMES), True)
        refuse_what_is_wrong(ani, budi)
        turn_strangers_away(installation)
        assert ani.hand_in() == ""
        assert ani.hand_in().startswith("SHARE_HERE")
        assert budi.hand_in() == ""
        assert list(budi.standing().present) == ["ani", "budi"]
        wait_for(lambda: sealed(installation) == {"shares_here": 2, "shares_needed": 3})
        assert health(service) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert details(installation, EntryKind.UNSEALED) == []
        opened = cici.command("unseal", *cici.files(1))
        assert (opened.returncode, "open, by ani, budi, cici" in opened.stdout) == (0, True), opened.stderr
        wait_until_ready(installation, service.process, SECONDS)
        assert answers(service)
        unsealing_is_told(installation)
        assert cici.hand_in().startswith("NOT_SEALED")
        take_up_a_new_key(service, [ani, budi, cici])
        rotate_the_outer_keys(service, [ani, budi, cici])

        decide_apart(service, [ani, budi, cici])
        before = roles(service)["worker-1"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: roles(service).get("worker-1", before) != before)
        wait_until_ready(installation, service.process, SECONDS)
        assert answers(service)
        rotate_the_inner_keys_apart(service, [ani, budi, cici])

    old = {each.name: each.share(2) for each in (ani, budi)}
    handed = padan_keys(
        installation,
        *("reshare", "--custodians", "ani,fajar,gita", "--threshold", "2"),
        *phrase_files(*NEWCOMERS),
        kek=sitting_together(*NAMES[:3]),
    )
    assert (handed.returncode, "generation 3: any 2 of 3" in handed.stdout) == (0, True), handed.stderr
    with running(installation, ready=False) as service:
        fajar = Terminal(installation, "fajar")
        found = fajar.standing()
        assert found.generation == 3
        assert [each.hand_in(old[each.name]).partition(":")[0] for each in (ani, budi)] == [
            "SHARE_FOREIGN"
        ] * 2
        assert "METHOD_NOT_ALLOWED" in budi.hand_in(old["budi"], quorum_id=found.quorum_id)
        share_path(ani.folder, "ani", 2).write_bytes(old["ani"].encode())
        early = ani.command("unseal", *ani.files(2))
        assert (early.returncode, "of generation 2" in early.stderr) == (ExitCode.REFUSED, True)
        assert fajar.hand_in(fajar.share(3)) == ""
        assert ani.hand_in(ani.share(3)) == ""
        wait_until_ready(installation, service.process, SECONDS)
        assert answers(service)
        shown = json.loads(ani.command("standing", "--json").stdout)
        assert (shown["sealed"], shown["present"], shown["missing"]) == (False, ["ani", "fajar"], 0)
    assert details(installation, EntryKind.UNSEALED)[-1]["custodians"] == "ani,fajar"
