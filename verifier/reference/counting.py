"""How many references are kept, by modality, suite and extractor: every box is opened, and nothing else is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizer.biometrics import suites
from tokenizer.biometrics.reference import Reference
from tokenizer.biometrics.suites import SuiteError

if TYPE_CHECKING:
    from verifier.projector.progress import Meter
    from verifier.reference.writer import ReferenceWriter


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Kind:
    """What references have in common.

    Attributes:
        modality: face, finger or iris.
        suite: its name, or its number where this release does not know it.
        extractor: NAME/VERSION, or its digest where the name was never written down.
        key_id: of the biometric key.
    """

    modality: str
    suite: str
    extractor: str
    key_id: int


def count(writer: ReferenceWriter, *, meter: Meter) -> dict[Kind, int]:
    """Count the references of the epoch in use.

    Raises:
        BoxError, RecordError: a row does not open.
        ServiceError: the vault failed.
    """
    table = writer.table
    standing = table.standing()
    layer, names = writer.layers(standing)[0], table.extractors()
    found, read = Counter[Kind](), 0
    meter.stage("opening", sum(table.count(layer.number).values()))
    for slot in standing.slots(layer.number):
        outer, nobody, after = layer.outer(slot), frozenset(layer.decoys(slot)), b""
        while rows := table.page(layer.number, slot, after):
            after, read = rows[-1][0], read + len(rows)
            for token, box in rows:
                if token in nobody:
                    continue
                reference = Reference.decode(outer.open(token, box))
                name = names.get(reference.extractor, reference.extractor.hex())
                kind = Kind(
                    modality=slot.modality,
                    suite=_suite(reference.suite),
                    extractor=name,
                    key_id=reference.key_id,
                )
                found[kind] += 1
            meter.advance(done=read, people=read)
    return dict(found)


def _suite(number: int) -> str:
    try:
        return suites.scheme_numbered(number).suite.name
    except SuiteError:
        return str(number)
