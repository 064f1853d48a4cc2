"""Whom to believe: the logs, the witnesses and the quorum of a policy file (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

A checkpoint is believed when one of the logs has signed it and the quorum of witnesses has cosigned it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from padan.errors import LogFormatError, LogSignatureError, QuorumError
from padan.tlog import checkpoint, note
from padan.tlog.note import Algorithm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.note import Verified, VerifierKey

NONE: Final = "none"
MAX_LINES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness of a policy.

    Attributes:
        key: its key.
        url: where checkpoints are submitted to it; empty where that is not said.
    """

    key: VerifierKey
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these members.

    Attributes:
        threshold: how many must have cosigned.
        members: names of witnesses and groups.
    """

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Believed:
    """A checkpoint that a policy believes.

    Attributes:
        checkpoint: the tree.
        cosignatures: of the policy's witnesses, as many as there are.
    """

    checkpoint: Checkpoint
    cosignatures: tuple[Verified, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy.

    Attributes:
        logs: keys of the logs, and where their files are; empty where that is not said.
        witnesses: by name.
        groups: by name.
        quorum: name of a witness or group, or `none`.
    """

    logs: Mapping[VerifierKey, str]
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    def believe(self, data: bytes) -> Believed:
        """Read a signed checkpoint.

        Raises:
            LogFormatError: it is none.
            QuorumError: a log of the policy has signed it, and the quorum of cosignatures is not there.
            LogSignatureError: no log of the policy has signed it, or a known signature does not hold.
        """
        signed = note.parse(data)
        stated = checkpoint.parse_text(signed.text)
        logs = [key for key in self.logs if key.name == stated.origin]
        if not logs:
            raise LogSignatureError(
                f"the checkpoint is of the log {stated.origin!r}, which the policy does not name"
            )
        if not note.verify(signed, logs):
            raise LogSignatureError(
                f"no key that the policy names for {stated.origin!r} has signed the checkpoint"
            )
        cosigned = note.verify(signed, [witness.key for witness in self.witnesses.values()])
        if not self.met({each.key for each in cosigned}):
            raise QuorumError(
                f"{len(cosigned)} of the policy's {len(self.witnesses)} witnesses have cosigned the checkpoint, "
                f"which is not the quorum {self.quorum!r}",
                next_step="run it again later; if it stays, ask the registry and those who run the witnesses",
                reason="quorum",
            )
        return Believed(stated, tuple(cosigned))

    def met(self, cosigners: Collection[VerifierKey]) -> bool:
        """Say whether cosignatures of these keys are the quorum."""
        return self.quorum == NONE or self._met(self.quorum, cosigners)

    def _met(self, name: str, cosigners: Collection[VerifierKey]) -> bool:
        witness = self.witnesses.get(name)
        if witness is not None:
            return witness.key in cosigners
        group = self.groups[name]
        return sum(self._met(member, cosigners) for member in group.members) >= group.threshold


def parse(text: str) -> Policy:
    """Read a policy.

    Raises:
        LogFormatError: with the number of the first line that is wrong, and what is.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise LogFormatError(f"a policy has at most {MAX_LINES:,} lines")
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                reader.take(*words)
            except LogFormatError as error:
                raise LogFormatError(f"line {number} of the policy: {error}") from None
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.logs: dict[VerifierKey, str] = {}
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._used: set[str] = set()

    def take(self, keyword: str, *words: str) -> None:
        match keyword, words:
            case "log", (vkey, *url) if len(url) <= 1:
                self._log(note.parse_key(vkey), "".join(url))
            case "witness", (name, vkey, *url) if len(url) <= 1:
                self._name(name)
                self.witnesses[name] = self._witness(note.parse_key(vkey), "".join(url))
            case "group", (name, threshold, *members) if members:
                self._name(name)
                self.groups[name] = self._group(threshold, tuple(members))
            case "quorum", (name,):
                self._quorum(name)
            case _:
                raise LogFormatError(
                    "expected: log VKEY [URL], witness NAME VKEY [URL], group ..., or quorum NAME"
                )

    def finish(self) -> Policy:
        if self.quorum is None:
            raise LogFormatError("the policy has no quorum; without witnesses write: quorum none")
        return Policy(logs=self.logs, witnesses=self.witnesses, groups=self.groups, quorum=self.quorum)

    def _log(self, key: VerifierKey, url: str) -> None:
        if key.algorithm is not Algorithm.LOG:
            raise LogFormatError("the key is a witness's and no log's")
        if key.public_key in {known.public_key for known in self.logs}:
            raise LogFormatError("the log is named twice")
        self.logs[key] = url

    def _witness(self, key: VerifierKey, url: str) -> Witness:
        if key.algorithm is not Algorithm.COSIGNATURE:
            raise LogFormatError("the key is a log's and no witness's")
        if key.public_key in {known.key.public_key for known in self.witnesses.values()}:
            raise LogFormatError("the witness is named twice")
        return Witness(key, url)

    def _group(self, threshold: str, members: tuple[str, ...]) -> Group:
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise LogFormatError(f"no line above names {member!r}")
            if member in self._used:
                raise LogFormatError(f"{member!r} is a member twice")
            self._used.add(member)
        if threshold in {"all", "any"}:
            return Group(len(members) if threshold == "all" else 1, members)
        if not threshold.isascii() or not threshold.isdigit() or not 1 <= int(threshold) <= len(members):
            raise LogFormatError("a group's threshold is all, any, or 1 to the number of its members")
        return Group(int(threshold), members)

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise LogFormatError("the policy has two quorums")
        if name != NONE and name not in self.witnesses and name not in self.groups:
            raise LogFormatError(f"no line above names {name!r}")
        self.quorum = name

    def _name(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise LogFormatError(f"the name {name!r} is taken")
