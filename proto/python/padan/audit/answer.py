"""What a resident is answered: who asked about them, when, why, with which outcome; and by when the answer was due.

The right is that of UU 27/2022 (PDP) art. 32, within 3 x 24 hours of the request. An entry whose disclosure an
article delays is left out of what the resident gets and counted for the auditor, until the auditor says that the
delay under that article is lifted. An officer's pseudonym is the agency's own matter and stands in no answer; nor
does the resident's number.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from padan import times
from padan.audit import render
from padan.audit.span import WHOLE, Span
from padan.entry import Entry, EntryError, EntryKind, Field, decode
from padan.errors import AuditError
from padan.vocabulary import Attribute, LawfulUse, LegalBasis, Verdict, label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from padan.audit.entries import Item
    from padan.trail import Opening

LIMIT: Final = timedelta(hours=72)
"""3 x 24 hours."""
FORMAT: Final = 1
COLUMNS: Final = (
    "time",
    "what",
    "agency",
    "on_behalf_of",
    "purpose",
    "lawful_use",
    "legal_basis",
    "agreement",
    "clause",
    "asked_about",
    "outcome",
    "sequence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry, as the resident reads it. Codes are the log's own, in lower case; empty where the entry has none."""

    time: datetime
    what: str
    agency: str
    on_behalf_of: str
    purpose: str
    lawful_use: str
    legal_basis: str
    agreement: str
    clause: str
    asked_about: tuple[str, ...]
    outcome: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one resident.

    Attributes:
        registry: id of the registry.
        request: id of the request, hexadecimal, as in the log's entry TRAIL_OPENED.
        mandate: what it rests on, such as the number of the resident's letter.
        received: when the resident asked.
        made: when the answer was made.
        lines: in the order of the log.
        covers: the stretch of log time that was looked through.
        withheld: entries left out, by the article that delays them; for the auditor alone.
    """

    registry: str
    request: str
    mandate: str
    received: datetime
    made: datetime
    lines: tuple[Line, ...]
    covers: Span
    withheld: Mapping[str, int]

    @property
    def due(self) -> datetime:
        """By when the law wants the answer."""
        return self.received + LIMIT

    @property
    def is_late(self) -> bool:
        """Whether the answer was made after that."""
        return self.made > self.due


def make(
    items: Iterable[Item],
    opening: Opening,
    *,
    registry: str,
    made: datetime,
    lifted: Collection[str] = (),
    covers: Span = WHOLE,
) -> Answer:
    """Put an answer together.

    Args:
        items: the entries about the resident.
        opening: what was proposed.
        registry: id of the registry.
        made: now.
        lifted: articles under which entries were delayed and are no longer.
        covers: the stretch of log time that the entries were looked for in.

    Raises:
        AuditError: an entry is malformed.
    """
    lines, withheld = [], Counter[str]()
    for item in items:
        try:
            entry = decode(item.entry)
            article = entry.text(Field.DELAYED_DISCLOSURE)
            if article and article not in lifted:
                withheld[article] += 1
            else:
                lines.append(_line(item.sequence, entry))
        except EntryError as error:
            raise AuditError(f"entry {item.sequence}: {error}", reason="entry") from None
    return Answer(
        registry=registry,
        request=opening.request_id.hex(),
        mandate=opening.mandate,
        received=datetime.fromtimestamp(opening.received, tz=UTC),
        made=made,
        lines=tuple(lines),
        covers=covers,
        withheld=dict(sorted(withheld.items())),
    )


def document(answer: Answer) -> dict[str, Any]:
    """Write the answer as a JSON object for the resident; of what is withheld it says nothing."""
    return {
        "format": FORMAT,
        "registry": answer.registry,
        "request": answer.request,
        "mandate": answer.mandate,
        "law": "UU 27/2022 art. 32",
        "received": times.text(answer.received),
        "due": times.text(answer.due),
        "made": times.text(answer.made),
        "late": answer.is_late,
        **answer.covers.bounds,
        "entries": [row(line) for line in answer.lines],
    }


def row(line: Line) -> dict[str, Any]:
    """Write a line as a JSON object."""
    return {name: _value(getattr(line, name)) for name in COLUMNS}


def table(answer: Answer) -> str:
    """Write the answer as CSV with a head; a cell that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in answer.lines:
        cells = row(line)
        cells["asked_about"] = " ".join(line.asked_about)
        writer.writerow([_cell(cells[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t"} else value


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return times.text(value)
    return list(value) if isinstance(value, tuple) else value


def _line(sequence: int, entry: Entry) -> Line:
    return Line(
        time=datetime.fromtimestamp(entry.number(Field.LOG_TIME) / 1000, tz=UTC),
        what=render.kind_name(entry.kind).lower(),
        agency=entry.text(Field.AGENCY),
        on_behalf_of=entry.text(Field.ON_BEHALF_OF),
        purpose=entry.text(Field.PURPOSE),
        lawful_use=_label(LawfulUse, entry, Field.LAWFUL_USE),
        legal_basis=_label(LegalBasis, entry, Field.LEGAL_BASIS),
        agreement=_agreement(entry),
        clause=entry.text(Field.CLAUSE),
        asked_about=_claims(entry),
        outcome=_outcome(entry),
        sequence=sequence,
    )


def _label(words: Any, entry: Entry, field: Field) -> str:
    return label(words, entry.number(field)).lower() if field in entry.fields else ""


def _agreement(entry: Entry) -> str:
    version = entry.number(Field.AGREEMENT_VERSION)
    return f"{entry.text(Field.AGREEMENT)} v{version}" if Field.AGREEMENT in entry.fields else ""


def _claims(entry: Entry) -> tuple[str, ...]:
    raw = entry.fields.get(Field.CLAIMS, b"")
    return tuple(
        label(Attribute, int.from_bytes(raw[at : at + 2], "big")).lower() for at in range(0, len(raw), 2)
    )


def _outcome(entry: Entry) -> str:
    refused = entry.number(Field.FINAL_REASON) or entry.number(Field.REASON)
    if refused:
        return f"refused: {render.reason_name(refused).lower()}"
    if entry.kind == EntryKind.TRAIL_OPENED:
        return "opened"
    return _label(Verdict, entry, Field.OUTCOME)


def words_of_clock(answer: Answer) -> str:
    """Say in words where the clock of 3 x 24 hours stands."""
    hours = abs(answer.due - answer.made) / timedelta(hours=1)
    state = f"OVERDUE by {hours:.1f} h" if answer.is_late else f"{hours:.1f} h left"
    return f"asked {times.text(answer.received)}, due {times.text(answer.due)} (3 x 24 h, UU 27/2022 art. 32); {state}"
