"""Every format that the code knows: what is kept in it must stay readable, and what is not kept says why.

A format is a constant of a module: `FORMAT`, or one whose name ends so, or the number of a kind of kept file. Each of
them stands in one table here, which a test holds against the code, so that none is forgotten.
"""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Final

from padan.table.keptfile import Kind

TREE: Final = Path(__file__).parents[2]
_CODE: Final = (TREE / "verifier", TREE / "keys", TREE / "tokenizer", TREE / "proto" / "python" / "padan")
_NAMED: Final = re.compile(r"_?([A-Z]+_)*FORMAT")

INSTALLATION: Final = {
    "agreement": "verifier.agreement.parse:FORMAT",
    "agreement signature": "verifier.agreement.sign:FORMAT",
    "auditor's grant": "verifier.auditor.parse:FORMAT",
    "backup": "verifier.backup.manifest:FORMAT",
    "ceremony": "keys.ceremony:FORMAT",
    "ceremony file": "keys.ceremonyfile:FORMAT",
    "entry": "padan.entry:FORMAT",
    "epoch file": "verifier.vault.rowfile:FILE_FORMAT",
    "feed": "verifier.feed.document:FORMAT",
    "head": "verifier.headfile:FORMAT",
    "kek file": "keys.file_provider:FORMAT",
    "keyring": "keys.ringformat:FORMAT",
    "keyring history": "keys.events:FORMAT",
    "mirror": "verifier.log.mirror_format:FORMAT",
    "period envelope": "keys.envelope:FORMAT",
    "proposal": "padan.proposal:FORMAT",
    "record": "tokenizer.record:FORMAT",
    "row": "tokenizer.outer:FORMAT",
    "signing key": "verifier.agreement.signkey:FORMAT",
}
"""What a golden installation holds."""

PIECES: Final = {
    "auditors' key": "padan.card:FORMAT",
    "bundle": "padan.audit.mirror.proving:FORMAT",
    "conversion": "tokenizer.conversion:_FORMAT",
    "conversion job": "padan.converting.jobfile:FORMAT",
    "conversion pages": "padan.converting.pages:_KIND",
    "copy's record": "padan.audit.mirror.trusted:FORMAT",
    "dispute": "verifier.dispute.casefile:FORMAT",
    "enrolment": "tokenizer.enrolment:_FORMAT",
    "issuing": "padan.issuing.part:_KIND",
    "kept question": "padan.asked:_LABEL",
    "period envelope to auditors": "padan.envelope:FORMAT",
    "quorum": "keys.quorum:FORMAT",
    "reference": "tokenizer.biometrics.reference:FORMAT",
    "retention": "verifier.retention.state:FORMAT",
    "roster": "keys.roster:FORMAT",
    "sealed box": "padan.sealing:FORMAT",
    "stage report": "verifier.stage.report:FORMAT",
    "thresholds": "tokenizer.biometrics.calibration:FORMAT",
    "token": "padan.token:FORMAT",
    "token file": "keys.token_file:FORMAT",
    "token row": "tokenizer.tokenrow:_FORMAT",
    "updating": "padan.updating.fileplace:_KIND",
    "witness's book": "padan.witness.book:FORMAT",
    "witnessed": "verifier.tree.witnessed:FORMAT",
}
"""What is kept besides, piece by piece: by the service, by custodians and auditors, by agencies."""

TOLD: Final = {
    "check": "verifier.consistency.report:FORMAT",
    "trail": "padan.audit.answer:FORMAT",
}
"""What is written for people and their programs, and read by no code of ours."""

PASSING: Final = {
    "keys.agent_wire:FORMAT": "between processes of one host",
    "verifier.consistency.plan:FORMAT": "of a check under way, which the release that began it ends, or begins anew",
    "verifier.journal.frame:FORMAT": "between processes of one host",
    "verifier.projector.plan:FORMAT": "of a load under way, which the release that began it ends, or begins anew",
}
"""What nobody keeps, and why."""


def formats() -> dict[str, int | str]:
    """Name the formats that the code of today writes, of everything that is kept."""
    return {name: _number(place) for name, place in sorted({**INSTALLATION, **PIECES, **TOLD}.items())}


def _number(place: str) -> int | str:
    module, name = place.split(":")
    found = getattr(import_module(module), name)
    if isinstance(found, Kind):
        return found.format
    if isinstance(found, bytes):
        return found[0] if len(found) == 1 else found[2:].decode()  # a label begins with its length
    return int(found)


def known() -> set[str]:
    """Find every format that the code names."""
    found: set[str] = set()
    for folder in _CODE:
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            module = ".".join(parts).removesuffix(".__init__")
            found |= {f"{module}:{name}" for name in _named(ast.parse(path.read_text(encoding="utf-8")))}
    return found


def _named(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        is_kind = isinstance(node.value, ast.Call) and any(
            each.arg == "format" for each in node.value.keywords
        )
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        found |= {name for name in names if is_kind or _NAMED.fullmatch(name)}
    return found
