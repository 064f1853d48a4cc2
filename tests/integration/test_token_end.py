"""An agreement ends, and after the grace custodians end its token domain, while the service runs."""

from __future__ import annotations

import json
import shlex
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from keys import keyceremony
from keys.keychange import Action, Change
from keys.purpose import TokenDomain
from keys.roster import Roster
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from padan.errors import PadanError
from padan.token import Token
from padan.vocabulary import Verdict
from tests import memory, operating
from tests.attack.test_rolling_restart import reload
from tests.installation import install
from tests.operating import details, operate
from tests.people import BUDI
from tests.restarting import roles
from tests.service import running
from tests.simulator.terminal import run
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.cli import server
from verifier.directory import AgreementStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from padan.client import Client
    from tests.installation import Installation
    from tests.service import RunningService
    from tests.simulator.terminal import Ended

AID = TokenDomain("aid")
SAID: dict[str, Any] = {"purpose": "service", "officer": "counter-1", "legal_basis": "public_task"}
ASKED: dict[str, Any] = {"nik": BUDI["NIK"], "claims": {"name": BUDI["NAMA_LGKP"]}, **SAID}
NAMES = ("ani", "bayu", "citra")
FOLLOWED = 60.0
GRACE_DAYS = 7


def installed(root: Path, **more: Any) -> Installation:
    """Two agencies with a token domain each."""
    return install(
        root,
        agencies={"social": Terms(token_domain="aid"), "health": Terms(token_domain="health")},
        people=[BUDI],
        token_domains=("aid", "health"),
        **more,
    )


def end_agreement(made: Installation, *, days_ago: float) -> None:
    """Put a version in force, some days ago, that does not name the domain."""
    with closing(made.directory()) as directory:
        if len(directory.agreements(agency="social")) == 1:
            made.agree("social", Terms(version=2))
    at_ms = int((time.time() - days_ago * 86_400) * 1000)
    with closing(made.directory()) as directory:
        directory.set_agreement_status("social", 2, AgreementStatus.ACTIVE, at_ms=at_ms)


def appoint(made: Installation) -> dict[str, Path]:
    """Let two of three custodians decide, whose keys lie in a folder of their own."""
    home = made.root / "custodians"
    home.mkdir()
    files = {name: home / f"{name}.key" for name in NAMES}
    keys = {name: signkey.generate(file, use=signkey.CUSTODIAN) for name, file in files.items()}
    signers = [signkey.load(file, use=signkey.CUSTODIAN) for file in files.values()]
    custody = made.custody()
    sitting = custody.sitting()
    file = keyceremony.propose(sitting, Roster.of(2, keys), signers[0])
    for signer in signers[1:]:
        file = keyceremony.approve(sitting, file, signer)
    custody.execute(file)
    return files


def rotate(made: Installation, keys: dict[str, Path]) -> None:
    """Let custodians make the domain's next key."""
    first, second, _ = (signkey.load(file, use=signkey.CUSTODIAN) for file in keys.values())
    custody = made.custody()
    sitting = custody.sitting()
    file = keyceremony.propose(sitting, Change(action=Action.ROTATE, purpose=AID), first)
    custody.execute(keyceremony.approve(sitting, file, second))


def padan_keys(made: Installation, *words: object) -> Ended:
    """Run a custodian's command on the key host."""
    return operating.padan_keys("--config", made.config_path, *words)


def refusal(act: Callable[[], object]) -> str:
    """Say for which reason something is refused; empty where it is done."""
    try:
        act()
    except PadanError as error:
        return error.reason
    return ""


def wait_for(reason: str, act: Callable[[], object]) -> None:
    """Wait until every worker refuses something for a reason, or does it where that is empty: ten times in a row."""
    until, seen = time.monotonic() + FOLLOWED, 0
    while seen < 10:
        found = refusal(act)
        seen = seen + 1 if found == reason else 0
        assert time.monotonic() < until, f"{found} in the place of {reason}"
        time.sleep(0.05)


def secrets_of(made: Installation) -> dict[str, bytes]:
    """Give what a process that issues for the domain has of its key: the seed, and the scalar that comes of it."""
    with closing(made.agent()) as agent:
        key_id = agent.keyring.primary(AID).key_id
        (version,) = agent.tokens().domain("aid")
        return {
            "seed": bytes(agent.materials()[key_id].view()),
            "scalar": bytes(version.key._scalar),
        }


def in_memory(service: RunningService, secrets: dict[str, bytes]) -> set[str]:
    """Say which of the secrets stand in the memory of a process of the service."""
    found = set()
    for pid in roles(service).values():
        counts = memory.copies(pid, [*secrets.values()])
        found |= {name for name, count in zip(secrets, counts, strict=True) if count}
    return found


