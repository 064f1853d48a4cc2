"""Region codes of the Ministry of Home Affairs (Kemendagri), of a place of residence.

Province 2 digits, regency or city 4, district 6, village 10. Only the form is checked: codes are split, merged and
retired, so a code that no current list has is no ground for refusal. BPS codes differ and are never mixed in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tokenizer.errors import RowError, RuleError

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTHS: Final = (2, 4, 6, 10)
FIELDS: Final = ("NO_PROP", "NO_KAB", "NO_KEC", "NO_KEL")
"""The registry's fields for the parts of a code."""
_WIDTHS: Final = (2, 2, 2, 4)
_SEPARATED = re.compile(r"[0-9]{2}(?:\.[0-9]{2}(?:\.[0-9]{2}(?:\.[0-9]{4})?)?)?")


def parse(text: str, *, lengths: tuple[int, ...] = LENGTHS) -> str:
    """Read a code: digits, or with dots between its parts ("32.01.05.2003").

    Raises:
        RuleError: "region.format".
    """
    text = text.strip()
    if _SEPARATED.fullmatch(text):
        text = text.replace(".", "")
    if not (text.isascii() and text.isdigit()) or len(text) not in lengths:
        raise RuleError("region.format")
    return text


def join(parts: Sequence[str]) -> str:
    """Join NO_PROP, NO_KAB, NO_KEC and NO_KEL of a row, each with or without leading zeros; "" where empty.

    Returns:
        the code, 0, 2, 4, 6 or 10 digits.

    Raises:
        RowError: "region.format", or "region.gap" for a part without the part above it.
    """
    code = ""
    ended = False
    for field, width, part in zip(FIELDS, _WIDTHS, parts, strict=True):
        if not part:
            ended = True
            continue
        digits = part.lstrip("0").rjust(width, "0")
        if not (part.isascii() and part.isdigit()) or len(digits) != width or digits == "0" * width:
            raise RowError(field, "region.format")
        if ended:
            raise RowError(field, "region.gap")
        code += digits
    return code
