"""Numbers that nobody has: well-formed, of a region that does not exist, with a serial that no office has reached."""

from __future__ import annotations

import random
from typing import Final

REGION: Final = "999999"
_FEMALE: Final = 40
_SOURCE = random.SystemRandom()


def number(source: random.Random = _SOURCE) -> str:
    """Draw a number, 16 digits; its day exists in every month and, as a birth of the last century, has passed."""
    day = source.randint(1, 28) + source.choice((0, _FEMALE))
    return f"{REGION}{day:02}{source.randint(1, 12):02}{source.randint(30, 99):02}{source.randint(9000, 9999):04}"
