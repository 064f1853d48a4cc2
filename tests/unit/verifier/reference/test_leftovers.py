"""What was withdrawn is gone from the files too, and not only from what they say."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from padan.nik import parse
from tests.installation import install
from tests.people import AS_OF, BUDI, SARI
from tests.unit.verifier.reference.conftest import new_key
from tokenizer.biometrics.reference import Reference, extractor_digest
from tokenizer.biometrics.scheme import Suite
from tokenizer.biometrics.slot import Slot
from verifier.reference.writer import open_writer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from verifier.reference.writer import ReferenceWriter

PERSON, OTHER = (parse(person["NIK"], today=AS_OF) for person in (BUDI, SARI))


def is_in_files(made: Installation, box: bytes) -> bool:
    """Say whether a box lies anywhere in the vault's folder."""
    files = [each for each in made.settings.data_dir.rglob("*") if each.is_file()]
    return any(box in each.read_bytes() for each in files)


def boxes(writer: ReferenceWriter, slot: Slot) -> list[bytes]:
    """Read a slot's boxes, without its decoys."""
    layer = writer.layers(writer.table.standing())[0]
    rows = dict(writer.table.page(layer.number, slot, b"", 1_000))
    return [box for token, box in rows.items() if token not in layer.decoys(slot)]


@pytest.mark.parametrize("size", [64, 2_000, 9_000])
@pytest.mark.parametrize("gone", ["resident", "epoch"])
def test_a_withdrawn_reference_leaves_nothing_in_the_files(tmp_path: Path, size: int, gone: str) -> None:
    """Whatever its size, on pages of its own or among others', nothing of its box can be read any more."""
    made = install(tmp_path)
    new_key(made)
    suite, slot = Suite(name="iris-test/1", number=3, modality="iris", size=size, samples=1), Slot("iris", 1)
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        writer.lay(suite)
        for number in (PERSON, OTHER):
            reference = Reference(
                suite=suite.number,
                extractor=extractor_digest("extractor/1"),
                key_id=1,
                draw=bytes(16),
                renewal=0,
                r=bytes(16),
                day=1,
                protected=secrets.token_bytes(size),
            )
            writer.change(lambda batch: batch.put(slot, {number: reference}))  # noqa: B023 - at once
        before = boxes(writer, slot)
    parts = [box[at : at + 32] for box in before for at in range(0, len(box) - 32, 512)]
    assert all(is_in_files(made, part) for part in parts)
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        if gone == "epoch":
            writer.table.forget(writer.table.standing().active.number)
        else:
            writer.change(lambda batch: batch.withdraw([PERSON, OTHER], [slot]))
    assert not any(is_in_files(made, part) for part in parts)
