"""A ceremony as a file, for people who sit together or hand it on: the proposal and the signatures under it.

JSON, at most 64 KiB: `format` 1, `use` "ceremony", `registry_id` and `environment` for whoever opens it, `proposal`
(base64 of its canonical encoding), `voices`: `key_id`, `signature` (base64) and `withdraws`. What is signed is in
`keys.ceremony`; nothing else in the file counts.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from keys.ceremony import MOST, Proposal, Voice
from keys.errors import ProposalFormatError

if TYPE_CHECKING:
    from keys.realm import Realm

FORMAT: Final = 1
USE: Final = "ceremony"
MAX_FILE: Final = 65_536
_MAX_VOICES: Final = 4 * MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class CeremonyFile:
    """A proposal and the signatures that the file holds, whoever they are of."""

    proposal: Proposal
    voices: tuple[Voice, ...] = ()

    def with_voice(self, voice: Voice) -> CeremonyFile:
        """Add a signature; it takes the place of the same person's of the same kind."""
        others = (each for each in self.voices if _place(each) != _place(voice))
        return replace(self, voices=tuple(sorted((*others, voice), key=_place)))


def encode(realm: Realm, ceremony: CeremonyFile) -> bytes:
    """Write the file."""
    content = {
        "format": FORMAT,
        "use": USE,
        "registry_id": realm.registry_id,
        "environment": realm.environment,
        "proposal": base64.b64encode(ceremony.proposal.encode()).decode(),
        "voices": [
            {
                "key_id": voice.key_id,
                "signature": base64.b64encode(voice.signature).decode(),
                "withdraws": voice.withdraws,
            }
            for voice in ceremony.voices
        ],
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def decode(realm: Realm, data: bytes) -> CeremonyFile:
    """Read the file.

    Raises:
        ProposalFormatError: malformed, of an unknown format, or of another registry or environment.
    """
    try:
        content: Any = json.loads(data) if len(data) <= MAX_FILE else None
        if not isinstance(content, dict) or content.get("use") != USE:
            raise ProposalFormatError("not the file of a ceremony")
        if content["format"] != FORMAT:
            raise ProposalFormatError("the ceremony's file has a format that this release does not know")
        if (content["registry_id"], content["environment"]) != (realm.registry_id, realm.environment):
            raise ProposalFormatError("the ceremony is of another registry or environment")
        if len(content["voices"]) > _MAX_VOICES:
            raise ProposalFormatError(f"a ceremony's file holds at most {_MAX_VOICES} signatures")
        return CeremonyFile(
            proposal=Proposal.decode(base64.b64decode(content["proposal"], validate=True)),
            voices=tuple(
                Voice(
                    key_id=str(voice["key_id"]),
                    signature=base64.b64decode(voice["signature"], validate=True),
                    withdraws=bool(voice["withdraws"]),
                )
                for voice in content["voices"]
            ),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProposalFormatError("the ceremony's file is malformed") from error


def _place(voice: Voice) -> tuple[str, bool]:
    return voice.key_id, voice.withdraws
