"""A registry's file of captures becomes references, row by row, wherever it is cut off."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from padan.entry import EntryKind
from padan.nik import parse
from tests.installation import install
from tests.marks import lift, put
from tests.operating import details
from tests.people import AS_OF, BUDI, SARI, UNKNOWN_NIK
from tests.unit.verifier.reference.captures import EXTRACTOR, Row, face, finger, row, score, write
from tests.unit.verifier.reference.conftest import new_key
from tokenizer.biometrics import suites
from tokenizer.codes import CodeLists
from verifier.epoch import EpochHolder
from verifier.log.open import open_log
from verifier.projector.progress import Silence
from verifier.reference.errors import NoBiometricKeyError, ReferencesBusyError, ReferenceSourceError
from verifier.reference.loading import ROWS, Load
from verifier.reference.reader import open_reader
from verifier.reference.references import References, Wanted
from verifier.reference.rules import RULES
from verifier.reference.source import ReferenceFile
from verifier.reference.writer import open_writer
from verifier.resident.mark import Mark
from verifier.resident.marking import names_of
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from tests.installation import Installation
    from verifier.reference.loading import Loaded
    from verifier.reference.references import Candidate

PERSON, OTHER = BUDI["NIK"], SARI["NIK"]


class CutOffHereError(Exception):
    """Somebody pulled the plug."""


def load(
    made: Installation,
    agent: LocalKeyAgent,
    path: Path,
    *,
    reached: Callable[[], object] = lambda: None,
) -> Loaded:
    """Load a file."""
    with closing(open_log(made.settings.log_database)) as log:
        source = ReferenceFile.open(path)
        target = path.with_suffix(".rejects.jsonl")
        return Load(made.settings, agent, log, meter=Silence(), reached=reached).run(source, target)


def rejected(path: Path) -> list[tuple[int, str, str]]:
    """Read the rejects of a file."""
    lines = path.with_suffix(".rejects.jsonl").read_text().splitlines()
    return [tuple(json.loads(line).values()) for line in lines]


def candidates(
    made: Installation, agent: LocalKeyAgent, nik: str, *, modality: str = "face", position: int = 0
) -> list[Candidate]:
    """Ask for a person's references as a question does."""
    with (
        closing(open_vault(made.settings.vault_database)) as vault,
        closing(References(agent, open_reader(made.settings.vault_database))) as references,
    ):
        pinned = references.of(EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin())
        wanted = Wanted(
            record_id=pinned.layer.inner.record_id(parse(nik, AS_OF)),
            request_id=bytes(16),
            slots=pinned.slots(suites.enrolling(modality).suite, position),
        )
        (rows,) = pinned.lookup([wanted])
        return pinned.open(wanted, rows, EXTRACTOR)


