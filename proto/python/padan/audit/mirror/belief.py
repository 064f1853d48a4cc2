"""Whether a checkpoint may follow the one that was trusted last: of the same log, not behind it, of one history.

The main path:

1. a log of the policy has signed it, and the quorum has cosigned it;
2. it is of the origin that was trusted;
3. where witnesses say when, it is not older than allowed;
4. it is not smaller than what was trusted;
5. the tree that was trusted is the beginning of its tree.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from padan import times
from padan.audit.mirror.tree import Tree, check_edge, need
from padan.errors import (
    CopyError,
    DamageError,
    ForkError,
    LogError,
    LogFormatError,
    LogProofError,
    LogSignatureError,
    OriginError,
    QuorumError,
    RollbackError,
    StaleError,
)
from padan.tlog import checkpoint, merkle, note, policy
from padan.tlog.tile import TileNodes

if TYPE_CHECKING:
    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.tree import Read
    from padan.audit.mirror.trusted import Trusted
    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.policy import Believed, Policy

_EVIDENCE = (
    "keep both checkpoints as evidence and show them to the registry's supervisor and to the witnesses"
)


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        CopyError: it cannot be read.
        LogFormatError: it is no policy, or names no quorum.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CopyError(
            f"the policy {path} cannot be read",
            next_step="write the log's key, its witnesses and the quorum into a file (docs/audit.md)",
        ) from None
    try:
        return policy.parse(text)
    except LogFormatError as error:
        raise LogFormatError(
            f"{path}: {error}", next_step="correct the policy; docs/audit.md shows one", reason="policy"
        ) from None


def believe(data: bytes, rules: Policy, *, of: str) -> Believed:
    """Believe a signed checkpoint: step 1.

    Args:
        data: the signed note.
        rules: the policy.
        of: where it was found, for people.

    Raises:
        OriginError: it is of a log that the policy does not name.
        LogFormatError: it is none.
        QuorumError: signed by the log, and by too few witnesses.
        LogSignatureError: not signed.
    """
    try:
        origin = checkpoint.parse_text(note.parse(data).text).origin
    except LogFormatError as error:
        raise LogFormatError(
            f"the checkpoint of {of}: {error}",
            next_step="look whether this is a log's address",
            reason="checkpoint",
        ) from None
    if origin not in {key.name for key in rules.logs}:
        raise OriginError(
            f"{of} has a checkpoint of the log {origin!r}, which the policy does not name",
            next_step="give the address of the log in the policy; take another log's key only from its operator",
            reason="origin",
        )
    try:
        return rules.believe(data)
    except QuorumError as error:
        raise QuorumError(
            f"the checkpoint of {of}: {error}", next_step=error.next_step, reason=error.reason
        ) from None
    except LogSignatureError as error:
        raise LogSignatureError(
            f"the checkpoint of {of}: {error}",
            next_step="compare the policy's keys with what the operator and the witnesses gave you, and keep the "
            "checkpoint as evidence",
            reason="signature",
        ) from None


def require_origin(one: Checkpoint, other: Checkpoint, *, of: str) -> None:
    """Refuse another log: step 2.

    Raises:
        OriginError: it is one.
    """
    if one.origin != other.origin:
        raise OriginError(
            f"{of} is of the log {one.origin!r}; trusted is {other.origin!r}",
            next_step="give each log a copy and a record of its own",
            reason="origin",
        )


def require_fresh(believed: Believed, *, now: float, max_age: float) -> None:
    """Refuse a checkpoint that no witness has seen for too long: step 3.

    Raises:
        StaleError: the newest cosignature is older than `max_age` seconds; without cosignatures nothing is known.
    """
    seen = max((signature.time for signature in believed.cosignatures), default=0)
    if seen and now - seen > max_age:
        at = times.text(datetime.fromtimestamp(seen, tz=UTC))
        raise StaleError(
            f"the checkpoint of {believed.checkpoint.size:,} leaves was cosigned last at {at}: the source is stale, or "
            "the log stands still",
            next_step="fetch from the log itself; if it shows the same, ask its operator and the witnesses; --max-age "
            "allows older ones",
            reason="stale",
        )


def require_grown(
    old: Checkpoint, new: Checkpoint, read_new: Read, read_old: Read | None, *, of: str
) -> None:
    """Refuse a tree that is smaller than the trusted one or does not begin with it: steps 4 and 5.

    Args:
        old: what was trusted.
        new: what is to follow it; believed.
        read_new: gives the new tree's tiles.
        read_old: gives the trusted tree's tiles; None where there are none.
        of: what is judged, for people.

    Raises:
        RollbackError: it is smaller.
        ForkError: it is another history.
        DamageError: its tiles do not have the signed root, so that nothing can be said.
    """
    if new.size < old.size:
        _refuse_smaller(old, new, read_old, of=of)
    if new.size == old.size:
        if new.root != old.root:
            raise _fork(old, new, of=of)
        return
    if not old.size:
        return
    try:
        nodes = TileNodes(new.size, lambda path: need(read_new, path))
        merkle.check_consistency(
            old.size, old.root, new.size, new.root, merkle.consistency_proof(old.size, new.size, nodes)
        )
    except LogFormatError as error:
        raise DamageError(f"{of}: {error}", reason="tile", next_step="fetch from another source") from None
    except LogProofError:
        check_edge(new, lambda path: need(read_new, path))  # damaged tiles are no fork
        _refuse_damaged(old, new, read_new)
        raise _fork(old, new, of=of) from None


def open_tree(copy: Copy, policy: Policy, last: Trusted | None) -> Tree:
    """Check a copy's checkpoint against what was trusted, and its tiles of level 1 and up.

    Raises:
        LogError: they do not fit what was trusted.
        CopyError: there is no finished copy.
    """
    new = believe(copy.require_checkpoint(), policy, of="the copy").checkpoint
    if last is not None:
        old = last.believed.checkpoint
        require_origin(new, old, of="the copy")
        try:
            require_grown(old, new, copy.read, copy.read, of="the copy")
        except RollbackError:
            raise _behind(old, new) from None
    return Tree(new, copy.read)


def _behind(old: Checkpoint, new: Checkpoint) -> RollbackError:
    """Make the error of a copy that is older than what was trusted."""
    return RollbackError(
        f"the copy is at {new.size:,} leaves, behind the {old.size:,} that were trusted: it is an older copy, or lost "
        "its last checkpoint with the power",
        next_step="run `padan-audit mirror`: it goes on from there, and takes only what fits what was trusted; if you "
        "put no older copy back and no power was lost, find who could write there",
        reason="rollback",
    )


def _refuse_smaller(old: Checkpoint, new: Checkpoint, read_old: Read | None, *, of: str) -> None:
    """Say whether a smaller tree is at least the beginning of the trusted one."""
    if read_old is not None and _is_another(old, new, read_old):
        raise _fork(old, new, of=of)
    raise RollbackError(
        f"{of} is at {new.size:,} leaves, behind the {old.size:,} that were trusted: it is a stale mirror, or the log "
        "was rolled back",
        next_step="fetch from the log itself; if it shows the same, entries are missing: keep both as evidence",
        reason="rollback",
    )


def _is_another(old: Checkpoint, new: Checkpoint, read_old: Read) -> bool:
    """Say whether the trusted tree's tiles show that a smaller tree is not its beginning; damaged ones show nothing."""
    nodes = TileNodes(old.size, read_old)
    try:
        computed = merkle.root(new.size, nodes)
        proof = merkle.consistency_proof(new.size, old.size, nodes)
        merkle.check_consistency(new.size, computed, old.size, old.root, proof)
    except (LogError, FileNotFoundError):
        return False
    return computed != new.root


def _refuse_damaged(old: Checkpoint, new: Checkpoint, read_new: Read) -> None:
    """Tell a fork from tiles that were damaged beside the edge: the tiles must have the root of a whole tree."""
    tree = Tree(new, read_new)
    number = old.size // 256
    if number < tree.bundles:
        tile = tree.tile(number)
        tree.check_bundle(number, need(read_new, tile.bundle_path), need(read_new, tile.path))


def _fork(old: Checkpoint, new: Checkpoint, *, of: str) -> ForkError:
    if old.size == new.size:
        what = f"{of} has another root for {new.size:,} leaves than the one that was trusted"
    else:
        what = (
            f"{of}, with {new.size:,} leaves, does not fit the tree of {old.size:,} leaves that was trusted"
        )
    return ForkError(f"{what}: the log has signed two histories", next_step=_EVIDENCE, reason="fork")
