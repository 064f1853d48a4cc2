"""A service does not start on thresholds that accept everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.enrolment import SETTING, calibrate
from tests.installation import install
from tests.service import running

if TYPE_CHECKING:
    from pathlib import Path


def changed(thresholds: bytes, **members: Any) -> bytes:
    """Change members of every threshold in a file."""
    document = json.loads(thresholds)
    document["thresholds"] = [{**entry, **members} for entry in document["thresholds"]]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"threshold": 0}, "threshold is so low that nearly everybody is accepted"),
        ({"impostors": 10, "fmr": 0}, "impostors are fewer than level substantial takes"),
        ({"fmr": 1}, "fmr is more than level substantial allows"),
    ],
)
def test_a_file_that_was_edited_ends_the_start(tmp_path: Path, members: dict[str, Any], told: str) -> None:
    """A file that accepts every score ends the start with its reason, and so does one of no statistics."""
    made = install(tmp_path / "padan", agencies={}, people=(), extra=SETTING)
    calibrate(made, "finger")
    file = made.root / "thresholds.json"
    file.write_bytes(changed(file.read_bytes(), **members))
    with pytest.raises(RuntimeError, match=told), running(made):
        pass
