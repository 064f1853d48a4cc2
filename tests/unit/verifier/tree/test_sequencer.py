"""The sequencer: what it publishes, what it goes on from, and what it refuses, on both engines."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from keys.signing import Signer
from padan.tlog import merkle, note
from padan.tlog.frontier import Frontier
from padan.tlog.note import Algorithm, Line, VerifierKey
from tests.tree import MANDATE, REALM, SEED, flip, lost, open_site, row
from verifier import schema
from verifier.leader import Mandate
from verifier.log.store import LeaderLostError
from verifier.tree import places, standing
from verifier.tree.errors import LeafMismatchError, TreeForkedError
from verifier.tree.sequencer import COSIGN_SECONDS
from verifier.tree.signing import CheckpointSigner, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tree import Site

WITNESS = Signer(bytes(32))
WITNESS_KEY = VerifierKey("witness.example/w", Algorithm.COSIGNATURE, WITNESS.public_key)


@pytest.fixture
def site(log_database: str, tmp_path: Path) -> Iterator[Site]:
    """A new log on each engine."""
    with open_site(log_database, tmp_path) as opened:
        yield opened


def test_what_is_committed_is_published_and_checked_again_at_a_restart(site: Site) -> None:
    """Each turn publishes the whole log, also over the ends of tiles, whoever goes on; idle turns publish nothing."""
    keeping = site.sequencer()
    for count in (1, 1, 253, 1, 1, 300):
        site.write(count)
        assert keeping.turn(MANDATE)
        assert not keeping.turn(MANDATE)
        site.require_whole()
        site.publish(2)
        keeping = site.sequencer()
    head = site.head.read()
    assert head is not None
    assert head.published == (site.stated().size, site.stated().root)
    assert standing.of_tree(site.folder, site.log, now=2.0) == (site.stated().size, 0.0)
    for whole in ("tile/0/000", "tile/entries/001"):  # stand in the place of the partial ones
        assert site.folder.holds(whole)
        assert not (site.folder.path / f"{whole}.p").exists()


def test_an_entry_that_was_changed_stops_the_signing(site: Site) -> None:
    """It is told by its place, the checkpoint stays, and an erased entry is none of these."""
    site.publish(5)
    before = site.folder.checkpoint()
    site.write(5)
    with site.log.transaction() as transaction:
        transaction.erase([7])
    with site.directory.writing() as connection:
        connection.execute(update(schema.entry).where(schema.entry.c.sequence == 8).values(entry=b"other"))
    with pytest.raises(LeafMismatchError, match="entry 8 is not"):
        site.sequencer().turn(MANDATE)
    assert site.folder.checkpoint() == before
    with site.directory.writing() as connection:
        connection.execute(update(schema.entry).where(schema.entry.c.sequence == 8).values(entry=b"entry 7"))
    assert site.sequencer().turn(MANDATE)
    site.require_whole()


def test_an_entry_that_was_exchanged_after_the_head_had_seen_it_stops_the_signing(site: Site) -> None:
    """Also where its salt and leaf were exchanged with it, and before any checkpoint holds it."""
    site.publish(5)
    site.write(3)
    assert site.keeper().advance()
    head, other, own = site.head.read(), row(70), row(6)
    for exchanged in (other, own):
        site.write(1)
        with site.directory.writing() as connection:
            connection.execute(
                update(schema.entry)
                .where(schema.entry.c.sequence == 7)
                .values(entry=exchanged.entry, salt=exchanged.salt, leaf=exchanged.leaf)
            )
        if exchanged is other:
            with pytest.raises(TreeForkedError, match="first 8 entries are not those that the head has seen"):
                site.sequencer().turn(MANDATE)
            assert (site.stated().size, site.head.read()) == (5, head)
    assert site.sequencer().turn(MANDATE)
    site.require_whole()


def test_the_head_moves_with_the_tree(local: Site) -> None:
    """Whoever keeps the head reads no leaf again that the sequencer has read; where nothing is published, it does."""
    site = local
    sequencer, keeper = site.sequencer(), site.keeper()
    keeper.advance()
    for count, checkpoints in ((5_000, (4_096,)), (1, (4_096,)), (9_000, (8_192, 12_288))):
        site.write(count)
        assert sequencer.turn(MANDATE)
        head, size = site.head.read(), site.log.head().sequence
        assert head is not None
        assert head.tree == Frontier().extend(site.log.leaves(0, size))
        assert head.checkpoints == tuple(Frontier().extend(site.log.leaves(0, at)) for at in checkpoints)
        site.write(10)
        assert not keeper.advance(), "it has looked at what the sequencer had moved"
        assert site.head.read() == head
    assert keeper.advance()
    head = site.head.read()
    assert head is not None
    assert head.tree.size == site.log.head().sequence
    site.keeper().check()


def test_a_gap_stops_the_signing(site: Site) -> None:
    """Nothing behind a missing entry is taken."""
    site.publish(2)
    site.write(3)
    with site.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence = 4")
    with pytest.raises(TreeForkedError, match="entry 4 is missing"):
        site.sequencer().turn(MANDATE)
    assert site.stated().size == 2


def test_a_leader_whose_term_is_over_publishes_nothing(local: Site) -> None:
    """Its mandate is asked for before the head moves and before the checkpoint is shown."""
    site = local
    site.write(2)
    sequencer = site.sequencer(require=lost)
    head = site.head.read()
    with pytest.raises(LeaderLostError):
        sequencer.turn(MANDATE)
    assert (site.head.read(), site.folder.checkpoint()) == (head, None)


def test_what_stops_the_duty_is_told_once(local: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A fault and its end are messages, not one a turn; a lost term is left to the leader."""
    site = local
    site.publish(2)
    sequencer = site.sequencer()
    whole = (site.folder.path / "checkpoint").read_bytes()
    with caplog.at_level("INFO", "padan.tree"):
        flip(site.folder.path / "checkpoint", at=40)
        for _ in range(3):
            sequencer.act(MANDATE)
        (site.folder.path / "checkpoint").write_bytes(whole)
        for _ in range(2):
            sequencer.act(MANDATE)
    assert [record.message for record in caplog.records] == [
        "nothing is published",
        "the tree is published again",
    ]
    site.folder.path.rename(site.folder.path.with_name("away"))
    site.folder.path.write_text("in the way")
    site.write(1)
    sequencer.act(MANDATE)
    assert site.folder.path.read_text() == "in the way"
    assert standing.of_tree(site.folder, site.log, now=61.0) == (0, 60.0)


