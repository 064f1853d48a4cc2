"""The public key of the officer who opens disputes, as the setting `dispute_key` has it: X25519, base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from padan import sealing
from verifier.errors import OperatorError

SETTING: Final = "dispute_key"


class DisputeKeyError(OperatorError):
    """The setting `dispute_key` holds no public key."""


def public_key(text: str) -> bytes:
    """Read the key, 32 bytes.

    Raises:
        DisputeKeyError: another form.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != sealing.KEY_SIZE:
        raise DisputeKeyError("the setting dispute_key: not an X25519 public key, base64 of 32 bytes")
    return key


def id_of(text: str) -> str:
    """Name the key by its thumbprint; empty where the setting is.

    Raises:
        DisputeKeyError: another form.
    """
    return sealing.key_id(public_key(text)) if text else ""
