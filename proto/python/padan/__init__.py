"""Padan, the ground floor: what agencies and auditors install.

Client, NIK grammar, commitments, log entries, receipts. Nothing here holds a key of the registry. `import padan` loads
nothing; `padan.Client`, `padan.Question` and the like are loaded when first used, so that the pure parts stay free of
gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from padan.answer import Verification
    from padan.asked import AskedQuestion
    from padan.client import Client
    from padan.dispute import Dispute
    from padan.errors import PadanError
    from padan.nik import Nik
    from padan.question import Question
    from padan.vocabulary import Attribute, LegalBasis, Verdict

__all__ = [
    "AskedQuestion",
    "Attribute",
    "Client",
    "Dispute",
    "LegalBasis",
    "Nik",
    "PadanError",
    "Question",
    "Verdict",
    "Verification",
]

_HOMES = {
    "AskedQuestion": "asked",
    "Attribute": "vocabulary",
    "Client": "client",
    "Dispute": "dispute",
    "LegalBasis": "vocabulary",
    "Nik": "nik",
    "PadanError": "errors",
    "Question": "question",
    "Verdict": "vocabulary",
    "Verification": "answer",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'padan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"padan.{home}"), name)
