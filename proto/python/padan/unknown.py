"""Fields of a message that this release does not know: whoever sent them believes to have said more than is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.unknown_fields import UnknownFieldSet

if TYPE_CHECKING:
    from google.protobuf.message import Message


def has_unknown(message: Message) -> bool:
    """Say whether a message has an unknown field, at any depth."""
    if len(UnknownFieldSet(message)):
        return True
    for descriptor, content in message.ListFields():
        if descriptor.message_type is None:
            continue
        if any(has_unknown(part) for part in (content if descriptor.is_repeated else (content,))):
            return True
    return False
