"""The parts that are joined for a resident's trail: one of each auditor, and whose is there twice is named."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from padan import canonical
from padan.audit import boxes, partfile, trailfile
from padan.audit.cli import main
from padan.audit.keyfile import OwnShare
from padan.audit.span import Span
from padan.card import PeopleFileError
from padan.cli.console import ExitCode
from padan.nik import parse
from tests.auditing import NAMES, make
from tests.people import BUDI
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_790_000_000
OWN, OTHER, THIRD = range(3)


@pytest.fixture(scope="module")
def request_() -> trailfile.Request:
    """An answered request of alpha's, which beta has signed."""
    signed = make().signed(parse(BUDI["NIK"], date(2026, 1, 1)), received=NOW, now=NOW)
    return trailfile.answered(signed, (bytes(16), bytes(16)), make().key)


def part(request: trailfile.Request, which: int) -> bytes:
    """Give an auditor's part of one period."""
    own = OwnShare(number=which + 1, secret=bytearray(make().shares[which]))
    return partfile.part(request, make().people[which], own, make().key, [make().key.public])


def test_one_part_of_each(request_: trailfile.Request) -> None:
    """The parts of two others are joined by their numbers."""
    files = [part(request_, which) for which in (OTHER, THIRD)]
    found = partfile.read_parts(files, request_, make().people[OWN], make().key)
    assert sorted(each.number for each in found) == [2, 3]


@pytest.mark.parametrize("said", [{}, Span(since=5).fields, Span(since=1_000, until=9_000).fields])
def test_a_part_is_of_the_time_that_its_auditor_gave_it_for(
    request_: trailfile.Request, said: dict[int, bytes]
) -> None:
    """Whoever has opened a part can seal it again with another time, and its proof does not hold for that."""
    key, people = make().key, make().people
    own = OwnShare(number=OTHER + 1, secret=bytearray(make().shares[OTHER]))
    given = Span(since=1_000)
    data = partfile.part(request_, people[OTHER], own, key, [key.public], span=given)
    assert partfile.read_part(data, request_, people[OWN], key).span == given
    _, number, fields = partfile._opened(data, request_, people[OWN], key)
    plain = canonical.encode(
        {name: value for name, value in fields.items() if name not in given.fields} | said
    )
    info = trailfile.info_of(key, "trail-part", request_.proposal, number)
    again = boxes.spell(boxes.seal(key, plain, info, names=trailfile.signers(request_, key)))
    changed = json.dumps(json.loads(data) | {"boxes": again}).encode()
    with pytest.raises(PeopleFileError, match="is wrong"):
        partfile.read_part(changed, request_, people[OWN], key)


@pytest.mark.parametrize(
    ("given", "twice", "words"),
    [
        ((OTHER, OTHER), OTHER, "two parts are given"),
        ((OTHER, THIRD, OTHER), OTHER, "two parts are given"),
        ((OWN,), OWN, "the part is your own"),
        ((OTHER, OWN), OWN, "the part is your own"),
    ],
)
def test_an_auditor_who_is_there_twice_is_named(
    request_: trailfile.Request, tmp_path: Path, given: tuple[int, ...], twice: int, words: str
) -> None:
    """A part that is given twice, or is the reader's own, is no further auditor; it does not vanish in silence."""
    files = [part(request_, which) for which in given]
    with pytest.raises(PeopleFileError) as refused:
        partfile.read_parts(files, request_, make().people[OWN], make().key)
    assert refused.value.reason == "twice"
    names = []
    for number, data in enumerate(files):
        path = tmp_path / f"{number}.part"
        path.write_bytes(data)
        names.append(str(path))
    make().lay_out(tmp_path)
    (tmp_path / "opened.json").write_bytes(trailfile.encode(request_, make().key))
    (tmp_path / "entries").touch()
    files_of = {"auditors": "auditors.json", "key": "alpha.key", "share": "alpha.share", "entries": "entries"}
    options = [word for option, name in files_of.items() for word in (f"--{option}", str(tmp_path / name))]
    last = ("--passphrase-file", str(tmp_path / "phrase"), "--out", str(tmp_path / "answer"))
    ended = run(main, "subject", "report", str(tmp_path / "opened.json"), *names, *options, *last)
    assert ended.code == ExitCode.INPUT, ended.err
    assert f"the same auditor twice: {NAMES[twice]}; {words}" in ended.err
    assert "next:  give one part of each other auditor" in ended.err
    assert not (tmp_path / "answer").exists()
