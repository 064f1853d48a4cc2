"""Golden pieces that agencies keep: questions, and what runs over lists and files leave until they have ended."""

from __future__ import annotations

import csv
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from padan.asked import AskedQuestion
from padan.biometric import template
from padan.capture import Capture
from padan.converting.jobfile import JobFile
from padan.converting.pages import Pages
from padan.issuing.part import Answered, Binding, Part
from padan.issuing.people import Columns
from padan.issuing.run import Terms
from padan.question import Question
from padan.token import Token
from padan.updating.fileplace import FilePlace
from padan.updating.held import Move
from padan.v1 import token_pb2
from padan.vocabulary import Attribute, Modality
from tests.golden.said import said
from tests.people import BUDI

if TYPE_CHECKING:
    from pathlib import Path

BINDING: Final = Binding(
    registry="golden/development",
    agency="clinic",
    domain="health",
    terms=Terms(purpose="treatment", officer="desk-7", legal_basis="public_task"),
    columns=Columns(nik="nik", claims={Attribute.NAME: "name"}, keep=("id",)),
)
BOUND: Final = {"registry": "golden/development", "token domain": "health"}


def _token(number: int, version: int) -> Token:
    return Token(domain="health", version=version, element=bytes([number]) * 32, tag=bytes(16))


def write_question(folder: Path) -> None:
    """Keep a question with a capture."""
    question = Question.build(
        nik=BUDI["NIK"], claims={"name": "Budi"}, purpose="treatment", officer="desk-7", legal_basis="public_task",
        beside_captures=True,
    )  # fmt: skip
    face = template.face([0.25] * 192).SerializeToString()
    capture = Capture(modality=Modality.FACE, extractor=template.extractor("seen", "1.0"), template=face)
    (folder / "question.bin").write_bytes(AskedQuestion.of(question, [capture]).encode())


def read_question(folder: Path) -> Any:
    """Read it: what an agency proves its receipt with."""
    found = AskedQuestion.decode((folder / "question.bin").read_bytes())
    return said([found.request_id, found.attributes, found.commitments, found.digest("clinic")])


def write_job(folder: Path) -> None:
    """Write the file of a conversion."""
    JobFile(
        registry="golden/development", job="00010203-0405-4607-8809-0a0b0c0d0e0f", source="rice", target="cash",
        columns=("id", "village"), longest=40, key="a thumbprint", tokens=3,
    ).write(folder / "job.json")  # fmt: skip


def read_job(folder: Path) -> Any:
    """Read it."""
    return said(JobFile.read(folder / "job.json"))


def write_pages(folder: Path) -> None:
    """Keep a page of a collection."""
    page = token_pb2.CollectConvertedResponse(next=b"after")
    page.items.add(token=_token(1, 1).encode())
    with closing(Pages.open(folder / "pages.part", BOUND)) as pages:
        pages.append(page)


def read_pages(folder: Path) -> Any:
    """Go on with it."""
    with closing(Pages.open(folder / "pages.part", BOUND)) as pages:
        return said([pages.count, pages.next, [page.SerializeToString(deterministic=True) for page in pages]])


def write_part(folder: Path) -> None:
    """Keep the answers of a run over a list."""
    source = folder / "list.csv"
    source.write_text("id,nik,name\n")
    with closing(Part.open(folder / "list.part", BINDING, source)) as part:
        token = _token(1, 1).text
        part.keep(
            [Answered(row=1, outcome="MATCH", token=token), Answered(row=2, outcome="BAD_ROW: nik.date")]
        )


def read_part(folder: Path) -> Any:
    """Go on with it."""
    with closing(Part.open(folder / "list.part", BINDING, folder / "list.csv")) as part:
        return said([list(part.answers()), list(part.marks(3))])


def write_moves(folder: Path) -> None:
    """Keep new tokens of a file that is not written yet."""
    path = folder / "clients.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "token"], *([str(each), _token(each, 1).text] for each in (1, 2))])
    with closing(FilePlace.open(path, "token", BOUND)) as place:
        place.keep([Move(held=next(iter(place.rows())), token=_token(1, 2).encode())])


def read_moves(folder: Path) -> Any:
    """Go on with it: the file is written."""
    with closing(FilePlace.open(folder / "clients.csv", "token", BOUND)) as place:
        found = [said([held.number, held.token, held.kept]) for held in place.rows()]
        place.settle()
        return [*found, said([place.before(held) for held in place.rows()])]