def test_a_loaded_face_is_compared_with_its_person_alone(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """Captures of a person become one reference, which another capture matches and another person does not."""
    path = write(
        tmp_path / "faces.parquet",
        [row(PERSON, face(1, 0)), row(PERSON, face(1, 1)), row(OTHER, face(2)), row(UNKNOWN_NIK, face(3))],
    )
    done = load(made, agent, path)
    assert (done.rows, done.stored, done.rejected, done.resumed) == (4, 2, 1, 0)
    assert rejected(path) == [(4, "nik", "nik.unknown")]
    (mine,) = candidates(made, agent, PERSON)
    assert mine.counts
    assert score(agent, mine, face(1, 9)) > 0.8
    assert score(agent, mine, face(2, 9)) < 0.6
    (nobody,) = candidates(made, agent, UNKNOWN_NIK)
    assert not nobody.counts
    assert score(agent, nobody, face(3)) < 0.7
    begun, ended = (each for each in details(made, EntryKind.REFERENCES_LOADED)[-2:])
    assert (begun["step"], ended["step"], ended["stored"], ended["rejected"]) == ("begun", "ended", "2", "1")


def test_fused_captures_match_better_than_one(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """A reference of eight noisy captures is nearer to a ninth than a reference of one is."""
    several = [row(PERSON, face(1, capture, noise=1.0)) for capture in range(8)]
    load(made, agent, write(tmp_path / "faces.parquet", [*several, row(OTHER, face(1, 0, noise=1.0))]))
    fused, single = (candidates(made, agent, nik)[0] for nik in (PERSON, OTHER))
    assert score(agent, fused, face(1, 9, noise=1.0)) > score(agent, single, face(1, 9, noise=1.0)) + 0.03


def test_of_a_finger_several_impressions_are_kept(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """Three impressions are kept under one draw, further ones are rejects, and the best of the three matches."""
    of_finger = {"modality": "finger", "position": 2}
    rows = [row(PERSON, finger(7, capture), **of_finger) for capture in range(5)]
    rows += [row(OTHER, finger(8, 0, position=3), **of_finger)]
    path = write(tmp_path / "fingers.parquet", rows)
    done = load(made, agent, path)
    assert (done.stored, done.rejected) == (3, 3)
    assert rejected(path) == [
        (4, "template", "sample.extra"),
        (5, "template", "sample.extra"),
        (6, "template", "position.differs"),
    ]
    kept = candidates(made, agent, PERSON, modality="finger", position=2)
    assert [each.counts for each in kept] == [True, True, True]
    assert len({each.reference.draw for each in kept}) == 1
    own = max(score(agent, each, finger(7, 9)) for each in kept)
    others = [score(agent, each, finger(other, 9)) for each in kept for other in (8, 9, 10)]
    assert own > max(others) + 0.03
    decoys = candidates(made, agent, OTHER, modality="finger", position=2)
    assert [each.counts for each in decoys] == [False, False, False]


def test_each_broken_row_is_a_reject_that_names_the_rule(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """Every rule that a row can break is named with the row's number and field, and the sound rows are stored."""
    good = face(1)
    rows: list[tuple[Row, str, str]] = [
        (row("", good), "nik", "nik.missing"),
        (row("327301", good), "nik", "nik.format"),
        (row("3273014513909001", good), "nik", "nik.date"),
        (row("3273010101900000", good), "nik", "nik.serial"),
        (row(UNKNOWN_NIK, good), "nik", "nik.unknown"),
        (row(PERSON, good, modality="voice"), "modality", "modality.unknown"),
        (row(PERSON, good, position="x"), "position", "position.range"),
        (row(PERSON, good, position=1), "position", "position.range"),
        (row(PERSON, good, extractor="no version"), "extractor", "extractor.format"),
        (row(PERSON, b""), "template", "template.malformed"),
        (row(PERSON, b"\xff" * 40), "template", "template.malformed"),
        (row(PERSON, good), "", ""),
        (row(OTHER, good), "", ""),
        (row(PERSON, good), "nik", "reference.held"),
    ]
    path = write(tmp_path / "faces.parquet", [each for each, _, _ in rows])
    done = load(made, agent, path)
    expected = [(number, field, rule) for number, (_, field, rule) in enumerate(rows, 1) if rule]
    assert rejected(path) == expected
    assert {rule for _, _, rule in expected} <= RULES.keys()
    assert (done.stored, done.rejected) == (2, len(expected))


def test_a_file_that_was_loaded_is_passed_over(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """The same file again stores nothing, and says what became of it; another file finds the person enrolled."""
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(11))])
    first = load(made, agent, path)
    (before,) = candidates(made, agent, PERSON)
    again = load(made, agent, path)
    assert (again.stored, again.resumed) == (first.stored, 1)
    other = write(tmp_path / "other.parquet", [row(PERSON, face(12))])
    assert load(made, agent, other).stored == 0
    assert rejected(other) == [(1, "nik", "reference.held")]
    assert candidates(made, agent, PERSON)[0].reference == before.reference


def test_a_killed_load_goes_on(made: Installation, agent: LocalKeyAgent, tmp_path: Path) -> None:
    """Cut off after a transaction, the same command reads on from there, and no row is stored or rejected twice."""
    rows = [row(UNKNOWN_NIK, face(5), position=0) for _ in range(ROWS + 100)]
    rows[10] = row(PERSON, face(1))
    rows[ROWS + 50] = row(OTHER, face(2))
    path = write(tmp_path / "faces.parquet", rows)

    def cut_off() -> None:
        raise CutOffHereError

    with pytest.raises(CutOffHereError):
        load(made, agent, path, reached=cut_off)
    assert candidates(made, agent, PERSON)[0].held
    assert not candidates(made, agent, OTHER)[0].held
    with path.with_suffix(".rejects.jsonl").open("a") as file:
        file.write('{"row": 300, "field": "nik", "rule": "nik.unk')  # of a batch that was not stored
    done = load(made, agent, path)
    assert 0 < done.resumed < len(rows)
    assert (done.stored, done.rejected) == (2, len(rows) - 2)
    listed = [number for number, _, _ in rejected(path)]
    assert listed == sorted(set(range(1, len(rows) + 1)) - {11, ROWS + 51})


def test_two_loads_of_one_file_do_not_store_it_twice(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """Of two processes that load the same file the one that finds the other ahead of it stops."""
    path = write(tmp_path / "faces.parquet", [row(UNKNOWN_NIK, face(6)) for _ in range(2 * ROWS + 1)])
    inside: list[int] = []

    def other() -> None:
        if not inside:
            inside.append(1)
            load(made, agent, path)

    with pytest.raises(ReferencesBusyError):
        load(made, agent, path, reached=other)


def test_nobody_erased_is_enrolled(made: Installation, agent: LocalKeyAgent, tmp_path: Path) -> None:
    """A number that was erased is a reject, whatever the vault still holds of it."""
    with open_writer(agent, made.settings.vault_database) as writer:
        name = names_of(writer.layers(writer.table.standing())[0].inner, parse(PERSON, AS_OF))
        put(made.settings.log_database, name, Mark.ERASED)
        try:
            path = write(tmp_path / "faces.parquet", [row(PERSON, face(21)), row(OTHER, face(22))])
            assert load(made, agent, path).stored == 1
        finally:
            lift(made.settings.log_database, name.tombstone, Mark.ERASED)
    assert rejected(path) == [(1, "nik", "nik.erased")]


def test_who_is_erased_during_the_load_is_taken_back(
    made: Installation, agent: LocalKeyAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure between the look at the marks and the transaction takes the reference back."""
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(31))])
    with open_writer(agent, made.settings.vault_database) as writer:
        name = names_of(writer.layers(writer.table.standing())[0].inner, parse(PERSON, AS_OF))
        lay = Load._lay

        def erase(self: Load, *arguments: object) -> None:
            put(made.settings.log_database, name, Mark.ERASED)
            lay(self, *arguments)  # type: ignore[arg-type] # as it was called

        monkeypatch.setattr(Load, "_lay", erase)
        try:
            load(made, agent, path)
        finally:
            lift(made.settings.log_database, name.tombstone, Mark.ERASED)
    assert not candidates(made, agent, PERSON)[0].held


@pytest.mark.parametrize("columns", [["nik"], ["nik", "modality", "position", "extractor"]])
def test_a_file_without_a_column_is_refused(columns: Sequence[str], tmp_path: Path) -> None:
    """A missing column is named."""
    path = tmp_path / "faces.parquet"
    pq.write_table(pa.table({name: ["1"] for name in columns}), path)
    with pytest.raises(ReferenceSourceError, match=r"the column (modality|template) is missing"):
        ReferenceFile.open(path)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    """A file of another kind is named, and nothing of it."""
    path = tmp_path / "faces.parquet"
    path.write_bytes(b"nik,modality\n")
    with pytest.raises(ReferenceSourceError, match="not a readable Parquet file"):
        ReferenceFile.open(path)


def test_without_a_biometric_key_nothing_is_loaded(tmp_path: Path) -> None:
    """A keyring without a biometric key is named, before any row is read."""
    bare = install(tmp_path / "bare")
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(1))])
    with closing(bare.agent()) as keys, pytest.raises(NoBiometricKeyError):
        load(bare, keys, path)
    new_key(bare)
    with closing(bare.agent()) as keys:
        assert load(bare, keys, path).stored == 1
