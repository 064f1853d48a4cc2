"""Tokens and the rows behind them, to the byte: what docs/formats/token.md says, computed without the packages."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keys.derive import hkdf, outer_info
from keys.mac import MacKey
from keys.realm import Realm
from keys.seal import RingSeal, SealKey
from keys.tokenkey import TokenKey, hashed
from padan.canonical import prefixed
from padan.token import Token
from tokenizer.besiderow import BesideRows
from tokenizer.conversion import Closed, Conversions, Item, Job, Part, Standing
from tokenizer.enrolment import FOREVER, Enrolments
from tokenizer.errors import BoxError
from tokenizer.token import Quotients, Tags
from tokenizer.tokenrow import TokenRows

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[2] / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "token.json").read_text())
REALM = Realm(**VECTORS["realm"])
IDS = VECTORS["ids"]
SEEDS = {name: bytes.fromhex(seed) for name, seed in VECTORS["seeds"].items()}
NIK = VECTORS["nik"].encode()


def match() -> TokenKey:
    """Make the key of the match domain."""
    return TokenKey(SEEDS["match"], info=REALM.label("match-domain"), key_id=IDS["match"])


def rows(construction: str, index: str) -> BesideRows:
    """Make what opens the rows of a table."""
    info = outer_info(REALM, "row-seal", epoch=0, source="registry", table=construction)
    seal = SealKey(hkdf(SEEDS["seal"], info), key_id=IDS["seal"])
    return BesideRows(
        REALM,
        construction,
        match=[match()],
        index=[MacKey(SEEDS[index], key_id=IDS[index])],
        seal=RingSeal(primary=seal, readers={seal.key_id: seal}),
        quotients=Quotients(),
    )


def filled(size: int) -> bytes:
    """Fill what is absent as the vectors do."""
    return bytes.fromhex(VECTORS["fill"]) * size


def test_the_vectors_are_what_the_generator_writes(tmp_path: Path) -> None:
    """The file is the generator's."""
    target = tmp_path / "token.json"
    subprocess.run([sys.executable, FOLDER / "token_generate.py", target], check=True)
    assert target.read_text() == (FOLDER / "token.json").read_text()


@pytest.mark.parametrize("version", [1, 2])
def test_a_token_is_these_bytes(version: int) -> None:
    """Issued under the key of its version, and tagged."""
    info = REALM.label("token-domain") + prefixed(VECTORS["domain"])
    domain = TokenKey(SEEDS[f"domain-{version}"], info=info)
    tags = Tags(REALM, [MacKey(SEEDS["tag"])])
    issued = tags.put(VECTORS["domain"], version, domain.evaluate(hashed(NIK)))
    assert issued.hex() == VECTORS["tokens"][version - 1]
    assert tags.holds(Token.parse(issued))
    assert domain.toward(match()).turn(Token.parse(issued).element).hex() == VECTORS["matched"]


@pytest.mark.parametrize("place", range(len(VECTORS["token_rows"])))
def test_a_token_row_is_these_bytes(place: int) -> None:
    """It opens, stands under its name, and is written as it was read."""
    given = VECTORS["token_rows"][place]
    name, box = bytes.fromhex(given["name"]), bytes.fromhex(given["box"])
    table = TokenRows(rows("token", "index"))
    row = table.open(name, box)
    assert row.element.hex() == VECTORS["matched"]
    known = dict(zip(VECTORS["epoch_keys"], map(bytes.fromhex, VECTORS["records"]), strict=True))
    assert row.records == tuple(list(known.items())[: len(row.records)])
    assert [row.record_id(key_id) for key_id in known][: len(row.records)] == [
        each for _, each in row.records
    ]
    assert row.encode(filled).hex() == given["content"]
    assert table.names(row.element) == (name,)
    assert table.is_current(box)
    elements = [match().evaluate(hashed(other.encode())) for other in VECTORS["others"]]
    assert row.predecessors == tuple(elements[: (0, 3, 1)[place]])
    assert row.survivor == (b"", b"", elements[3])[place]
    _must_not_open(table.open, name, box)


def test_the_rows_of_a_conversion_are_these_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each opens, stands under its name, says what it must, and is written as it was read."""
    monkeypatch.setattr("tokenizer.conversion.os.urandom", filled)
    job = Job(
        job_id=bytes.fromhex(VECTORS["job_id"]),
        seed=bytes.fromhex(VECTORS["job_seed"]),
        day=20_500,
        size=len(VECTORS["payload"]) // 2,
        source=VECTORS["domain"],
        target=VECTORS["target"],
    )
    told: list[Job | Part | Closed | Item] = [
        job,
        Part(
            job_id=job.job_id,
            part=7,
            digest=hashlib.sha256(b"tokens").digest(),
            taken=3,
            refused=(1,),
            outdated=(499,),
        ),
        Closed(job_id=job.job_id, parts=9, taken=4_321),
        Item(
            job_id=job.job_id,
            part=7,
            there=True,
            element=bytes.fromhex(VECTORS["matched"]),
            payload=bytes.fromhex(VECTORS["payload"]),
        ),
    ]
    beside = rows("conversion", "index")
    table = Conversions(beside)
    names = [*table.names(job.source, job.job_id, [20_500]), job.part(7), job.closing, job.item(7, 499)]
    for given, name, row in zip(VECTORS["conversion"], names, told, strict=True):
        box = bytes.fromhex(given["box"])
        assert name.hex() == given["name"]
        assert table.open(name, box).row == row
        assert table.open(name, box).size == job.size
        again, sealed = table.seal(Standing(name=name, size=job.size, row=row))
        assert again == name
        assert beside.open(name, sealed)[0].hex() == given["content"]
        assert table.is_current(box)
        assert job.closing[:7] == name[:7] or row == job
        _must_not_open(table.open, name, box)


@pytest.mark.parametrize("place", range(len(VECTORS["enrolments"])))
def test_an_enrolment_is_these_bytes(place: int) -> None:
    """It opens, stands under the name of its class and domain, and is written as it was read."""
    given = VECTORS["enrolments"][place]
    name, box = bytes.fromhex(given["name"]), bytes.fromhex(given["box"])
    table = Enrolments(rows("enrolment", "set"))
    enrolment = table.open(name, box)
    assert (enrolment.category, enrolment.domain) == (VECTORS["category"], VECTORS["domain"])
    assert (enrolment.first, enrolment.last) == (20_000, (20_364, FOREVER)[place])
    assert enrolment.encode(filled).hex() == given["content"]
    assert table.names(enrolment.category, enrolment.domain, enrolment.element) == (name,)
    _must_not_open(table.open, name, box)


def _must_not_open(open_row: Callable[[bytes, bytes], object], name: bytes, box: bytes) -> None:
    """Neither changed, nor under another name, nor as a row of other keys."""
    for other in (box[:-1] + bytes([box[-1] ^ 1]), bytes([box[0] ^ 1]) + box[1:]):
        with pytest.raises(BoxError):
            open_row(name, other)
    with pytest.raises(BoxError):
        open_row(bytes(16), box)
