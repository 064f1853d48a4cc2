"""Custodians decide together on the command line: what each step says, refuses and leaves."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keys import keyceremony
from keys.custody import Custody
from keys.provider import open_provider
from keys.roster import Roster
from padan.cli.console import ExitCode
from tests.unit.verifier.cli.test_custodian import key_id
from verifier.agreement import signkey
from verifier.cli.custody_choice import CHOICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.verifier.cli.conftest import Result

NAMES = ("ani", "bayu", "citra")
FAR = ("--server", "127.0.0.1:1", "--ca", "ca.pem", "--cert", "ani.pem", "--cert-key", "tls.key")
ROSTER = ("--threshold", "2", *(word for name in NAMES for word in ("--custodian", f"{name}={name}.pub")))


def done(result: Result) -> Result:
    """See that a command ended well."""
    assert result.code == 0, result.err
    return result


def propose(call: Callable[..., Result], *what: str, by: str = "ani", out: str = "p.json") -> Result:
    """Propose as this custodian."""
    return call("propose", *what, "--key", f"{by}.key", "--out", out)


def approve(call: Callable[..., Result], *who: str, file: str = "p.json") -> Result:
    """Approve as these custodians."""
    return [done(call("approve", file, "--key", f"{name}.key", "--yes")) for name in who][-1]


@pytest.fixture(scope="session")
def seated_once(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring about which two of three custodians decide, whose keys lie beside it."""
    root = Path(shutil.copytree(made, tmp_path_factory.mktemp("seated") / "work"))
    keys = {name: signkey.generate(root / f"{name}.key", use=signkey.CUSTODIAN) for name in NAMES}
    for name, public in keys.items():
        (root / f"{name}.pub").write_text(signkey.text(public) + "\n")
    provider = open_provider("file:kek.json?passphrase-file=passphrase", base=root)
    custody = Custody(path=root / "keyring.json", provider=provider, actor="tests")
    sitting = custody.sitting()
    signers = [signkey.load(root / f"{name}.key", use=signkey.CUSTODIAN) for name in NAMES]
    file = keyceremony.propose(sitting, Roster.of(2, keys), signers[0])
    for signer in signers[1:]:
        file = keyceremony.approve(sitting, file, signer)
    custody.execute(file)
    return root


