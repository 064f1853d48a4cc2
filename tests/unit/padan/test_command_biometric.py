"""`padan biometric inspect`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from padan.biometric import minutiae
from padan.biometric.faults import RULES
from padan.biometric.record import Standard
from padan.cli.console import ExitCode
from tests import records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulator.terminal import Ended


def test_a_good_record(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """Format, size, finger, resolution and number of minutiae are told, and no minutia."""
    file = tmp_path / "finger.fmr"
    file.write_bytes(minutiae.write(records.example()))
    ended = padan("biometric", "inspect", str(file))
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "format    ISO/IEC 19794-2:2005",
        "size      114 bytes",
        "view 1    finger 2, 14 minutiae, 300 by 400 pixels at 500 dpi",
        "problems  none",
    ]
    ended = padan("biometric", "inspect", str(file), "--json")
    assert json.loads(ended.out) == {
        "format": "ISO/IEC 19794-2:2005",
        "bytes": 114,
        "views": [
            {
                "position": 2,
                "number": 0,
                "impression": 0,
                "quality": [0],
                "width": 300,
                "height": 400,
                "dpi": [500, 500],
                "minutiae": 14,
                "extended_bytes": 0,
            }
        ],
        "problems": [],
    }


def test_all_problems_are_told(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """Each rule that is broken is told once, with the first place and how often; the exit code is NO."""
    data = bytearray(minutiae.write(records.example(Standard.ANSI_2009)))
    for at in range(3):
        data[38 + 6 * at + 4] = 200
    data[33:37] = (500).to_bytes(2, "big") + (250).to_bytes(2, "big")
    file = tmp_path / "finger.fmr"
    file.write_bytes(data)
    ended = padan("biometric", "inspect", str(file))
    assert ended.code == ExitCode.NO
    assert ended.out.splitlines() == [
        "format    ANSI INCITS 378-2009",
        "size      124 bytes",
        "view 1    finger 2, 14 minutiae, 300 by 400 pixels at 1270 by 635 dpi",
        f"problem   view 1: {RULES['resolution']}",
        f"problem   view 1, minutia 1: {RULES['angle']} (3 times)",
    ]


def test_what_is_a_record_but_no_capture_of_one_finger(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """Two views, or too many bytes for a question, are a problem too."""
    record = records.example(Standard.ISO_2011)
    long = replace(record.views[0], number=1, extended=b"\1\1\x08\0".ljust(2_048, b"\0"), position=0)
    file = tmp_path / "finger.fmr"
    file.write_bytes(minutiae.write(replace(record, views=(*record.views, long))))
    ended = padan("biometric", "inspect", str(file), "--json")
    assert ended.code == ExitCode.NO
    assert json.loads(ended.out)["problems"] == [
        "a question takes a record of exactly one view",
        "a question takes a record of at most 2,048 bytes",
    ]
    assert "view 2    unknown finger" in padan("biometric", "inspect", str(file)).out


def test_other_files(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """An image, a long file and a file that is not there are told apart."""
    image = tmp_path / "finger.fir"
    image.write_bytes(b"FIR\x00010\x00" + bytes(100))
    ended = padan("biometric", "inspect", str(image), "--json")
    assert ended.code == ExitCode.NO
    assert json.loads(ended.out) == {"bytes": 108, "format": None, "problems": [RULES["magic"]], "views": []}
    image.write_bytes(bytes(100_000))
    assert padan("biometric", "inspect", str(image)).out.splitlines() == [
        "format    none that is known",
        "size      more than 65,535 bytes",
        f"problem   {RULES['size']}",
    ]
    ended = padan("biometric", "inspect", str(tmp_path / "none"))
    assert ended.code == ExitCode.INPUT
    assert "cannot be read" in ended.err
