"""Blocks are joined into runs: in order, whole, and named where they cannot be used."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from keys.realm import Realm
from keys.signing import Signer
from verifier.feed import document, run
from verifier.feed.block import MAX_BLOCK, RUN_BLOCKS, Block
from verifier.feed.errors import FeedError, FeedFormatError, FeedGapError, FeedSignatureError, FeedTimeError
from verifier.vault.epoch import Followed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REALM = Realm(registry_id="registry-test", environment="development")
SIGNER, OTHER, STRANGER = (Signer(bytes([number]) * 32) for number in range(3))
SIGNERS = {signer.key_id: signer.public_key for signer in (SIGNER, OTHER)}
NOW_MS = 1_780_380_000_000  # 2026-06-02T06:00:00Z


def document_of(
    after: int, *positions: int, as_of: str = "05:00:00", source: str = "r", signer: Signer = SIGNER
) -> bytes:
    """Make a feed document with withdrawals at these positions."""
    head = {
        "format": 1, "use": "feed", "registry_id": REALM.registry_id, "environment": REALM.environment,
        "source": source, "after": after, "as_of": as_of if "T" in as_of else f"2026-06-02T{as_of}Z",
    }  # fmt: skip
    lines: list[dict[str, Any]] = [head]
    lines += [{"position": each, "change": "withdrawn", "nik": "3273010101909001"} for each in positions]
    return document.sign(REALM, b"".join(json.dumps(line).encode() + b"\n" for line in lines), signer)


def gather(
    *documents: bytes, followed: Followed | dict[str, Followed] | None = None, begin: bool = False
) -> run.Run:
    """Gather documents as blocks 1, 2 and so on."""
    there = followed or Followed()
    positions: Callable[[str], Followed] = (
        (lambda name: there.get(name, Followed())) if isinstance(there, dict) else (lambda _name: there)
    )
    blocks = [Block(place=f"block {number}", data=data) for number, data in enumerate(documents, 1)]
    gatherer = run.Gatherer(realm=REALM, signers=SIGNERS, now_ms=NOW_MS, begin=begin)
    return gatherer.gather(blocks, positions)


def positions_of(found: run.Run) -> Sequence[int]:
    """List the positions of a run's changes."""
    assert found.feed is not None
    return [change.position for change in found.feed.changes]


def test_a_block_alone_stays_what_it_is() -> None:
    """The log names it by its own digest, as it would name a file."""
    data = document_of(0, 1, 2)
    found = gather(data)
    assert (found.taken, found.blocks) == (1, 1)
    assert found.feed == document.parse(REALM, data, SIGNERS)


def test_blocks_are_joined_in_order() -> None:
    """Several are one run: from the first's after to the last's end and time, with a digest over theirs."""
    blocks = [document_of(0, 1, 2), document_of(2, 5, as_of="05:30:00"), document_of(5, as_of="05:40:00")]
    found = gather(*blocks)
    assert found.feed is not None
    assert positions_of(found) == [1, 2, 5]
    assert (found.feed.after, found.feed.end, found.taken, found.blocks) == (0, 5, 3, 3)
    assert document.time_text(found.feed.as_of_ms) == "2026-06-02T05:40:00Z"
    digests = b"".join(document.parse(REALM, block, SIGNERS).digest for block in blocks)
    assert found.feed.digest == hashlib.sha256(digests).digest()


def test_a_change_keeps_how_old_its_block_is() -> None:
    """Whoever looks whether something came before a change is told of its own block, not of the run."""
    found = gather(document_of(0, 1, 2), document_of(2, 5, as_of="05:30:00"))
    assert found.feed is not None
    ages = [document.time_text(change.as_of_ms)[-9:] for change in found.feed.changes]
    assert ages == ["05:00:00Z", "05:00:00Z", "05:30:00Z"]


def test_what_comes_again_is_left_out() -> None:
    """Known blocks are passed over, before and between; one that overlaps brings only what is new."""
    found = gather(
        document_of(0, 1, 2), document_of(2, 3, 4), document_of(2, 3, 4), document_of(0, 1, 2, 3, 4, 5),
        followed=Followed(2, NOW_MS - 3_600_000),
    )  # fmt: skip
    assert (positions_of(found), found.taken, found.blocks) == ([3, 4, 5], 4, 2)
    nothing = gather(document_of(0, 1, 2), followed=Followed(2, NOW_MS))
    assert (nothing.feed, nothing.taken, nothing.blocks) == (None, 1, 0)


