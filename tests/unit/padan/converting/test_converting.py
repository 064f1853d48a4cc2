"""Lists that are handed in to be converted: every row once, whatever ends a run."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from padan import conversion
from padan.conversion import Carried, HandIn
from padan.converting import convert
from padan.converting.jobfile import JobFile, JobFileError
from padan.converting.shipment import Columns, decode, encode
from padan.errors import InvalidRequestError, QuotaError, UnavailableError
from padan.sealing import Recipient
from padan.table.errors import TableError
from padan.table.file import open_table
from padan.table.keptfile import KeptFileError
from padan.token import TokenError
from padan.vocabulary import LegalBasis
from tests.simulator.exchange_service import (
    COUNT,
    OWN,
    Killed,
    Meter,
    Service,
    collection,
    hand_in,
    order,
    read,
    text,
    token,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A list with three bad rows."""
    rows = [[f"C-{n}", text(token(n)), str(n), "x" * (n % 40)] for n in range(COUNT)]
    rows[10][1], rows[11][1], rows[12][1] = "", "not a token", text(token(12, "aid"))
    return write(tmp_path / "people.csv", rows)


def test_a_list_goes_from_file_to_file(people: Path) -> None:
    """Bad and refused rows are told by their numbers, the others arrive with what travels along, in another order."""
    service = Service(refused={token(20)})
    told = hand_in(order(people), service)
    assert (told.rows, told.handed_in, told.refused) == (COUNT, COUNT - 4, 4)
    assert [each.row for each in told.bad] == [11, 12, 13, 21]
    assert told.bad[3].outcome == "BAD_ROW: TOKEN_REFUSED"
    job = JobFile.read(people.with_name("job.json"))
    assert job == told.job
    assert (job.tokens, job.source, job.target, job.key) == (COUNT - 4, "tax", "aid", OWN.key_id)
    assert not people.with_name("job.json.part").exists()
    output = people.with_name("aid.csv")
    came = collection(job, output, service)
    assert (came.collected, came.unopened, came.written, came.deleted) == (COUNT - 4, 0, True, True)
    assert service.deleted == 3
    assert not output.with_name("aid.csv.part").exists()
    found = read(output)
    assert found[0] == ["token", "amount", "note"]
    numbers = [int(row[1]) for row in found[1:]]
    assert sorted(numbers) == [n for n in range(COUNT) if n not in {10, 11, 12, 20}]
    assert numbers != sorted(numbers)
    assert all(row[2] == "x" * (int(row[1]) % 40) for row in found[1:])
    assert len({len(each.payload) for part in service.parts.values() for each in part}) == 1


def test_a_list_goes_on_after_any_end(people: Path) -> None:
    """Killed at any part, and again: one job, each row once, and what was handed in is not handed in anew."""
    service, seen = Service(), set[str]()
    for _ in range(3):
        service.failures = [Killed()]
        with pytest.raises(Killed):
            hand_in(order(people), service)
        done = len(service.parts)
        service.failures = [UnavailableError("away")]
        with pytest.raises(UnavailableError):
            hand_in(order(people), service)
        assert len(service.parts) >= done
    before = service.calls
    told = hand_in(order(people), service)
    assert (told.handed_in, told.refused, len(service.ids)) == (COUNT - 3, 3, 1)
    assert service.calls - before <= len(service.parts) + 1
    assert service.closed == COUNT - 3
    assert not seen


def test_a_run_stops_between_two_parts(people: Path) -> None:
    """What was handed in is kept, and the same order goes on."""
    service, made = Service(), order(people)
    run = convert.Conversion(made, service)

    class Stopper(Meter):
        def add(self, count: int) -> None:
            super().add(count)
            if service.parts:
                run.stop()

    told = run.run(Stopper(), lambda _summary, _part: None)
    assert (told.job, len(service.parts)) == (None, 1)
    assert hand_in(made, service).handed_in == COUNT - 3


def test_the_pace_is_the_services(people: Path) -> None:
    """A refusal for the rate is waited out, and the part comes again."""
    service = Service(failures=[QuotaError("slow", reason="RATE_LIMITED", retry_after=0.01)])
    assert hand_in(order(people), service).handed_in == COUNT - 3


@pytest.mark.parametrize(
    "changed",
    [
        {"target": "shop"},
        {"source": "taxes"},
        {"carried": ("amount",)},
        {"public_key": Recipient.make().public_key},
    ],
)
def test_a_part_file_goes_on_with_its_own_run_alone(people: Path, changed: dict[str, Any]) -> None:
    """Another domain, column or key is another run."""
    service = Service(failures=[Killed()])
    with pytest.raises(Killed):
        hand_in(order(people), service)
    with pytest.raises(KeptFileError):
        hand_in(order(people, **changed), service)


