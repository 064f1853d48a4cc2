"""Files of what is collected: whole, once each, whatever ends a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from padan.conversion import Carried, Collect, Page
from padan.converting.pages import Pages
from padan.errors import ConfigError, InternalError
from padan.sealing import Recipient
from padan.table.keptfile import KeptFileError
from padan.v1 import token_pb2
from tests.simulator.exchange_service import (
    COUNT,
    Killed,
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


def test_a_collection_goes_on_after_any_end(people: Path) -> None:
    """Killed between two pages, and while it is deleted: what came is not asked for again, and the file is whole."""
    service = Service()
    job = hand_in(order(people), service).job
    assert job is not None
    output = people.with_name("aid.csv")
    service.failures = [Killed()]
    with pytest.raises(Killed):
        collection(job, output, service)
    assert not output.exists()
    part = output.with_name("aid.csv.part")
    pages = Pages.open(part, {"registry": job.registry, "job": job.job, "from": "tax", "to": "aid"})
    page = service.collect_converted(
        Collect.build(job.job, purpose="p", officer="o", legal_basis="public_task")
    )
    pages.append(
        token_pb2.CollectConvertedResponse(
            items=[token_pb2.ConvertItem(token=each.token, payload=each.payload) for each in page.items],
            next=page.next,
        )
    )
    pages.close()
    with part.open("ab") as file:
        file.write(b"\0\0\1\0half a page")
    before = service.calls
    came = collection(job, output, service, keep=True)
    assert (came.collected, came.deleted, service.calls - before) == (COUNT - 3, False, 2)
    assert len(read(output)) == COUNT - 2


def test_what_is_collected_twice_is_the_same(people: Path) -> None:
    """A kill between the file and the deletion: the same command writes it again and has it deleted."""
    service = Service()
    job = hand_in(order(people), service).job
    assert job is not None
    output = people.with_name("aid.csv")

    def die(_page: Collect) -> Page:
        raise Killed

    original = service.collect_converted
    service.collect_converted = lambda page: (  # type: ignore[method-assign] # dies at the deletion
        die(page) if token_pb2.CollectConvertedRequest.FromString(page.body).delete else original(page)
    )
    with pytest.raises(Killed):
        collection(job, output, service)
    first = output.read_bytes()
    service.collect_converted = original  # type: ignore[method-assign] # as above
    assert collection(job, output, service).deleted
    assert output.read_bytes() == first


def test_a_wrong_key_writes_nothing(people: Path) -> None:
    """What came is kept, for the right one."""
    service = Service()
    job = hand_in(order(people), service).job
    assert job is not None
    output = people.with_name("aid.csv")
    with pytest.raises(ConfigError, match="nothing that travelled along opens"):
        collection(job, output, service, recipient=Recipient.make())
    assert not output.exists()
    before = service.calls
    assert collection(job, output, service, keep=True).unopened == 0
    assert service.calls == before


def test_one_payload_that_does_not_open_is_counted(people: Path) -> None:
    """Its row has empty cells, and the others are whole."""
    service = Service()
    job = hand_in(order(people), service).job
    assert job is not None
    bad = service.parts[1][0]
    service.parts[1][0] = Carried(token=bad.token, payload=bad.payload[:-1] + b"\0")
    output = people.with_name("aid.csv")
    assert collection(job, output, service).unopened == 1
    assert [row[1:] for row in read(output)].count(["", ""]) == 1


def test_a_token_of_another_domain_is_a_fault_and_is_kept_by_nobody(people: Path) -> None:
    """What the service must never give."""
    service = Service()
    job = hand_in(order(people), service).job
    assert job is not None
    output = people.with_name("shop.csv")
    with pytest.raises(InternalError):
        collection(replace(job, target="shop"), output, service)
    assert output.with_name("shop.csv.part").read_bytes().count(b"\1\3aid") == 0


def test_a_part_file_of_another_collection_is_refused(tmp_path: Path) -> None:
    """And one that is in use."""
    path = tmp_path / "x.part"
    first = Pages.open(path, {"job": "1"})
    with pytest.raises(KeptFileError, match="another run"):
        Pages.open(path, {"job": "1"})
    first.close()
    with pytest.raises(KeptFileError, match="a run with another job"):
        Pages.open(path, {"job": "2"})
    path.write_bytes(b"")  # as an end before the first write leaves it
    Pages.open(path, {"job": "1"}).close()
    path.write_bytes(b"no part file of ours")
    with pytest.raises(KeptFileError, match="cannot be used"):
        Pages.open(path, {"job": "1"})
    with pytest.raises(KeptFileError, match="cannot be used"):
        Pages.open(tmp_path / "no" / "x.part", {})