def test_a_run_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends after enough changes or blocks, with another source, and with another signer."""
    blocks = [document_of(number, number + 1) for number in range(RUN_BLOCKS + 1)]
    assert gather(*blocks).taken == RUN_BLOCKS
    assert gather(*blocks, followed=Followed(RUN_BLOCKS + 1, NOW_MS)).taken == RUN_BLOCKS
    monkeypatch.setattr(run, "RUN_CHANGES", 3)
    assert positions_of(gather(document_of(0, 1, 2), document_of(2, 3, 4), document_of(4, 5))) == [1, 2, 3, 4]
    assert positions_of(gather(document_of(0, 1), document_of(0, 1, source="s"))) == [1]
    assert positions_of(gather(document_of(0, 1), document_of(1, 2, signer=OTHER))) == [1]


BROKEN: dict[str, tuple[bytes, type[FeedError]]] = {
    "half": (document_of(1, 2)[:-40], FeedFormatError),
    "no document": (b"\xff", FeedFormatError),
    "too long": (bytes(MAX_BLOCK + 1), FeedFormatError),
    "stranger": (document_of(1, 2, signer=STRANGER), FeedSignatureError),
    "changed": (document_of(1, 2).replace(b"9001", b"9002"), FeedSignatureError),
    "gap": (document_of(2, 3), FeedGapError),
    "back in time": (document_of(1, 2, as_of="04:59:59"), FeedTimeError),
    "yet to come": (document_of(1, 2, as_of="06:05:01"), FeedTimeError),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_block_ends_a_run(fault: str) -> None:
    """What is before it is a run; it is named where it is the first that is not known."""
    data, error = BROKEN[fault]
    whole = document_of(0, 1)
    assert positions_of(gather(whole, data, document_of(1, 2))) == [1]
    with pytest.raises(error, match=r"^block 1: "):
        gather(data, whole, followed=Followed(1, NOW_MS - 3_600_000))
    with pytest.raises(error, match=r"^block 2: "):
        gather(whole, data, followed=Followed(1, NOW_MS - 3_600_000))


def test_an_old_block_may_be_of_an_old_state() -> None:
    """Time goes back only where there is something new; a clock may be five minutes ahead."""
    late = Followed(4, NOW_MS)
    assert gather(document_of(2, 3, 4, as_of="00:00:00"), followed=late).taken == 1
    assert positions_of(gather(document_of(0, 1, as_of="06:05:00"))) == [1]


def test_a_load_is_followed_from_the_first_block() -> None:
    """Only where nothing was followed yet, and somebody says that the load holds what lies before."""
    assert positions_of(gather(document_of(90, 91), document_of(91, 92), begin=True)) == [91, 92]
    with pytest.raises(FeedGapError, match="after position 90, but r was followed to 7 only"):
        gather(document_of(90, 91), followed=Followed(7), begin=True)
    with pytest.raises(FeedGapError):
        gather(document_of(90, 91))


def test_each_source_has_its_own_position() -> None:
    """Blocks of several sources lie in one stream, each followed on its own."""
    there = {"r": Followed(4, NOW_MS), "s": Followed(1, 0)}
    found = gather(document_of(0, 4), document_of(1, 2, source="s"), document_of(4, 5), followed=there)
    assert found.feed is not None
    assert (found.feed.source, positions_of(found), found.taken) == ("s", [2], 2)


@pytest.mark.parametrize(
    "said",
    [("s", 1, "2026-06-02T05:00:00Z"), ("r", 2, "2026-06-02T05:00:00Z"), ("r", 1, "2026-06-02T05:00:01Z")],
)
def test_what_stands_beside_a_block_must_fit_it(said: tuple[str, int, str]) -> None:
    """Columns are not signed, so they count only as far as they say the same."""
    gatherer = run.Gatherer(realm=REALM, signers=SIGNERS, now_ms=NOW_MS, begin=False)
    block = Block(place="row", data=document_of(0, 1), said=said)
    with pytest.raises(FeedFormatError, match=r"^row: what stands beside the block"):
        gatherer.gather([block], lambda _name: Followed())
    fitting = Block(place="row", data=document_of(0, 1), said=("r", 1, "2026-06-02T05:00:00Z"))
    assert gatherer.gather([fitting], lambda _name: Followed()).blocks == 1
