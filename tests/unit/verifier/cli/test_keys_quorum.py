"""The command line of custodians who hold the KEK together: made, shown, printed, typed back, handed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.cli.console import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.verifier.cli.conftest import Result

HERE = ("--keyring", "keyring.json", "--kek", "quorum:custody?ani=ani.pass&budi=budi.pass")
INIT = ("init", "--registry", "registry-test", "--environment", "production")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with files of passphrases."""
    monkeypatch.chdir(tmp_path)
    for name in ("ani", "budi", "cici"):
        Path(f"{name}.pass").write_text(f"the passphrase of {name}\n")
    return tmp_path


def files(*names: str) -> list[str]:
    """Name files of passphrases."""
    return [word for name in names for word in ("--passphrase-file", f"{name}={name}.pass")]


@pytest.mark.usefixtures("folder")
def test_the_life_of_a_quorum(call: Callable[..., Result]) -> None:
    """Init, custodians, paper out and back, reshare: each says what it did, also as JSON; nothing asks for a flag."""
    made = call(*INIT, "--custodians", "ani,budi", "--threshold", "2", *files("ani", "budi"), at=HERE)
    assert (made.code, made.err) == (0, "")
    assert "any 2 of 2 custodians unlock it: ani, budi" in made.out
    shown = call("custodians", "--json", at=HERE).data
    assert ([each["name"] for each in shown["custodians"]], shown["generations"]) == (["ani", "budi"], [1])
    assert shown["custodians"][0]["fingerprint"] in call("custodians", at=HERE).out

    keys, share = "custody/ani.key.json", "custody/ani.1.share.json"
    groups = call("paper", "print", keys, share, "--json").data["groups"]
    printed = call("paper", "print", keys, share, "--out", "sheet.txt")
    assert "sheet.txt: print it" in printed.out
    assert all(group in Path("sheet.txt").read_text() for group in groups)
    assert "Opens nothing without the passphrase" in call("paper", "print", keys, share).out
    Path("typed").write_text(" ".join(groups))
    Path("back").mkdir()
    back = ("paper", "read", "custody/quorum.json", "--from", "typed", "--out", "back")
    assert call(*back, "--json").data["files"] == ["back/ani.key.json", "back/ani.1.share.json"]
    assert json.loads(Path("back/ani.key.json").read_text()) == json.loads(Path(keys).read_text())
    assert Path("back/ani.1.share.json").read_bytes() == Path(share).read_bytes()
    assert call(*back).code == ExitCode.STATE
    Path("typed").write_text(" ".join([*groups[:8], "0000Z", *groups[9:]]))
    wrong = call(*back)
    assert (wrong.code, "group 9, the 3rd of line 2" in wrong.err) == (ExitCode.INPUT, True)

    handed = call(
        "reshare", "--custodians", "ani,cici", "--threshold", "2", *files("cici"), "--json", at=HERE
    )
    assert (handed.code, handed.data["generation"], handed.data["counter"]) == (0, 2, 2)
    assert sorted(path.name for path in Path("custody").glob("*.share.json")) == [
        "ani.2.share.json",
        "cici.2.share.json",
    ]
    assert call("check", at=HERE).code == ExitCode.REFUSED
    now = ("--keyring", "keyring.json", "--kek", "quorum:custody?ani=ani.pass&cici=cici.pass")
    history = call("history", "--json", at=now).data
    assert [each["details"] for each in history if each["event"] == "custodians-set"] == [
        {"custodians": "ani,budi", "threshold": "2"},
        {"custodians": "ani,cici", "threshold": "2"},
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--custodians", "ani", "--threshold", "2"), ExitCode.INPUT, "1 custodians cannot"),
        (("--custodians", "ani,ani", "--threshold", "2"), ExitCode.INPUT, "twice"),
        (("--custodians", "ani,Budi", "--threshold", "2"), ExitCode.INPUT, "'Budi' is no custodian's name"),
        (("--custodians", "ani,budi", "--threshold", "1"), ExitCode.INPUT, "threshold of 1"),
        (("--custodians", "ani,budi", "--threshold", "3"), ExitCode.INPUT, "threshold of 3"),
        (("--custodians", "17", "--threshold", "3"), ExitCode.INPUT, "17 custodians cannot"),
        (("--custodians", "ani,budi", "--threshold", "2"), ExitCode.INPUT, "no terminal"),
        (
            ("--custodians", "ani,budi", "--threshold", "2", "--passphrase-file", "ani"),
            ExitCode.INPUT,
            "not NAME=PATH",
        ),
        ((), ExitCode.INPUT, "padan-keys init --custodians"),
    ],
)
def test_what_is_refused_leaves_nothing(
    call: Callable[..., Result],
    words: tuple[str, ...],
    code: ExitCode,
    text: str,
) -> None:
    """Names, numbers and passphrases that do not fit: each is named, and no file stays behind."""
    refused = call(*INIT, *words, at=HERE)
    assert (refused.code, text in refused.err) == (code, True), refused.err
    assert not list(Path().rglob("*.json"))