def test_what_the_head_has_is_published_first(local: Site) -> None:
    """A process that died between head and checkpoint is followed by one that publishes just that, without entries."""
    site = local
    site.publish(3)
    before = site.folder.checkpoint()
    assert before is not None
    site.publish(5)
    (site.folder.path / "checkpoint").write_bytes(before)
    sequencer = site.sequencer()
    assert sequencer.turn(MANDATE)
    assert site.stated().size == 8
    assert not sequencer.turn(MANDATE)


def test_a_leader_that_leads_again_looks_anew(local: Site) -> None:
    """Between two of its terms another host has published: what this one remembers counts no more."""
    site = local
    site.publish(3)
    sequencer = site.sequencer()
    assert not sequencer.turn(MANDATE)
    site.publish(300)
    site.write(5)
    assert sequencer.turn(Mandate(term=3))
    site.require_whole()


def test_another_host_goes_on_from_what_is_published(local: Site) -> None:
    """A head that has seen less than the checkpoint, as on the other host, is moved on and not refused."""
    site = local
    site.publish(3)
    older = site.head.path.read_bytes()
    site.publish(300)
    site.head.path.write_bytes(older)
    site.publish(3)
    site.require_whole()
    head = site.head.read()
    assert head is not None
    assert head.published is not None
    assert head.published.entries == 306


def test_witnesses_sign_before_the_checkpoint_is_published(local: Site) -> None:
    """They see the text, the signed note and proofs from what they know, and their lines stand in the note."""
    site = local
    asked: list[int] = []

    def cosign(text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]) -> list[Line]:
        assert note.parse(signed).text == text
        if asked:
            old = Frontier().extend(site.log.leaves(0, asked[-1]))
            new = Frontier().extend(site.log.leaves(0, size))
            merkle.check_consistency(old.size, old.root, size, new.root, consistency(old.size))
        else:
            assert consistency(0) == []
        asked.append(size)
        return [note.cosign(text, WITNESS_KEY, WITNESS.sign, 1)]

    sequencer = site.sequencer(cosign)
    for count in (3, 300):
        site.write(count)
        sequencer.turn(MANDATE)
        data = site.folder.checkpoint()
        assert data is not None
        assert {each.key for each in note.verify(note.parse(data), [*site.signer.keys, WITNESS_KEY])} == {
            *site.signer.keys,
            WITNESS_KEY,
        }
    assert asked == [3, 303]


