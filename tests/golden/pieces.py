"""What is kept besides an installation, piece by piece: written by the code of today, and read by that of later days.

A piece is a folder. Its writer takes fixed inputs, but for what a box or a deal draws by itself; its reader gives what
is in it, as JSON can hold it. Keys are of fixed seeds or stand beside what they open, and protect nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from keys import quorum, sharefile, token_file
from keys.realm import Realm
from keys.roster import Custodian, Roster
from keys.tokenkey import hashed
from padan import sealing
from padan.card import Card
from padan.personfile import Person
from padan.signature import Signer
from padan.token import Token
from tests.golden import agencyside, auditside
from tests.golden.said import said
from tests.people import BUDI
from tests.simulator.tokens import SimulatedTokenAgent
from tokenizer.biometrics.calibration import Threshold, Thresholds
from tokenizer.biometrics.reference import Reference
from tokenizer.conversion import Closed, Conversions, Item, Job, Part, Standing
from tokenizer.enrolment import Enrolment, Enrolments
from tokenizer.token import Quotients
from tokenizer.tokenrow import TokenRow, TokenRows
from verifier.dispute import casefile
from verifier.dispute.case import Case
from verifier.retention.classes import RetentionClass
from verifier.retention.state import State
from verifier.stage import report
from verifier.stage.report import Criterion, Findings, Origin, Stage, StageReport
from verifier.tree import witnessed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REALM: Final = Realm(registry_id="golden", environment="development")
OFFICER: Final = sealing.Recipient(bytes(range(32)))
DAY: Final = 20_600
JOB: Final = bytes(range(16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One thing that is kept.

    Attributes:
        write: writes it into a folder that is there.
        read: reads it, and says what is in it.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], Any]


def _file(name: str, write: Callable[[], bytes | str], read: Callable[[bytes], Any]) -> Piece:
    """Make a piece of one file."""

    def kept(folder: Path) -> None:
        data = write()
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)

    return Piece(write=kept, read=lambda folder: said(read((folder / name).read_bytes())))


def _people() -> list[Person]:
    made = []
    for number, name in enumerate(("ani", "bayu", "cici"), 1):
        signer, recipient = Signer(bytes([number]) * 32), sealing.Recipient(bytes([number]) * 32)
        card = Card(name=name, signing=signer.public_key, sealing=recipient.public_key)
        made.append(Person(card=card, signer=signer, recipient=recipient))
    return made


def _deal(folder: Path) -> None:
    deal = quorum.deal(REALM, number=1, threshold=2, cards=[each.card for each in _people()])
    made = deal.generation
    (folder / "quorum.json").write_bytes(quorum.encode([made]))
    for member, box in deal.boxes.items():
        share = sharefile.ShareFile(
            realm=REALM, generation=1, quorum_id=made.id, name=made.names[member - 1], member=member, box=box
        )
        (folder / f"{member}.share.json").write_bytes(share.encode())


def _opened(folder: Path) -> Any:
    """Let the second and the third open what was dealt."""
    (made,) = quorum.decode((folder / "quorum.json").read_bytes())
    people = _people()
    shares = {}
    for member in (2, 3):
        file = sharefile.decode((folder / f"{member}.share.json").read_bytes())
        file.require_of(made)
        shares[member] = file.open(people[member - 1])
    assert made.combine(shares).id == made.kek_id
    return said([made.realm, made.number, made.threshold, made.kek_id, made.names])


def _roster() -> str:
    names = ((each.card.name, each.card) for each in _people())
    custodians = (Custodian(name=name, public_key=c.signing, sealing_key=c.sealing) for name, c in names)
    return Roster(threshold=2, custodians=tuple(custodians)).text


def _token_file() -> bytes:
    sealed = token_file.SealedKek(kek_id="0123456789abcdef", key_id=JOB, nonce=bytes(12), box=bytes(48))
    return token_file.encode([sealed])


def _tables() -> tuple[Any, dict[str, TokenRows | Enrolments | Conversions]]:
    """Take fixed keys; gives the element of a number, and what seals and opens each table's rows."""
    held, quotients = SimulatedTokenAgent(REALM).tokens(), Quotients()
    element = held.match()[0].evaluate(hashed(BUDI["NIK"].encode()))
    return element, {
        "token row": TokenRows.of(REALM, held, quotients),
        "enrolment": Enrolments.of(REALM, held, quotients),
        "conversion": Conversions.of(REALM, held, quotients),
    }


def _rows(element: bytes, name: str) -> list[Any]:
    if name == "token row":
        return [
            TokenRow(
                records=((7, bytes(range(16))),), element=element, survivor=element, predecessors=(element,)
            )
        ]
    if name == "enrolment":
        return [Enrolment(element=element, category="aid", domain="rice", first=DAY, last=DAY + 365)]
    job = Job(job_id=JOB, seed=bytes(range(32)), day=DAY, size=64, source="rice", target="cash")
    part = Part(job_id=JOB, part=1, digest=bytes(range(32)), taken=3, refused=(2,), outdated=(4,))
    item = Item(job_id=JOB, part=1, there=True, element=element, payload=bytes(64))
    return [
        Standing(name=bytes(16), size=64, row=job),
        Standing(name=job.part(1), size=64, row=part),
        Standing(name=job.item(1, 1), size=64, row=item),
        Standing(name=job.closing, size=64, row=Closed(job_id=JOB, parts=1, taken=3)),
    ]


