"""What a file holds for several auditors: a box for each, by name (HPKE), which that auditor alone opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan import sealing
from padan.card import PeopleFileError, raw, text
from padan.errors import SealingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from padan.auditors import AuditorsKey
    from padan.personfile import Person


def seal(
    key: AuditorsKey, plain: bytes, info: bytes, *, names: Collection[str] | None = None
) -> dict[str, bytes]:
    """Seal the same to auditors of a key.

    Args:
        key: the auditors' key.
        plain: what is sealed.
        info: what it is bound to, before the name.
        names: to whom alone; None is to all.
    """
    return {
        each.card.name: sealing.seal(plain, public_key=each.card.sealing, info=info + each.card.name.encode())
        for each in key.members
        if names is None or each.card.name in names
    }


def unseal(boxes: Mapping[str, bytes], person: Person, info: bytes) -> bytes:
    """Open one's own box.

    Raises:
        PeopleFileError: there is none, or it does not open.
    """
    name = person.card.name
    try:
        return person.recipient.open(boxes.get(name, b""), info=info + name.encode())
    except SealingError:
        raise PeopleFileError(
            f"the file holds nothing that {name} can open, or was changed",
            reason="box",
            next_step="use your own private keys, and the file as it was given to you",
        ) from None


def read(content: Mapping[str, str]) -> dict[str, bytes]:
    """Read boxes, or other bytes by name, from a file.

    Raises:
        ValueError, AttributeError: malformed.
    """
    return {str(name): raw(box) for name, box in content.items()}


def spell(boxes: Mapping[str, bytes]) -> dict[str, str]:
    """Write them as a file has them."""
    return {name: text(box) for name, box in sorted(boxes.items())}