def test_a_list_that_changes_is_refused(people: Path) -> None:
    """While it is read, and between two runs."""
    service = Service()

    class Changer(Meter):
        def add(self, count: int) -> None:
            super().add(count)
            with people.open("a") as file:
                file.write("C-x,,,\n")

    with pytest.raises(TableError, match="was changed"):
        convert.Conversion(order(people), service).run(Changer(), lambda _summary, _part: None)
    with pytest.raises(KeptFileError):
        hand_in(order(people), service)


def test_nothing_need_travel_along(people: Path) -> None:
    """Then tokens go alone, 500 in a part, and come alone."""
    service = Service()
    job = hand_in(order(people, carried=()), service).job
    assert job is not None
    assert {len(part) for part in service.parts.values()} == {500, COUNT - 3 - 1_000}
    output = people.with_name("aid.csv")
    assert collection(job, output, service, recipient=None).collected == COUNT - 3
    assert read(output)[0] == ["token"]


def test_columns_must_fit(people: Path) -> None:
    """A missing one, one twice, and the token itself are refused."""
    table = open_table(people)
    for columns in (
        Columns(token="tokens", carried=()),
        Columns(token="token", carried=("none",)),
        Columns(token="token", carried=("token",)),
        Columns(token="token", carried=("note", "note")),
    ):
        with pytest.raises(TableError):
            columns.require(table)
    Columns(token="token", carried=("note",)).require(table)


def test_what_is_too_long_is_a_bad_row(tmp_path: Path) -> None:
    """The others go on."""
    people = write(
        tmp_path / "people.csv",
        [["1", text(token(1)), "1", "x" * 960], ["2", text(token(2)), "2", "ä" * 400]],
    )
    service = Service()
    told = hand_in(order(people), service)
    assert [(each.row, each.outcome) for each in told.bad] == [
        (1, "BAD_ROW: what travels along has more than 958 bytes")
    ]
    assert service.parts[1][0].payload[:1] == b"\1"
    assert len(service.parts[1][0].payload) == 832 + 49


def test_an_empty_list_is_a_job_too(tmp_path: Path) -> None:
    """It is closed without a part."""
    service = Service()
    job = hand_in(order(write(tmp_path / "people.csv", [])), service).job
    assert job is not None
    assert (service.closed, job.tokens) == (0, 0)
    output = tmp_path / "aid.csv"
    assert collection(job, output, service).collected == 0
    assert output.read_text() == "token,amount,note\n"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"a":1}', b'{"a":"1"}', b'{"a":"1","b":2}', b'{"a":"1","b":"2","c":"3"}', b"\xff"]
)
def test_what_travels_along_is_read_strictly(data: bytes) -> None:
    """Texts of the columns that the job names, and nothing else."""
    assert decode(("a", "b"), encode(("a", "b"), ("1", "ü"))) == ("1", "ü")
    with pytest.raises(ValueError, match=r".*"):
        decode(("a", "b"), data)


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "x"},
        {"format": 2},
        {"job": "x"},
        {"columns": "a"},
        {"columns": [1]},
        {"longest": -1},
        {"tokens": True},
        {"more": 1},
    ],
)
def test_a_job_file_is_read_strictly(tmp_path: Path, changed: dict[str, object]) -> None:
    """Anything that is none is refused with what to do."""
    path = tmp_path / "job.json"
    job = JobFile(
        registry="id-test/development",
        job=str(uuid.UUID(int=1)),
        source="a",
        target="b",
        columns=("c",),
        longest=1,
        key="k",
        tokens=2,
    )
    job.write(path)
    assert JobFile.read(path) == job
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(JobFileError, match="is no job file"):
        JobFile.read(path)
    with pytest.raises(JobFileError, match="cannot be read"):
        JobFile.read(tmp_path / "none.json")
    with pytest.raises(JobFileError, match="cannot be written"):
        job.write(tmp_path / "none" / "job.json")


def test_calls_are_refused_before_they_are_made() -> None:
    """Too many tokens, payloads of several lengths or too long, and what is no token."""
    said: dict[str, Any] = {
        "to": "aid",
        "job_id": str(uuid.uuid4()),
        "part": 1,
        "purpose": "p",
        "officer": "o",
        "legal_basis": LegalBasis.PUBLIC_TASK,
    }
    good = Carried(token=token(1))
    assert HandIn.build([good], **said).count == 1
    for bad in (
        [good] * 501,
        [good, Carried(token=token(2), payload=b"x")],
        [Carried(token=token(1), payload=bytes(1_025))],
    ):
        with pytest.raises(InvalidRequestError):
            HandIn.build(bad, **said)
    with pytest.raises(TokenError):
        HandIn.build([Carried(token=b"x")], **said)
    assert conversion.fitting(0) >= 400
    assert (conversion.fitting(1_024), conversion.fitting(113)) == (55, 264)
