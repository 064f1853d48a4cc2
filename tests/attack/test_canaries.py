"""Attack 16: made-up personal values go through the running service, and are found nowhere afterwards.

Everything that a value could be written to is searched for every form of it: the service's messages at their most
talkative, the metrics, every answer and error that a caller sees, receipts decoded, and every file of the installation,
while the service runs and after it has stopped.
"""

from __future__ import annotations

import base64
import contextlib
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from padan.errors import PadanError, QuotaError
from padan.question import Question
from padan.sealing import Recipient
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import audit_pb2, audit_pb2_grpc, dispute_pb2, verification_pb2
from tests.attack import canary, traps
from tests.attack.canary import Searcher
from tests.attack.network.wire import VERIFY
from tests.installation import install
from tests.people import BUDI
from tests.service import request, running
from tests.terms import Terms
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.attack.canary import Canary
    from tests.installation import Installation
    from tests.service import RunningService

pytestmark = pytest.mark.attack

_PEOPLE = [20, pytest.param(125, marks=pytest.mark.long)]
_IN_FLIGHT = 16
_SETTINGS = 'log_level = "debug"\njoint_subject_budget = 1000000\njoint_prefix_budget = 1000000\n'
_CLAIMS: dict[int, str] = {
    vocabulary.ATTRIBUTE_NAME: "name",
    vocabulary.ATTRIBUTE_MOTHER_NAME: "mother",
    vocabulary.ATTRIBUTE_BIRTH_DATE: "birth_date",
    vocabulary.ATTRIBUTE_BIRTH_PLACE: "place",
    vocabulary.ATTRIBUTE_ADDRESS: "address",
    vocabulary.ATTRIBUTE_FAMILY_CARD_NUMBER: "family_card",
}
_GRANTED = ("mother_name", "birth_place", "address", "family_card_number")
_NAME = int(vocabulary.ATTRIBUTE_NAME)
_NO_TEXTS = (vocabulary.ATTRIBUTE_BIRTH_DATE, vocabulary.ATTRIBUTE_SEX, vocabulary.ATTRIBUTE_DISTRICT)


def good(person: Canary, claims: Mapping[int, str]) -> verification_pb2.VerifyRequest:
    """Make a valid request about a person; the blind is a canary too."""
    return request(nik=person.nik, claims=claims, blind=person.template[:32])


def requests_about(person: Canary, other: Canary) -> Iterator[bytes]:
    """Make valid requests, true and false ones, and invalid ones with a value in every field."""
    true = {number: str(getattr(person, name)) for number, name in _CLAIMS.items()}
    false = {number: str(getattr(other, name)) for number, name in _CLAIMS.items()}
    replayed = good(person, true)
    reused = good(person, false)
    reused.request_id = replayed.request_id
    yield from (item.SerializeToString() for item in (replayed, good(person, false), replayed, reused))
    yield good(person, true | {_NAME: other.name}).SerializeToString()
    yield good(person, {vocabulary.ATTRIBUTE_BIRTH_DATE: person.birth_date}).SerializeToString()  # no anchor
    for attribute in map(int, _NO_TEXTS):  # values where they do not belong
        yield good(person, {_NAME: person.name, attribute: person.mother}).SerializeToString()
    yield good(person, {_NAME: f"{person.name}\u202e\n"}).SerializeToString()
    yield request(nik=f"{person.nik}0").SerializeToString()
    yield request(nik=person.name, claims={_NAME: person.nik}).SerializeToString()
    yield from _misplaced(person)


def _misplaced(person: Canary) -> Iterator[bytes]:
    """Put values into the fields that are logged where a request is good; no such request is."""
    for value in (person.nik, person.name, person.family_card, person.birth_date, person.place):
        for field in traps.FIELDS:
            message = request(nik=person.nik, blind=person.template[:31])
            setattr(message, field, value)
            yield message.SerializeToString()
        yield request(officer=f"{value} ", client_version=f"{value}!").SerializeToString()
        yield request().SerializeToString() + traps.text_field(900, value.encode())
    message = request()
    message.subject_token = person.template
    yield message.SerializeToString()
    yield person.template
    yield person.name.encode()
    yield request(client_version=person.name * 4_000).SerializeToString()