@pytest.mark.usefixtures("folder")
def test_custodians_belong_to_a_quorum(call: Callable[..., Result]) -> None:
    """With another provider there are none."""
    file = ("--keyring", "keyring.json", "--kek", "file:kek.json?passphrase-file=ani.pass")
    for words in ((*INIT, "--custodians", "ani,budi", "--threshold", "2"), ("custodians",)):
        refused = call(*words, at=file)
        assert (refused.code, "quorum:FOLDER" in refused.err) == (ExitCode.USAGE, True)


@pytest.mark.usefixtures("folder")
def test_custodians_who_are_apart_decide_by_files(call: Callable[..., Result]) -> None:
    """Each signs at home with the keys that hold a share; who sits at the keyring opens it and does what was signed."""
    call(*INIT, "--custodians", "ani,budi", "--threshold", "2", *files("ani", "budi"), at=HERE)
    at_home = ("--keyring", "keyring.json", "--kek", "quorum:custody")

    def key(name: str) -> tuple[str, ...]:
        return ("--key", f"custody/{name}.key.json", "--key-kek", f"passphrase-file={name}.pass")

    proposed = call("propose", "rotate", "replay", *key("ani"), "--out", "p.json", at=at_home)
    assert (proposed.code, "1 more custodians" in proposed.out) == (0, True), proposed.err
    assert "1 more custodians must" in call("execute", "p.json", at=HERE).err
    wrong = call("approve", "p.json", *key("budi")[:2], "--key-kek", "file:k", "--yes", at=at_home)
    assert (wrong.code, "--key-kek passphrase-file=PATH" in wrong.err) == (ExitCode.INPUT, True)
    asked = call("approve", "p.json", *key("budi")[:2], "--yes", at=at_home)
    assert (asked.code, "no terminal" in asked.err) == (ExitCode.INPUT, True)
    assert "padan-keys execute p.json" in call("approve", "p.json", *key("budi"), "--yes", at=at_home).out
    assert call("execute", "p.json", "--json", at=HERE).data["counter"] == 2

    joined = call("roster", "join", "cici", "--passphrase-file", "cici.pass", "--out", "custody", "--json")
    assert joined.data["keys"] == "custody/cici.key.json"
    assert (
        call("roster", "join", "cici", "--passphrase-file", "cici.pass", "--out", "custody").code
        == ExitCode.STATE
    )
    new = ("roster", "--threshold", "2", "--custodian", "cici=custody/cici.card.json", "--custodian")
    for other, text in (("dewi", "nobody of this name"), ("ani=custody/cici.card.json", "the card of cici")):
        refused = call("propose", *new, other, *key("ani"), "--out", "r.json", at=at_home)
        assert (refused.code, text in refused.err) == (ExitCode.INPUT, True)
    assert call("propose", *new, "ani", *key("ani"), "--out", "r.json", at=at_home).code == 0
    for name in ("budi", "cici"):
        assert call("approve", "r.json", *key(name), "--yes", at=at_home).code == 0
    every = ("--keyring", "keyring.json", "--kek", f"{HERE[3]}&cici=cici.pass")
    assert call("execute", "r.json", at=every).code == 0
    now = ("--keyring", "keyring.json", "--kek", "quorum:custody?ani=ani.pass&cici=cici.pass")
    assert [each["name"] for each in call("roster", "show", "--json", at=now).data["custodians"]] == [
        "ani",
        "cici",
    ]
    assert call("history", "--verify", at=now).code == 0
    assert sorted(path.name for path in Path("custody").glob("*.share.json")) == [
        "ani.2.share.json",
        "cici.2.share.json",
    ]


@pytest.mark.usefixtures("folder")
def test_keys_of_an_epoch_are_proposed_together(call: Callable[..., Result]) -> None:
    """New outer or inner keys are one proposal, and so is the end of old ones, named with their ids."""
    call(*INIT, "--custodians", "ani,budi", "--threshold", "2", *files("ani", "budi"), at=HERE)
    at_home = ("--keyring", "keyring.json", "--kek", "quorum:custody")
    own = ("--key", "custody/ani.key.json", "--key-kek", "passphrase-file=ani.pass")
    for number, (words, purposes) in enumerate(
        (((), ("outer-token", "row-seal")), (("--inner",), ("index", "attribute")))
    ):
        shown = call("propose", "succeed", *words, *own, "--out", f"{number}.json", "--json", at=at_home).data
        assert [each["after"] for each in shown["differences"]] == ["active", "active, primary"] * 2
        assert {each["purpose"] for each in shown["differences"]} == set(purposes)
    for wrong in ("index", "index:x", "nothing:7"):
        refused = call("propose", "retire", wrong, *own, "--out", "r.json", at=at_home)
        assert (refused.code, "PURPOSE:ID" in refused.err) == (ExitCode.INPUT, True)
    primary = {
        each["purpose"]: each["key_id"]
        for each in call("status", "--json", at=HERE).data["keys"]
        if each["primary"]
    }
    keys = [f"{purpose}:{primary[purpose]}" for purpose in ("outer-token", "row-seal")]
    assert "is primary" in call("propose", "retire", *keys, *own, "--out", "r.json", at=at_home).err