@pytest.fixture
def seated(seated_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the working folder."""
    monkeypatch.chdir(shutil.copytree(seated_once, tmp_path / "work"))
    return tmp_path / "work"


@pytest.mark.usefixtures("seated")
def test_a_rotation_from_proposal_to_proof(call: Callable[..., Result]) -> None:
    """Two of three rotate a key; each step says what comes next, and the history proves who decided."""
    old = key_id(call, "receipt-signing")
    proposed = done(propose(call, "rotate", "receipt-signing"))
    assert "[en] Put a new receipt-signing key" in proposed.out
    assert "[id] Mengganti kunci receipt-signing" in proposed.out
    assert f"receipt-signing key {old}: active, primary -> deactivated" in proposed.out
    assert "receipt-signing key NEW: none -> active, primary" in proposed.out
    assert "pending; 1 more must approve" in proposed.out
    assert "next:     1 more custodians run padan-keys approve p.json" in proposed.out
    early = call("execute", "p.json")
    assert (early.code, "1 more custodians must approve" in early.err) == (ExitCode.REFUSED, True)
    assert "next:     padan-keys execute p.json" in approve(call, "citra").out
    executed = done(call("execute", "p.json", "--json")).data
    assert (executed["action"], executed["counter"]) == ("key.rotate", 3)
    assert executed["key_id"] == int(key_id(call, "receipt-signing"))
    again = call("execute", "p.json")
    assert (again.code, "executed already" in again.err) == (ExitCode.STATE, True)
    proven = done(call("history", "--verify", "--json")).data["ceremonies"]
    assert [(each["action"], len(each["approved"])) for each in proven] == [
        ("roster.set", 3),
        ("key.rotate", 2),
    ]
    assert proven[1]["proposal"] == executed["proposal"]
    assert done(call("check")).code == 0


@pytest.mark.usefixtures("seated")
def test_every_action_is_proposed_and_done(call: Callable[..., Result]) -> None:
    """Create, activate, declare compromised, destroy, export: each by its own proposal, none without."""
    done(propose(call, "create", "set", out="create.json"))
    approve(call, "bayu", file="create.json")
    made = str(done(call("execute", "create.json", "--json")).data["key_id"])
    steps = (
        ("activate", "set", made, "--primary"),
        ("declare-compromised", "set", made, "--reason", "lost laptop"),
        ("destroy", "set", made),
    )
    for step in steps:
        out = f"{step[0]}.json"
        done(propose(call, *step, by="citra", out=out))
        approve(call, "ani", file=out)
        done(call("execute", out))
    index = key_id(call, "index")
    done(propose(call, "export", "index", index, "--to", "index.secret", out="export.json"))
    approve(call, "bayu", file="export.json")
    accept = ("export-secret", "index", index, "--out", "index.secret", "--i-accept-that-the-key-leaves")
    assert "padan-keys propose" in call(*accept).err
    done(call(*accept, "--agreed", "export.json"))
    assert Path("index.secret").exists()
    assert "proven: 6 ceremonies" in done(call("history", "--verify", "--unverified")).out
    assert "kek-renewed" in call("history", "--unverified").out


@pytest.mark.usefixtures("seated")
def test_new_keys_behind_tokens_are_made_beside_the_present_ones(call: Callable[..., Result]) -> None:
    """One proposal makes a key of each purpose, and the old ones stay active until their rows are moved."""
    purposes = ("match-domain", "token-index", "set")
    old = {purpose: key_id(call, purpose) for purpose in purposes}
    both = propose(call, "succeed", "--tokens", "--inner")
    assert (both.code, "--inner or --tokens" in both.err) == (ExitCode.INPUT, True)
    proposed = done(propose(call, "succeed", "--tokens"))
    approve(call, "bayu")
    done(call("execute", "p.json"))
    for purpose in purposes:
        assert f"{purpose} key NEW: none -> active, primary" in proposed.out
        assert key_id(call, purpose) != old[purpose]
    keys = done(call("status", "--json", "--unverified")).data["keys"]
    states = {(each["purpose"], str(each["key_id"])): each["state"] for each in keys}
    assert {states[purpose, old[purpose]] for purpose in purposes} == {"active"}


ALONE = (("rotate", "replay"), ("declare-compromised", "index", "1", "--reason", "x", "--yes"))


@pytest.mark.parametrize("command", ALONE, ids=lambda command: command[0])
def test_nobody_acts_alone_where_a_roster_stands(
    call: Callable[..., Result], seated: Path, command: tuple[str, ...]
) -> None:
    """The commands of one person name the way of several, and change nothing."""
    before = (seated / "keyring.json").read_bytes()
    refused = call(*command)
    assert (refused.code, "padan-keys propose" in refused.err) == (ExitCode.REFUSED, True)
    assert (seated / "keyring.json").read_bytes() == before


def test_review_and_approval_need_no_kek(call: Callable[..., Result], seated: Path) -> None:
    """Who approves has keyring and history, and nobody's passphrase."""
    done(propose(call, "rotate", "replay"))
    (seated / "passphrase").unlink()
    (seated / "kek.json").unlink()
    shown = done(call("review", "p.json", "--json")).data
    assert (shown["state"], shown["missing"], shown["needed"]) == ("pending", 1, 2)
    assert set(shown["words"]) == {"en", "id"}
    assert {each["after"] for each in shown["differences"]} == {"active, primary", "deactivated"}
    assert "wrapped" not in json.dumps(shown)
    approve(call, "bayu")
    assert call("execute", "p.json").code == ExitCode.INPUT


def test_who_does_not_agree_signs_nothing(
    call: Callable[..., Result], seated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no at the question leaves the file as it was."""
    done(propose(call, "rotate", "replay"))
    before = (seated / "p.json").read_bytes()
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    refused = call("approve", "p.json", "--key", "bayu.key")
    assert (refused.code, "nothing was signed" in refused.err) == (ExitCode.REFUSED, True)
    assert "[id]" in refused.out
    assert (seated / "p.json").read_bytes() == before


@pytest.mark.usefixtures("seated")
def test_a_cancelled_proposal_stays_cancelled(call: Callable[..., Result], seated: Path) -> None:
    """Its proposer ends it; once that is recorded, a copy from before is worth nothing."""
    done(propose(call, "rotate", "replay"))
    approve(call, "bayu")
    copy = (seated / "p.json").read_bytes()
    early = call("cancel", "p.json")
    assert (early.code, "neither cancelled nor expired" in early.err) == (ExitCode.STATE, True)
    assert "cancelled" in done(call("cancel", "p.json", "--key", "ani.key")).out
    assert call("execute", "p.json").code == ExitCode.STATE
    assert done(call("cancel", "p.json", "--json")).data["state"] == "cancelled"
    (seated / "p.json").write_bytes(copy)
    refused = call("execute", "p.json")
    assert (refused.code, "was cancelled" in refused.err) == (ExitCode.STATE, True)
    assert done(call("review", "p.json", "--json")).data["state"] == "cancelled"


def test_ends_and_edits_have_words_of_their_own(
    call: Callable[..., Result], seated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expired, outdated, edited and foreign proposals are each told with cause and next step."""
    for out in ("a.json", "b.json", "late.json"):
        done(propose(call, "rotate", "replay", out=out))
        approve(call, "bayu", file=out)
    content: dict[str, Any] = json.loads((seated / "a.json").read_text())
    other: dict[str, Any] = json.loads((seated / "b.json").read_text())
    (seated / "edited.json").write_text(json.dumps({**content, "proposal": other["proposal"]}))
    (seated / "foreign.json").write_text(json.dumps({**content, "registry_id": "other"}))
    now = CHOICE.now
    monkeypatch.setattr(CHOICE, "now", lambda: datetime.now(UTC) + timedelta(days=4))
    told = {"late.json": call("execute", "late.json").err}
    monkeypatch.setattr(CHOICE, "now", now)
    told |= {name: call("execute", name).err for name in ("edited.json", "foreign.json")}
    done(call("execute", "a.json"))
    told["b.json"] = call("approve", "b.json", "--key", "citra.key", "--yes").err
    wanted = {
        "late.json": "time is over",
        "edited.json": "not the one that was signed",
        "foreign.json": "another registry",
        "b.json": "has changed since",
    }
    for name, words in wanted.items():
        assert words in told[name]
        assert "\nnext:  " in told[name]


@pytest.mark.usefixtures("seated")
def test_strangers_and_wrong_names_are_told(call: Callable[..., Result]) -> None:
    """A key that is not on the roster signs nothing; a file in the way, a name twice and a missing key are told."""
    done(call("roster", "keygen", "--out", "dewi.key"))
    assert (
        call("propose", "rotate", "replay", "--key", "dewi.key", "--out", "d.json").code == ExitCode.REFUSED
    )
    assert not Path("d.json").exists()
    done(propose(call, "rotate", "replay"))
    assert call("approve", "p.json", "--key", "dewi.key", "--yes").code == ExitCode.REFUSED
    assert propose(call, "rotate", "replay").code == ExitCode.STATE
    twice = ("roster", "--threshold", "2", "--custodian", "ani=ani.pub", "--custodian", "ani=bayu.pub")
    assert "stands once" in propose(call, *twice, out="r.json").err
    same = ("roster", "--threshold", "2", "--custodian", "ani=ani.pub", "--custodian", "bayu=ani.pub")
    assert "one key stands for two" in propose(call, *same, out="r.json").err
    assert propose(call, "rotate", "index", out="r.json").code == ExitCode.STATE
    assert call("approve", "p.json", "--key", "none.key", "--yes").code == ExitCode.INPUT


@pytest.mark.usefixtures("seated")
def test_the_roster_is_shown_and_changed_by_a_ceremony(call: Callable[..., Result]) -> None:
    """Whoever is new signs too, and the difference says who comes and goes."""
    assert [each["name"] for each in done(call("roster", "show", "--json")).data["custodians"]] == list(NAMES)
    done(call("roster", "keygen", "--out", "dewi.key"))
    changed = (
        "--threshold",
        "3",
        *(w for n in ("bayu", "citra", "dewi") for w in ("--custodian", f"{n}={n}.pub")),
    )
    proposed = done(propose(call, "roster", *changed, by="bayu", out="next.json")).out
    assert "- ani " in proposed
    assert "+ dewi " in proposed
    assert "2 -> 3 must agree" in proposed
    approve(call, "citra", file="next.json")
    assert call("execute", "next.json").code == ExitCode.REFUSED
    approve(call, "dewi", file="next.json")
    done(call("execute", "next.json"))
    assert "3 of 3 decide together" in done(call("roster", "show")).out
    assert "dewi" in call("roster", "show").out


@pytest.mark.usefixtures("folder")
def test_a_first_roster_takes_everybody_on_it(call: Callable[..., Result]) -> None:
    """Each makes a key, one proposes, all sign; before that nothing is proposed about keys, and one alone works."""
    for name in NAMES:
        done(call("roster", "keygen", "--out", f"{name}.key"))
    refused = propose(call, "rotate", "replay")
    assert (refused.code, "no roster" in refused.err) == (ExitCode.STATE, True)
    assert "no roster" in done(call("roster", "show")).out
    assert done(call("roster", "show", "--json")).data == {"threshold": None, "custodians": []}
    done(call("rotate", "replay"))
    assert "2 more must approve" in done(propose(call, "roster", *ROSTER)).out
    approve(call, "bayu", "citra")
    assert "executed: roster.set" in done(call("execute", "p.json")).out
    assert call("rotate", "replay").code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("review", "p.json", "--ca", "ca.pem"), "no --server is named"),
        (("review", "p.json", "--server", "127.0.0.1:1"), "it takes --ca, --cert and --cert-key"),
        (("proposals",), "no --server is named"),
        (("propose", "rotate", "replay", "--key", "ani.key"), "no file for the proposal is named"),
        (
            ("propose", "rotate", "replay", "--key", "ani.key", "--out", "p.json", *FAR),
            "lies in a file or with the key agent",
        ),
        (("cancel", "01234567", *FAR), "recorded on the key host"),
        (("review", "01234567", *FAR), "ca.pem"),
    ],
)
def test_a_line_is_named_whole(
    folder: Path, call: Callable[..., Result], words: tuple[str, ...], told: str
) -> None:
    """Half of an address, two places at once, and what only the key host can do are told before anything is asked."""
    result = call(*words)
    assert (result.code, told in result.err) == (ExitCode.INPUT, True), result.err
    assert not (folder / "p.json").exists()
