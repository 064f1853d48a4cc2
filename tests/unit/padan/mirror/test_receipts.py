"""Receipts held against a copy: found and proven, too early to tell, or hidden by the log."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from padan.audit import cli
from padan.audit.mirror import verification
from padan.audit.mirror.receipts import GRACE
from padan.tlog import note, proof
from tests.copies import Auditor, many
from tests.receipts import DELAY, OTHER, write, write_keys
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulator.terminal import Ended


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """A copy of some 600 leaves, without private entries, cosigned now."""
    made = Auditor.begin(tmp_path, many(600))
    made.mirror(entries=False)
    write_keys(tmp_path / "keys.jwks")
    return made


def ask(auditor: Auditor, *words: object) -> Ended:
    """Run the command."""
    options = ("--policy", auditor.policy_file, "--keys", auditor.root / "keys.jwks")
    return run(cli.main, "prove", "receipt", str(auditor.copy.folder), *map(str, (*words, *options)))


def test_a_receipt_is_found_and_proven(auditor: Auditor) -> None:
    """Each leaf's place is told, and a proof written that holds for whoever has the receipt."""
    leaves = auditor.log.leaves
    files = [write(auditor.root / f"{place}.jws", leaves[place]) for place in (0, 255, 256, 599)]
    ended = ask(auditor, *files, "--out", auditor.root / "proofs", "--json")
    assert ended.code == 0, ended.err
    assert [each["index"] for each in json.loads(ended.out)] == [0, 255, 256, 599]
    for file, place in zip(files, (0, 255, 256, 599), strict=True):
        found = proof.parse((auditor.root / "proofs" / f"{file.name}{proof.SUFFIX}").read_bytes())
        assert found.check(leaves[place], auditor.policy).checkpoint.size == 600


def test_a_question_that_the_log_hides_is_told(auditor: Auditor) -> None:
    """A leaf that is not there although its time was over: exit 1, and the receipt is named, the others are not."""
    there = write(auditor.root / "there.jws", auditor.log.leaves[7])
    hidden = write(auditor.root / "hidden.jws", b"\x01" + b"h" * 32)
    ended = ask(auditor, there, hidden)
    assert ended.code == 1
    assert "there.jws: entry 8" in ended.out
    assert "hidden.jws: not in the copy" in ended.out
    assert "its log hides them" in ended.err
    assert "there.jws" not in ended.err


@pytest.mark.parametrize("age", [0, DELAY, DELAY + GRACE - 5])
def test_what_may_be_there_still_is_no_accusation(auditor: Auditor, age: float) -> None:
    """A receipt whose time was not over when the copy's checkpoint was cosigned: mirror again."""
    ended = ask(auditor, write(auditor.root / "young.jws", b"\x01" + b"y" * 32, age=age))
    assert ended.code == 1
    assert "does not show that the time for it is over" in ended.err
    assert "padan-audit mirror" in ended.err


def test_without_witnesses_nobody_says_when_a_checkpoint_stood(tmp_path: Path) -> None:
    """A checkpoint that the log alone has signed accuses nobody."""
    made = Auditor.begin(tmp_path, many(10), witnesses=0)
    made.mirror(entries=False)
    write_keys(tmp_path / "keys.jwks")
    ended = ask(made, write(made.root / "old.jws", b"\x01" + b"o" * 32))
    assert (ended.code, "does not show that the time" in ended.err) == (1, True)


def test_one_witness_whose_clock_is_ahead_accuses_nobody(tmp_path: Path) -> None:
    """It takes the quorum's times to say that a receipt's time was over."""
    made = Auditor.begin(tmp_path, many(10), witnesses=2)
    made.mirror(entries=False)
    write_keys(tmp_path / "keys.jwks")
    young = write(tmp_path / "young.jws", b"\x01" + b"y" * 32, age=0)
    now = int(time.time())
    for times, told in (((now, now + 9_000), "does not show"), ((now + 9_000, now + 9_001), "hides them")):
        stated, log = made.copy.require_checkpoint(), made.log
        text = note.parse(stated).text
        lines = [note.sign(text, log.key.public, log.key.private.sign)]
        lines += [
            note.cosign(text, each.public, each.private.sign, at)
            for each, at in zip(log.witnesses, times, strict=True)
        ]
        made.copy.write("checkpoint", note.join(text, lines))
        ended = ask(made, young)
        assert (ended.code, told in ended.err) == (1, True), ended.err


def test_a_copy_that_grows_meanwhile_accuses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is absent from the tree that was looked through is judged by that tree's time."""
    made = Auditor.begin(tmp_path, many(256))
    made.log.publish(at=int(time.time()) - 1_000)
    made.mirror(entries=False)
    write_keys(tmp_path / "keys.jwks")
    later = write(tmp_path / "later.jws", b"\x01" + b"l" * 32, age=500)
    leaves = verification.leaves

    def grown(*arguments: Any) -> Iterator[list[bytes]]:
        made.log.publish([b"\x01" + b"l" * 32] * 256, at=int(time.time()))
        made.mirror(entries=False)
        return leaves(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(verification, "leaves", grown)
        ended = ask(made, later)
    assert (ended.code, "does not show that the time" in ended.err) == (1, True), ended.err
    assert ask(made, later).code == 0


def test_a_forged_receipt_accuses_nobody(auditor: Auditor) -> None:
    """One that the service did not sign is refused before the log is looked at."""
    ended = ask(auditor, write(auditor.root / "forged.jws", b"\x01" + b"f" * 32, signer=OTHER))
    assert (ended.code, "signature" in ended.err) == (1, True)


def test_a_receipt_of_another_log_is_refused(auditor: Auditor) -> None:
    """Its absence from this one says nothing."""
    ended = ask(auditor, write(auditor.root / "else.jws", b"\x01" + b"e" * 32, origin="log.example/else"))
    assert (ended.code, "log.example/else" in ended.err) == (1, True)


def test_a_leaf_taken_out_of_the_copy_is_damage(auditor: Auditor) -> None:
    """Whoever changes a bundle to hide a leaf, or to show one, is found: absence is shown by the whole tree."""
    bundle = auditor.copy.folder / "tile/entries/001"
    data = bytearray(bundle.read_bytes())
    data[10] ^= 1
    bundle.write_bytes(data)
    ended = ask(auditor, write(auditor.root / "some.jws", auditor.log.leaves[300]))
    assert ended.code == 1
    assert "tile/entries/001" in ended.err or "entry 257" in ended.err


def test_two_receipts_of_one_name_lose_no_proof(auditor: Auditor) -> None:
    """Proofs are written by file name, so names must be apart."""
    (auditor.root / "more").mkdir()
    one = write(auditor.root / "same.jws", auditor.log.leaves[1])
    other = write(auditor.root / "more/same.jws", auditor.log.leaves[2])
    assert ask(auditor, one, other).code == 0
    ended = ask(auditor, one, other, "--out", auditor.root / "proofs")
    assert ended.code != 0
    assert "the same file name" in ended.err
    assert not (auditor.root / "proofs").exists()