def _table(name: str) -> Piece:
    """Make a piece of the sealed rows of a table."""

    def write() -> bytes:
        element, tables = _tables()
        sealed: list[tuple[bytes, bytes]] = [tables[name].seal(row) for row in _rows(element, name)]
        return json.dumps(said(sealed), indent=1).encode()

    def read(data: bytes) -> Any:
        table = _tables()[1][name]
        return [table.open(*(bytes.fromhex(each) for each in row)) for row in json.loads(data)]

    return _file("rows.json", write, read)


def _reference() -> bytes:
    return Reference(
        suite=1, extractor=bytes(range(8)), key_id=7, draw=bytes(range(16)), renewal=2, r=JOB, day=DAY,
        protected=bytes(range(128)),
    ).encode()  # fmt: skip


def _retention() -> str:
    kept = RetentionClass.SHORT
    state = State(
        done={kept: 40}, until_ms={kept: 1_790_000_000_000}, erased={kept: 2}, counted={"dispute": 1}
    )
    return state.held_by(frozenset({"tax"})).judged(kept, 41, 1_790_000_000_001).text()


def _dispute() -> bytes:
    case = Case(
        contest="0123456789abcdef01234567", claims=(1, 4), statement=b"a statement", key_id=OFFICER.key_id,
        box=sealing.seal(b"an opening", public_key=OFFICER.public_key, info=b"golden"),
    )  # fmt: skip
    return casefile.encode(
        casefile.CaseFile(
            realm=REALM, id="abcdefghij234567", agency="tax", case=case, entry=b"an entry", salt=bytes(16),
            leaf=bytes(33),
        )
    )  # fmt: skip


def _case(data: bytes) -> Any:
    """Read a dispute's file, and open what is sealed to the officer."""
    file = casefile.decode(data)
    case = file.case
    opened = OFFICER.open(case.box, info=b"golden")
    return [
        file.realm,
        file.id,
        file.agency,
        case.contest,
        case.claims,
        case.statement,
        case.key_id,
        opened,
        file.leaf,
    ]


def _report() -> bytes:
    return StageReport(
        stage=Stage.LIVENESS,
        origin=Origin(
            registry_id="golden", environment="development", release="0.1.0", versions={"record": "1"},
            settings_sha256="00" * 32,
        ),
        began=auditside.MOMENT,
        ended=auditside.MOMENT,
        findings=Findings(criteria=[Criterion(name="answers", wanted="all", found="all", passed=True)]),
    ).document()  # fmt: skip


def _thresholds() -> bytes:
    one = Threshold(
        extractor="seen/1.0", suite="face-hd3-1024/1", level="substantial", threshold=0.75, fmr=0.0, fmr_low=0.0,
        fmr_high=0.0001, fnmr=0.01, fnmr_low=0.005, fnmr_high=0.02, impostors=100_000, genuine=900,
        made="2026-06-01", elements=192,
    )  # fmt: skip
    return Thresholds([one]).encode()


def _token() -> str:
    return Token(domain="rice", version=3, element=bytes(range(32)), tag=bytes(16)).text


PIECES: Final[dict[str, Piece]] = {
    "auditors' key": Piece(write=auditside.write_key, read=auditside.read_key),
    "bundle": Piece(write=auditside.write_bundle, read=auditside.read_bundle),
    "conversion": _table("conversion"),
    "conversion job": Piece(write=agencyside.write_job, read=agencyside.read_job),
    "conversion pages": Piece(write=agencyside.write_pages, read=agencyside.read_pages),
    "copy's record": Piece(write=auditside.write_record, read=auditside.read_record),
    "dispute": _file("dispute.json", _dispute, _case),
    "enrolment": _table("enrolment"),
    "issuing": Piece(write=agencyside.write_part, read=agencyside.read_part),
    "kept question": Piece(write=agencyside.write_question, read=agencyside.read_question),
    "period envelope to auditors": Piece(write=auditside.write_envelope, read=auditside.read_envelope),
    "quorum": Piece(write=_deal, read=_opened),
    "reference": _file("reference", _reference, Reference.decode),
    "retention": _file("retention.json", _retention, lambda data: State.parse(data.decode())),
    "roster": _file("roster", _roster, lambda data: Roster.from_text(data.decode())),
    "sealed box": _file(
        "box",
        lambda: sealing.seal(b"in a box", public_key=OFFICER.public_key, info=b"golden"),
        lambda data: OFFICER.open(data, info=b"golden"),
    ),
    "stage report": _file("report.json", _report, report.read),
    "thresholds": _file(
        "thresholds.json", _thresholds, lambda data: [asdict(each) for each in Thresholds.parse(data).entries]
    ),
    "token": _file("token", _token, lambda data: Token.from_text(data.decode())),
    "token file": _file("token.json", _token_file, token_file.decode),
    "token row": _table("token row"),
    "updating": Piece(write=agencyside.write_moves, read=agencyside.read_moves),
    "witness's book": Piece(write=auditside.write_book, read=auditside.read_book),
    "witnessed": _file(
        "witnessed.json", lambda: witnessed.text(1_790_000_000.5), lambda data: witnessed.parse(data.decode())
    ),
}
"""Every piece, by the name of its format."""