def test_a_domain_ends_under_a_running_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposed off the key host and executed: its tokens are refused, others go on, and it begins anew as 2."""
    extra = f"workers = 2\ntoken_end_grace_days = {GRACE_DAYS}\n"
    made = installed(tmp_path / "installation", extra=extra)
    keys = appoint(made)
    secrets = secrets_of(made)
    with running(made) as service:
        with service.client("social", timeout=20) as client, service.client("health", timeout=20) as other:
            token = client.verify(**ASKED, issue_token=True).subject_token
            kept = other.verify(**ASKED, issue_token=True).subject_token
            wait_for("", lambda: ask(client, token))
        assert in_memory(service, secrets) == {"seed", "scalar"}
        end_agreement(made, days_ago=GRACE_DAYS + 1)
        _decide(made, keys, monkeypatch)
        _wait_for_entry(made)
        (entry,) = details(made, EntryKind.TOKEN_DOMAIN_ENDED)
        assert (entry["domain"], entry["agency"], entry["versions"]) == ("aid", "social", "1")
        assert len(entry["custodians"].split()) == 2
        made.agree("social", Terms(token_domain="aid", version=3))
        with service.client("social", timeout=20) as client, service.client("health", timeout=20) as other:
            wait_for("TOKEN_OUTDATED", lambda: ask(client, token))  # nothing was restarted
            wait_for("FEATURE_NOT_GRANTED", lambda: client.verify(**ASKED, issue_token=True))
            assert client.service_info().token_domains[0].versions == ()
            assert ask(other, kept) is Verdict.MATCH
            rotate(made, keys)
            wait_for("", lambda: client.verify(**ASKED, issue_token=True))
            begun = client.verify(**ASKED, issue_token=True).subject_token
            assert Token.parse(begun).version == 2
            assert ask(client, begun) is Verdict.MATCH
            assert refusal(lambda: ask(client, token)) == "TOKEN_OUTDATED"
        reload(service)
        assert in_memory(service, secrets) == set()


def ask(client: Client, token: bytes) -> Verdict:
    """Ask by token."""
    return client.verify(subject_token=token, claims={"name": BUDI["NAMA_LGKP"]}, **SAID).outcome


def _wait_for_entry(made: Installation) -> None:
    """Wait until the end stands in the log."""
    until = time.monotonic() + FOLLOWED
    while not details(made, EntryKind.TOKEN_DOMAIN_ENDED):
        assert time.monotonic() < until, "the end is not logged"
        time.sleep(0.2)


def _decide(made: Installation, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the line that the operator's command prints to a custodian's own machine; approve and execute."""
    said = operate(made, "token", "status")
    (line,) = (line for line in said.splitlines() if "propose end-domain" in line)
    words = shlex.split(line.partition("padan-keys ")[2])
    out = made.root / "end.json"
    words[words.index("KEY")], words[words.index("FILE")] = str(keys["ani"]), str(out)
    with monkeypatch.context() as away:
        away.chdir(made.root / "custodians")
        away.delenv("PADAN_CONFIG", raising=False)
        done = operating.padan_keys("--keyring", made.settings.keyring, *words)
    assert done.code == 0, done.err
    assert "[en] End token-domain/aid" in done.out
    assert "[id] Mengakhiri token-domain/aid" in done.out
    assert "grace:    over since" in done.out
    assert padan_keys(made, "execute", out).code == ExitCode.REFUSED
    assert padan_keys(made, "approve", out, "--key", keys["bayu"], "--yes").code == 0
    done = padan_keys(made, "execute", out)
    assert (done.code, "executed: token-domain.end token-domain/aid" in done.out) == (0, True), done.err
    assert "token domain" not in operate(made, "token", "status")
    assert padan_keys(made, "history", "--verify", "--unverified").code == 0


def test_it_is_refused_until_it_may_be(tmp_path: Path) -> None:
    """While an agreement names the domain, and before the grace is over: proposed in time, and not executed early."""
    made = installed(tmp_path, extra=f"token_end_grace_days = {GRACE_DAYS}\n")
    keys = appoint(made)
    out = tmp_path / "end.json"
    words = ("propose", "end-domain", "aid", "--key", keys["ani"], "--out", out)
    done = padan_keys(made, *words)
    assert (done.code, "names the token domain aid until" in done.err) == (ExitCode.REFUSED, True)
    end_agreement(made, days_ago=1)
    (told,) = json.loads(operate(made, "token", "status", "--json"))["ended_domains"]
    assert (told["domain"], told["agency"], told["over"]) == ("aid", "social", False)
    assert "it may be ended from" in operate(made, "token", "status")
    short = padan_keys(made, *words)
    assert (short.code, "would have expired" in short.err) == (ExitCode.STATE, True)
    done = padan_keys(made, *words, "--days", "10")
    assert (done.code, "grace:    6 more days" in done.out) == (0, True), done.err
    padan_keys(made, "approve", out, "--key", keys["bayu"], "--yes")
    early = padan_keys(made, "execute", out)
    assert (early.code, "period of grace runs until" in early.err) == (ExitCode.STATE, True), early.err
    made.agree("social", Terms(token_domain="aid", version=3))
    renewed = padan_keys(made, "execute", out)
    assert (renewed.code, "names the token domain aid until" in renewed.err) == (ExitCode.REFUSED, True)
    away = operating.padan_keys(
        "--keyring", made.settings.keyring, "--kek", made.settings.kek, "execute", out
    )
    assert (away.code, "nobody sees whether an agreement names" in away.err) == (ExitCode.REFUSED, True), (
        away.err
    )


def test_one_custodian_ends_it_alone(tmp_path: Path) -> None:
    """Where nobody else decides: refused in time of grace, asked before it is done, and done once."""
    made = installed(tmp_path, extra=f"token_end_grace_days = {GRACE_DAYS}\n")
    end_agreement(made, days_ago=1)
    early = padan_keys(made, "end-domain", "aid", "--yes")
    assert (early.code, "period of grace runs until" in early.err) == (ExitCode.STATE, True)
    end_agreement(made, days_ago=GRACE_DAYS)
    assert "or by one custodian: padan-keys end-domain aid" in operate(made, "token", "status")
    assert "token domain grace aid ended" in run(server.main, "--config", str(made.config_path), "status").out
    checked = run(server.main, "--config", str(made.config_path), "config", "check").out
    assert "token domain grace aid ended" in checked
    done = padan_keys(made, "end-domain", "aid", "--yes", "--json")
    assert json.loads(done.out)["versions"] == 1, done.err
    assert "It is the domain of social" in done.err
    again = padan_keys(made, "end-domain", "aid", "--yes")
    assert (again.code, "nothing to end" in again.err) == (ExitCode.STATE, True)