class Ears:
    """Everything that a caller gets to see, gathered."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self.heard: list[bytes] = []
        self.calls = 0
        self.answers = 0
        self.opened = 0

    def ask(self, raws: Sequence[bytes], metadata: Sequence[tuple[str, str | bytes]] = ()) -> None:
        """Ask, and keep answers, decoded receipts, errors and trailers."""
        with self._service.channel() as channel:
            verify: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)
            for at in range(0, len(raws), _IN_FLIGHT):
                batch = raws[at : at + _IN_FLIGHT]
                for call in [verify.future(raw, timeout=20, metadata=tuple(metadata)) for raw in batch]:
                    self._take(call)

    def _take(self, call: Any) -> None:
        self.calls += 1
        self.heard.append(repr([*call.initial_metadata(), *call.trailing_metadata()]).encode())
        self.heard += [bytes(value) for _, value in call.trailing_metadata() if isinstance(value, bytes)]
        error = call.exception()
        if error is not None:
            self.heard += [str(error).encode(), str(call.details()).encode()]
            return
        self.answers += 1
        body = call.result()
        self.heard.append(body)
        for segment in verification_pb2.VerifyResponse.FromString(body).receipt.split("."):
            self.heard.append(base64.urlsafe_b64decode(segment + "=="))

    def client(self, person: Canary) -> None:
        """Make mistakes with our client; its errors are for people and programs alike."""
        with self._service.client(timeout=20) as client:
            for nik, attribute, value in (
                (person.nik, "birth_date", person.name),
                (person.nik, "sex", person.mother),
                (person.name, "name", person.nik),
                (person.nik, "name", person.name * 40),
            ):
                try:
                    client.verify(
                        nik=nik,
                        claims={"name": person.name, attribute: value},
                        purpose="service",
                        officer="o-1",
                        legal_basis="public_task",
                    )
                except PadanError as error:
                    self.heard += [f"{error!s} {error!r} {vars(error)!r}".encode()]

    def disputes(self, person: Canary) -> None:
        """Dispute an answer about the person, and put values where none belong."""
        question = Question.build(
            nik=person.nik,
            claims={"name": person.name},
            purpose="service",
            officer="o-1",
            legal_basis="public_task",
            blind=person.template[:32],
        )
        with self._service.client(timeout=20) as client:
            answer = client.ask(question)
            with contextlib.suppress(QuotaError):
                opened = client.open_dispute(question, contest=answer.contest, claims=["name"])
                self.heard.append(repr(opened).encode())
                self.opened += 1
        values = (person.nik, person.name)
        bodies = [
            ("OpenDispute", traps.disputing(field, value))
            for field in ("request_id", "contest", "officer", "key_id")
            for value in values
        ]
        bodies += [
            (
                "OpenDispute",
                dispute_pb2.OpenDisputeRequest(
                    statement=question.body, box=question.body
                ).SerializeToString(),
            ),
            *(
                ("GetDispute", dispute_pb2.GetDisputeRequest(dispute_id=value).SerializeToString())
                for value in values
            ),
            *(
                ("ListDisputes", dispute_pb2.ListDisputesRequest(page_token=value).SerializeToString())
                for value in values
            ),
        ]
        with self._service.channel() as channel:
            for method, body in bodies:
                call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                    f"/padan.v1.DisputeService/{method}"
                )
                with pytest.raises(grpc.RpcError) as refused:
                    call(body, timeout=20)
                self.heard.append(f"{refused.value} {refused.value.trailing_metadata()!r}".encode())

    def other_doors(self, person: Canary) -> None:
        """Knock where no request goes: unknown methods, the listing, the metrics."""
        with self._service.channel() as channel:
            for path in (f"/padan.v1.VerificationService/{person.nik}", f"/{person.place}/Verify"):
                with contextlib.suppress(grpc.RpcError):
                    method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
                    method(person.template, timeout=5)
        with self._service.channel(audit=True) as channel:
            stub = audit_pb2_grpc.AuditServiceStub(channel)
            for asked in (
                audit_pb2.ListEntriesRequest(agency=person.name),
                audit_pb2.ListEntriesRequest(purpose=person.name),
                audit_pb2.ListEntriesRequest(page_token=person.name),
            ):
                try:
                    stub.ListEntries(asked, timeout=5)
                except grpc.RpcError as error:
                    self.heard.append(str(error).encode())
        for path in (f"?name[]={person.nik}", person.place):
            with contextlib.suppress(urllib.error.URLError):
                self.heard.append(metrics(self._service.installation, path))


def metrics(installation: Installation, path: str = "metrics") -> bytes:
    """Read the metrics page."""
    address = f"http://127.0.0.1:{installation.metrics_port}/{path}"
    with urllib.request.urlopen(address, timeout=5) as page:
        read: bytes = page.read()
    return read


def files(root: Path) -> dict[str, bytes]:
    """Read every file of the installation."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def canaries_installed(root: Path, people: Sequence[Canary]) -> Installation:
    """Install with half of the people in the registry, and an agency that may ask for all that they have."""
    terms = Terms(subject=10**6, prefix=10**6)
    installation = install(
        root,
        agencies={"elsewhere": terms},
        people=[dict(BUDI), *(person.row() for person in people[::2])],
        extra=f'{_SETTINGS}dispute_key = "{base64.b64encode(Recipient(bytes(range(32))).public_key).decode()}"\n',
    )
    installation.certify("tax")
    names = ", ".join(f'"{name}"' for name in ("name", *_GRANTED))
    wide = terms.document("tax").replace(b'attributes = ["name",', f"attributes = [{names},".encode())
    installation.agree("tax", terms, document=wide)
    return installation


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", _PEOPLE)
def test_canaries_are_found_nowhere(tmp_path: Path, count: int) -> None:
    """No value that was asked about is in a message, a metric, an answer, an error, a receipt or a file."""
    people = canary.flock(count, seed=16)
    values = [value for person in people for value in person.values()]
    searcher = Searcher(values)
    installation = canaries_installed(tmp_path / "installation", people)
    with running(installation) as service:
        ears = Ears(service)
        for number, person in enumerate(people):
            ears.ask(list(requests_about(person, people[number - 1])))
            headers = (
                ("x-resident", person.name),
                ("x-resident-bin", person.template),
                ("x-nik", person.nik),
            )
            ears.ask([request().SerializeToString()], headers)
            ears.client(person)
            ears.disputes(person)
            ears.other_doors(person)
        places = {f"while running: {name}": data for name, data in files(installation.root).items()}
        places["metrics"] = metrics(installation)
    places |= {f"afterwards: {name}": data for name, data in files(installation.root).items()}
    places["what callers saw"] = b"\n".join(ears.heard)
    size = sum(map(len, places.values()))
    found = searcher.find_in(places)
    sys.stdout.write(
        f"\n{len(values)} canaries, {ears.calls} calls, {ears.answers} answers, {size >> 20} MiB in"
        f" {len(places)} places: found {sum(found.values())}"
    )
    assert found == {}
    assert ears.answers > 4 * count
    assert ears.opened
    store = open_log(installation.settings.log_database)
    assert store.head().sequence > ears.answers
    store.close()


def test_the_search_finds_every_form(tmp_path: Path) -> None:
    """A value is found as text, in UTF-16, hexadecimal, base64 at any place, reversed, and as its plain digest."""
    (person,) = canary.flock(1, seed=1)
    for value in person.values():
        searcher = Searcher([value])
        raw = value.encode() if isinstance(value, str) else value
        for form in canary.forms(value):
            if len(form) >= canary.SHORTEST:
                assert searcher.find(b"before" + form + b"after") == {value}
        for shift in range(7):
            assert searcher.find(base64.b64encode(b"x" * shift + raw + b"y")) == {value}
            assert searcher.find(b"x" * shift + raw.hex().encode()) == {value}
    file = tmp_path / "leak"
    file.write_bytes(person.nik.encode())
    assert Searcher([person.nik]).find_in(files(tmp_path)) == {"leak": 1}
