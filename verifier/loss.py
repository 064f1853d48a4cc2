"""The acceptance of a loss: two officers let the service go on with a log or a keyring that is older than the head.

A keyring is older, too, where its counter is below the one that the log itself has seen. What was answered after them
is lost for good, so this is said by name and number, and stands in the log. The proposal names the head that is given
up, and the log and keyring that take its place; where any of them is another one at the execution, nothing is done.

The body is canonical: 1 head entries, 2 head root, 3 head keyring count, 4 log entries, 5 log root, 6 keyring count,
7 keyring count that the log has seen (counts u64, roots 32 bytes; of a head of format 1 the chained hash); 1 to 3 are
absent where the head is gone, and 7 is there only where it is above 3 and 6.

 1 read what was proposed  2 see that head, log and keyring are those  3 take the execution (verifier.agreed)
 4 commit the entry, and let the keyring count  5 put the new head in the old one's place
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import ceremony
from padan.entry import EntryKind
from padan.tlog.merkle import HASH_SIZE
from verifier import admin_entry, agreed, keyring_events
from verifier.errors import OperatorError
from verifier.headfile import Extent, Head, HeadConflictError

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from keys.ceremonyfile import CeremonyFile
    from keys.keyset import Keyring
    from verifier.agreed import Office
    from verifier.directory import Directory
    from verifier.headfile import HeadFile
    from verifier.headkeeper import HeadKeeper

ACTION: Final = "log.accept-loss"
SECONDS: Final = 3 * 86_400
"""Time between proposal and execution."""
_HEAD, _LOG, _KNOWN = (1, 2, 3), (4, 5, 6), 7
_COUNT: Final = 8


class LossChangedError(OperatorError):
    """Head, log or keyring are not those that the proposal names."""


class NothingLostError(OperatorError):
    """Log and keyring are not older than what head and log have seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is proposed.

    Attributes:
        head: what the head has seen; None where the head is gone.
        head_keyring: the keyring's counter that the head has seen; 0 where the head is gone.
        log: the log as it is.
        keyring: the counter of the keyring as it is.
        log_keyring: the keyring's counter that the log has seen, where neither head nor keyring has come to it; else 0.
    """

    head: Extent | None
    head_keyring: int
    log: Extent
    keyring: int
    log_keyring: int = 0


def measure(file: HeadFile, keeper: HeadKeeper, *, entries: int, keyring: int, known: int) -> Loss:
    """Say what is lost; reads the whole log.

    Args:
        file: the head.
        keeper: computes the log's tree.
        entries: of the log.
        keyring: the counter of the keyring.
        known: the counter of the keyring that the log has seen.

    Raises:
        HeadFormatError, HeadStoreError, LogUnavailableError: the head or the log cannot be read.
    """
    head = file.read()
    head_keyring = 0 if head is None else head.keyring
    return Loss(
        head=None if head is None else head.extent,
        head_keyring=head_keyring,
        log=Extent.of(keeper.tree_at(entries)),
        keyring=keyring,
        log_keyring=known if known > max(head_keyring, keyring) else 0,
    )


def propose(loss: Loss, *, needed: int, proposer: str, now: int) -> Proposal:
    """Make a proposal.

    Args:
        loss: what is accepted.
        needed: officers who must agree.
        proposer: key id of who proposes.
        now: seconds of the Unix epoch.
    """
    body = dict(zip(_LOG, _encode(loss.log, loss.keyring), strict=True))
    if loss.head is not None:
        body |= zip(_HEAD, _encode(loss.head, loss.head_keyring), strict=True)
    if loss.log_keyring:
        body[_KNOWN] = loss.log_keyring.to_bytes(_COUNT, "big")
    return agreed.propose(ACTION, body, seconds=SECONDS, needed=needed, proposer=proposer, now=now)


def read(proposal: Proposal) -> Loss:
    """Read what is proposed.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
    """
    with ceremony.body_of(proposal, ACTION) as fields:
        log, keyring = _decode(fields, _LOG)
        head, head_keyring = _decode(fields, _HEAD) if _HEAD[0] in fields else (None, 0)
        log_keyring = _decode_known(fields, max(head_keyring, keyring)) if _KNOWN in fields else 0
    return Loss(head=head, head_keyring=head_keyring, log=log, keyring=keyring, log_keyring=log_keyring)


def describe(proposal: Proposal) -> str:
    """Say in words what is proposed."""
    loss = read(proposal)
    now = f"go on with a log of {loss.log.entries} entries and a keyring of counter {loss.keyring}"
    known = f", and the log has seen counter {loss.log_keyring}" if loss.log_keyring else ""
    if loss.head is None:
        return f"{now}; the head is gone, so nobody knows what is missing{known}"
    seen = f"the head has seen {loss.head.entries} entries and counter {loss.head_keyring}{known}"
    return f"{now}; {seen}: {what_is_lost(loss)}"


def what_is_lost(loss: Loss) -> str:
    """Say what is lost, in words."""
    if loss.head is None:
        return "the head is gone"
    missing = loss.head.entries - loss.log.entries
    parts = []
    if missing > 0:
        parts.append(f"{missing} acknowledged entries are lost for good")
    elif loss.head != loss.log:
        parts.append("entries differ from those that were acknowledged")
    if loss.keyring < max(loss.head_keyring, loss.log_keyring):
        parts.append("the keyring is older")
    return " and ".join(parts) or "nothing is lost"


def execute(
    proposed: CeremonyFile,
    present: Loss,
    *,
    office: Office,
    file: HeadFile,
    directory: Directory,
    ring: Keyring,
    keeper: HeadKeeper,
) -> Loss:
    """Accept the loss, log it, and put the new head in the old one's place.

    Args:
        proposed: the proposal and its signatures.
        present: what `measure` says now, with as many entries of the log as the proposal names.
        office: what the execution needs.
        file: the head.
        directory: remembers the keyring's counter.
        ring: the keyring.
        keeper: computes the log's tree.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
        LossChangedError: head, log or keyring are not those of the proposal.
        ApprovalError, CeremonyEndedError: it may not be executed.
        HeadStoreError: the head cannot be written; the proposal is spent.
        LogUnavailableError: the log cannot be written.
    """
    loss, log = read(proposed.proposal), office.log  # 1
    before = file.read()
    if loss != present or (before is None) != (loss.head is None):  # 2
        raise LossChangedError("head, log or keyring have changed since the proposal was made")
    taken = agreed.take(office, proposed)  # 3
    admin_entry.append(log, EntryKind.HEAD_RESET, _detail(loss) | taken)  # 4
    keyring_events.accept_older(directory, ring)
    # Nothing counts as published any more: what the old tree had, `log rebuild-tree` lays aside.
    after = Head(tree=keeper.tree_at(log.head().sequence), keyring=loss.keyring)
    try:
        file.swap(before, after)  # 5
    except HeadConflictError as error:
        raise LossChangedError("another process has moved the head meanwhile") from error
    return loss


def _detail(loss: Loss) -> dict[str, str]:
    detail = {"entries": str(loss.log.entries), "root": loss.log.root.hex(), "keyring": str(loss.keyring)}
    if loss.head is not None:
        detail |= {
            "head_entries": str(loss.head.entries),
            "head_root": loss.head.root.hex(),
            "head_keyring": str(loss.head_keyring),
        }
    if loss.log_keyring:
        detail["log_keyring"] = str(loss.log_keyring)
    return detail


def _encode(extent: Extent, keyring: int) -> tuple[bytes, bytes, bytes]:
    return extent.entries.to_bytes(_COUNT, "big"), extent.root, keyring.to_bytes(_COUNT, "big")


def _decode(fields: dict[int, bytes], numbers: tuple[int, int, int]) -> tuple[Extent, int]:
    entries, root, keyring = (fields.pop(number) for number in numbers)
    if (len(entries), len(root), len(keyring)) != (_COUNT, HASH_SIZE, _COUNT):
        raise ValueError("a count has 8 bytes and a root 32")
    return Extent(int.from_bytes(entries, "big"), root), int.from_bytes(keyring, "big")


def _decode_known(fields: dict[int, bytes], below: int) -> int:
    known = fields.pop(_KNOWN)
    if len(known) != _COUNT or int.from_bytes(known, "big") <= below:
        raise ValueError("a count has 8 bytes, and this one is above the others")
    return int.from_bytes(known, "big")
