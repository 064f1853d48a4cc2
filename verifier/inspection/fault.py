"""What can be wrong with an installation; stable names for programs."""

from __future__ import annotations

import enum


class Fault(enum.StrEnum):
    """The fault of a finding of `padan-server config check`."""

    SETTING = "setting"
    UNKNOWN_VARIABLE = "unknown-variable"
    FILE_MISSING = "file-missing"
    FILE_MODE = "file-mode"
    KEYRING = "keyring"
    KEYRING_UNVERIFIED = "keyring-unverified"
    OTHER_REGISTRY = "other-registry"
    KEYRING_ROLLED_BACK = "keyring-rolled-back"
    CRYPTOPERIOD = "cryptoperiod"
    TLS = "tls"
    ENDS = "ends"
    ADDRESS = "address"
    DATABASE = "database"
    HEAD = "head"
    SPACE = "space"
    NO_EPOCH = "no-epoch"
    EPOCH_KEY = "epoch-key"
    PEOPLE = "people"
    AGREEMENT = "agreement"
