"""Documents for the tests of grants: a whole one that is fine, ways to change it, and the people who sign."""

from __future__ import annotations

import base64
import re

from keys.realm import Realm
from keys.signing import Signer
from verifier.auditor.sign import require_signed, sign
from verifier.auditor.table import GrantRow
from verifier.directory import AgreementStatus

DOCUMENT = """\
format = 1
auditor = "ana"
version = 1
mandate = "Letter 700/1/IJ/2026"

[validity]
from = 2026-01-01T00:00:00+07:00
until = 2028-01-01T00:00:00+07:00

[entries]
agencies = ["health", "tax"]
purposes = "all"
areas = ["questions", "agencies"]
alerts = true
from_time = 2026-02-01T00:00:00+07:00
"""
REALM = Realm(registry_id="registry", environment="production")
SIGNER = Signer(bytes(32))
SIGNERS = [base64.b64encode(SIGNER.public_key).decode()]
WITHIN = 1_780_000_000.0
"""A moment within the document's validity."""


def change(**keys: str | None) -> bytes:
    """Change keys of the document: `change(version="2", alerts=None)`; None removes the line."""
    text = DOCUMENT
    for key, value in keys.items():
        old = re.search(rf"^{key} = .*\n", text, flags=re.MULTILINE)
        line = "" if value is None else f"{key} = {value}\n"
        text = text.replace(old.group(), line) if old else text + line
    return text.encode()


def row(
    data: bytes = DOCUMENT.encode(),
    *,
    auditor: str = "ana",
    version: int = 1,
    status: AgreementStatus = AgreementStatus.ACTIVE,
) -> GrantRow:
    """Sign a document and make its row."""
    key_id, signature = require_signed(REALM, data, sign(REALM, data, SIGNER), SIGNERS)
    return GrantRow(
        auditor=auditor,
        version=version,
        format=1,
        document=data,
        signature=signature,
        signer=key_id,
        activated_ms=1,
        status=status,
    )