def test_witnesses_that_are_away_delay_nothing_beyond_a_bound(local: Site) -> None:
    """The log goes on without them, asks one at a time, and shows a line that comes late."""
    site = local
    go, asked = threading.Event(), []

    def cosign(text: str, signed: bytes, size: int, consistency: Callable[[int], list[bytes]]) -> list[Line]:
        del signed, consistency
        asked.append(size)
        go.wait(30)
        return [note.cosign(text, WITNESS_KEY, WITNESS.sign, 1)]

    sequencer = site.sequencer(cosign)
    site.write(1)
    began = time.monotonic()
    assert sequencer.turn(MANDATE)
    assert time.monotonic() - began >= COSIGN_SECONDS
    assert (site.stated().size, asked) == (1, [1])
    go.set()
    assert sequencer._waiting._round is not None
    sequencer._waiting._round.join(30)
    assert sequencer.turn(MANDATE)
    data = site.folder.checkpoint()
    assert data is not None
    assert note.verify(note.parse(data), [WITNESS_KEY])


def test_a_cosigner_that_fails_stops_nothing(local: Site) -> None:
    """Its fault is logged, and the checkpoint published with the log's own line."""
    site = local

    def cosign(text: str, signed: bytes, size: int, consistency: object) -> list[Line]:
        raise RuntimeError(f"away: {len(text)}, {len(signed)}, {size}, {consistency}")

    site.write(2)
    assert site.sequencer(cosign).turn(MANDATE)
    site.require_whole()


def test_a_checkpoint_that_was_changed_between_two_turns_is_refused(local: Site) -> None:
    """What stands there is the process's own as long as no byte of it was changed; else nothing is published."""
    site = local
    sequencer = site.sequencer()
    site.write(3)
    assert sequencer.turn(MANDATE)
    site.write(3)
    assert sequencer.turn(MANDATE)
    path = site.folder.path / "checkpoint"
    data = path.read_bytes()
    flip(path, at=-10)
    site.write(3)
    with pytest.raises(TreeForkedError, match="checkpoint"):
        sequencer.turn(MANDATE)
    path.write_bytes(data)
    assert sequencer.turn(MANDATE)
    site.require_whole()


def test_a_turn_of_many_files_writes_each(local: Site) -> None:
    """More files than are open at once are all there, and a repetition changes none."""
    site = local
    site.publish(20_000)
    site.require_whole()
    before = {name: (site.folder.path / name).stat().st_mtime_ns for name in site.folder.names()}
    assert len(before) > 2 * 64
    site.folder.write([(name, site.folder.read(name)) for name in sorted(before)])
    assert {name: (site.folder.path / name).stat().st_mtime_ns for name in site.folder.names()} == before


def test_two_keys_sign_while_one_is_replaced(local: Site) -> None:
    """Each adds a line, and a checkpoint of either is the log's own."""
    site = local
    site.publish(1)
    old, new = Signer(SEED), Signer(bytes(range(1, 33)))
    site.signer = CheckpointSigner(origin_of(REALM), [new, old])
    site.publish(1)
    data = site.folder.checkpoint()
    assert data is not None
    assert len(note.parse(data).lines) == 2
    site.signer = CheckpointSigner(origin_of(REALM), [new], known=[old.public_key])
    site.publish(1)
    assert site.stated().size == 3


def test_leaves_are_found_by_their_hash(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tiles and in sorted files, also where a file is missing or of another content; an unknown hash is not."""
    site = local
    monkeypatch.setattr(places, "BLOCK", 512)
    site.publish(1200)
    hashes = [merkle.leaf_hash(leaf) for leaf in site.log.leaves(0, 1200)]
    names = sorted(each.name for each in (site.folder.path / "places").iterdir())
    assert names == ["000000", "000001"]
    for spoiled in (False, True):
        if spoiled:
            flip(site.folder.path / "places/000001", at=8 * 12 + 11)
        finder = places.Places(site.folder)
        wrong = [n for n in range(0, 1200, 7) if finder.find(hashes[n], 1200) not in {n, None}]
        assert wrong == []
    monkeypatch.setattr(places, "MAPPED", 1)
    finder = places.Places(site.folder)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert [finder.find(hashes[n], 1200) for n in (0, 1)] == [0, 1]
        assert finder.find(bytes(32), 1200) is None
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    (site.folder.path / "places/000000").unlink()
    finder = places.Places(site.folder)
    assert [finder.find(hashes[n], 1200) for n in (0, 300, 511, 1199)] == [0, 300, 511, 1199]
    assert finder.find(bytes(32), 1200) is None
    site.publish(1)
    assert (site.folder.path / "places/000000").is_file()
