"""What an auditor gives for a trail: the periods that it takes and no other, to those who agreed, and not for ever."""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import canonical, entry, envelope
from padan.audit import partfile, search, span, trailfile
from padan.audit.cli import main
from padan.audit.entries import FileEntries
from padan.audit.keyfile import OwnShare
from padan.audit.span import WHOLE, Span, Within
from padan.card import PeopleFileError
from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field
from padan.errors import AuditError
from padan.nik import parse
from tests.auditing import make
from tests.simulator.terminal import Ended, run

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 9, 21, tzinfo=UTC)
DAY = timedelta(days=1)
HANDLE, OTHER = bytes(range(16)), bytes(range(16, 32))
PERIODS = tuple(bytes((number,)) * 16 for number in range(1, 5))
"""One for each day from START on; the last has no entry about anybody."""


def moment(days: float) -> int:
    """Give a log time, milliseconds."""
    return int((START + days * DAY).timestamp() * 1000)


def spelt(days: float) -> str:
    """Spell it as an option."""
    return (START + days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(sequence: int, days: float, kind: EntryKind, fields: dict[int, bytes]) -> str:
    """Make an entry as a line of the auditor's own file."""
    head = canonical.encode({Field.KIND: int(kind).to_bytes(2, "big"), **fields})
    data = entry.encode(head, {Field.LOG_TIME: moment(days).to_bytes(8, "big")})
    salt = os.urandom(32)
    leaf = entry.leaf(salt, data)
    return json.dumps({"sequence": sequence, "entry": data.hex(), "salt": salt.hex(), "leaf": leaf.hex()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The auditors' files, with a trail that the service has opened, and each period's key."""

    folder: Path
    keys: dict[bytes, bytes]

    def call(self, *words: object, stdin: str = "") -> Ended:
        """Run `padan-audit subject`."""
        return run(main, "subject", *map(str, words), stdin=stdin.encode())

    def own(self, name: str) -> tuple[object, ...]:
        """Spell an auditor's options."""
        return (
            *("--auditors", self.folder / "auditors.json", "--passphrase-file", self.folder / "phrase"),
            *("--key", self.folder / f"{name}.key", "--share", self.folder / f"{name}.share"),
            *("--entries", self.folder / "entries.ndjson"),
        )

    def part(self, *words: object, name: str = "part.json", stdin: str = "") -> Ended:
        """Let beta give a part."""
        given = ("part", self.folder / "opened.json", *self.own("beta"), "--out", self.folder / name)
        return self.call(*given, *words, stdin=stdin)

    def report(self, name: str = "part.json", out: str = "answer") -> Ended:
        """Let alpha report."""
        files = (self.folder / "opened.json", self.folder / name)
        return self.call("report", *files, *self.own("alpha"), "--out", self.folder / out)

    def opens(self, name: str = "part.json") -> set[bytes]:
        """Say which periods alpha opens with beta's part and the own share, by the real computation."""
        made = make()
        request = trailfile.decode((self.folder / "opened.json").read_bytes(), made.key)
        data = (self.folder / name).read_bytes()
        found, _ = search.envelopes(FileEntries(self.folder / "entries.ndjson"), made.key)
        parts = {2: partfile.read_part(data, request, made.people[0], made.key).pairs}
        parts[1] = partfile.own_part(OwnShare(number=1, secret=bytearray(made.shares[0])), found)
        opened = set()
        for each in found:
            shared = partfile.fold(parts, each.element, made.key.threshold)
            if shared is None:
                alone = bytearray(parts[1][each.element])
                with pytest.raises(AuditError, match="does not open"):
                    envelope.unseal(each, alone, key=made.key)
            else:
                assert bytes(envelope.unseal(each, shared, key=made.key)) == self.keys[each.period_id]
                opened.add(each.period_id)
        return opened


def about(handle: bytes, period: bytes, key: bytes) -> dict[int, bytes]:
    """Name a resident in an entry."""
    nonce = os.urandom(16)
    subject = hmac.digest(hmac.digest(key, handle, "sha256"), nonce, "sha256")[:16]
    return {Field.SUBJECT: subject, Field.NONCE: nonce, Field.PERIOD: period, Field.AGENCY: b"tax"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Lay out the files of a trail; on each of three days the resident and another one are asked about."""
    made, keys = make(), {period: os.urandom(32) for period in PERIODS}
    lines: list[str] = []
    for day, (period, key) in enumerate(keys.items()):
        sealed = envelope.seal(bytearray(key), period_id=period, key=made.key)
        detail = canonical.encode_list([b"envelope=" + sealed.hex().encode()])
        opened: dict[int, bytes] = {Field.PERIOD: period, Field.DETAIL: detail}
        lines.append(line(len(lines) + 1, day, EntryKind.PERIOD_OPENED, opened))
        for handle in (HANDLE, OTHER) if period != PERIODS[-1] else ():
            lines.append(line(len(lines) + 1, day + 0.5, EntryKind.VERIFY, about(handle, period, key)))
    (tmp_path / "entries.ndjson").write_text("\n".join(lines) + "\n")
    made.lay_out(tmp_path)
    now = int(START.timestamp())
    signed = made.signed(parse("3171234501900001", date(2026, 1, 1)), received=now, now=now)
    answered = trailfile.answered(signed, (HANDLE, HANDLE), made.key)
    (tmp_path / "opened.json").write_bytes(trailfile.encode(answered, made.key))
    return Desk(folder=tmp_path, keys=keys)


@pytest.mark.parametrize(
    ("since", "until", "taken"),
    [
        (None, None, (0, 1, 2)),
        (1.0, 2.0, (1,)),
        (1.0, None, (1, 2)),
        (None, 0.6, (0,)),
        (0.4, 1.6, (0, 1)),
    ],
)
def test_a_part_opens_the_periods_of_its_time_and_no_other(
    desk: Desk, since: float | None, until: float | None, taken: tuple[int, ...]
) -> None:
    """Outside the time that was given nothing opens, for whoever has the part; a period without anybody never does."""
    given = [] if since is None else ["--from", spelt(since)]
    given += [] if until is None else ["--until", spelt(until)]
    done = desk.part(*given, "--yes", "--json")
    assert done.code == ExitCode.DONE, done.err
    told = json.loads(done.out)
    assert (told["periods"], told["spared"], told["foreign"]) == (len(taken), len(PERIODS) - len(taken), 0)
    assert (told["first"], told["last"]) == (spelt(taken[0] + 0.5), spelt(taken[-1] + 0.5))
    assert desk.opens() == {PERIODS[number] for number in taken}


def test_the_answer_covers_what_the_part_was_given_for(desk: Desk) -> None:
    """Entries of another time are left out also where their period was opened, and the answer says what it covers."""
    assert desk.part("--from", spelt(1), "--until", spelt(1.6), "--yes").code == ExitCode.DONE
    done = desk.report()
    assert done.code == ExitCode.DONE, done.err
    assert f"looked through from {spelt(1)} until {spelt(1.6)}, and no further" in done.out
    document = json.loads((desk.folder / "answer" / "answer.json").read_text())
    assert [each["time"] for each in document["entries"]] == [spelt(1.5)]
    assert (document["from"], document["until"]) == (spelt(1), spelt(1.6))
    whole = desk.part("--yes", name="whole.json")
    assert whole.code == ExitCode.DONE
    done = desk.report("whole.json", "all")
    document = json.loads((desk.folder / "all" / "answer.json").read_text())
    assert ([each["time"] for each in document["entries"]], document["from"]) == (
        [spelt(0.5), spelt(1.5), spelt(2.5)],
        "",
    )
    assert "looked through" not in done.out
    small = (desk.folder / "answer" / "answer.pdf").read_bytes()
    assert small.startswith(b"%PDF-")


def test_what_would_be_given_is_shown_and_asked(desk: Desk) -> None:
    """How many periods, from when to when; whoever does not agree gives nothing, as does an empty time."""
    done = desk.part("--from", spelt(1), stdin="n\n")
    assert (done.code, "nothing was given" in done.err) == (ExitCode.REFUSED, True)
    assert f"your part of 2 periods, with entries from {spelt(1.5)} to {spelt(2.5)}" in done.err
    assert "2 periods are not needed" in done.err
    assert "opens these periods without you from then on" in done.err
    assert not (desk.folder / "part.json").exists()
    assert desk.part("--from", spelt(1), stdin="y\n").code == ExitCode.DONE
    for words in (("--from", spelt(3), "--yes"), ("--from", spelt(2), "--until", spelt(1), "--yes")):
        assert desk.part(*words, name="none.json").code == ExitCode.INPUT
    assert not (desk.folder / "none.json").exists()


def test_who_has_not_signed_opens_nothing(desk: Desk) -> None:
    """A third auditor, who agreed to nothing, gets neither the handles nor a part of them."""
    assert desk.part("--yes").code == ExitCode.DONE
    made = make()
    request = trailfile.decode((desk.folder / "opened.json").read_bytes(), made.key)
    gamma = made.people[2]
    with pytest.raises(PeopleFileError, match="nothing that gamma can open"):
        trailfile.handles_of(request, gamma, made.key)
    with pytest.raises(PeopleFileError, match="nothing that gamma can open"):
        partfile.read_part((desk.folder / "part.json").read_bytes(), request, gamma, made.key)
    assert trailfile.handles_of(request, made.people[1], made.key) == (HANDLE, HANDLE)


def test_a_trails_files_are_forgotten(desk: Desk) -> None:
    """Their bytes are overwritten and their names removed; what is no such file stays, and so does everything then."""
    assert desk.part("--yes").code == ExitCode.DONE
    opened, part = desk.folder / "opened.json", desk.folder / "part.json"
    os.link(part, desk.folder / "same-bytes")
    size = part.stat().st_size
    refused = desk.call("forget", opened, desk.folder / "alpha.share", "--yes")
    assert (refused.code, "neither the request nor a part" in refused.err) == (ExitCode.INPUT, True)
    refused = desk.call("forget", opened, part, stdin="n\n")
    assert (refused.code, opened.exists(), part.exists()) == (ExitCode.REFUSED, True, True)
    again, link = f"{desk.folder}/../{desk.folder.name}/opened.json", desk.folder / "link"
    link.symlink_to(part)
    done = desk.call("forget", opened, again, link, "--yes", "--json")
    assert json.loads(done.out)["removed"] == [str(opened), str(part)]
    assert not opened.exists()
    assert not part.exists()
    assert (desk.folder / "same-bytes").read_bytes() == bytes(size)


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=3),
    st.integers(0, 9),
)
def test_spans_meet(bounds: list[tuple[int | None, int | None]], at: int) -> None:
    """A moment lies in what is common exactly where it lies in each, and fields of a part say the same again."""
    spans = []
    for since, until in bounds:
        if since is not None and until is not None and since >= until:
            with pytest.raises(ValueError, match="ends before it begins"):
                Span(since=since, until=until)
        else:
            spans.append(Span(since=since, until=until))
    assert [Span.read(each.fields) for each in spans] == spans
    inside = all(each.holds(at) for each in spans)
    try:
        assert span.common(spans).holds(at) is inside
    except AuditError:
        assert not inside


@pytest.mark.parametrize("data", [b"", bytes(7), b"\xff" * 8])
def test_a_malformed_time_is_refused(data: bytes) -> None:
    """A time of another size, or one that does not exist, is none."""
    with pytest.raises(ValueError, match="a time"):
        Span.read({4: data})


def test_what_was_erased_goes_with_what_stands_before_it(desk: Desk) -> None:
    """Erased entries have no time; they are counted where they stand among those of the span."""
    items = list(FileEntries(desk.folder / "entries.ndjson"))
    erased = items[0]._replace(entry=b"", salt=b"")
    mixed = [each for item in items for each in (item, erased)]
    found = list(Within(mixed, Span(since=moment(1), until=moment(2))))
    assert [each.entry != b"" for each in found] == [True, False] * 3
    assert list(Within(mixed, WHOLE)) == mixed
