"""The answer to a resident as a PDF, in Indonesian first and English after it.

Set by ReportLab from the standard fonts, A4, reproducible byte for byte from the same answer. Texts from the log are
escaped: a paragraph of ReportLab is markup.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    KeepTogether,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from padan.audit.phrases import ENGLISH, INDONESIAN

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

    from padan.audit.answer import Answer, Line
    from padan.audit.phrases import Phrases
    from padan.audit.span import Span

ZONE: Final = ZoneInfo("Asia/Jakarta")
_INK: Final = colors.HexColor("#1f2a37")
_ACCENT: Final = colors.HexColor("#7a1f1f")
_PALE: Final = colors.HexColor("#f4f1ec")
_RULE: Final = colors.HexColor("#c9c2b6")
_WIDTHS: Final = (23 * mm, 37 * mm, 41 * mm, 39 * mm, 29.5 * mm)
"""Together what a page leaves between its margins and the frame's padding."""


def _style(
    name: str, size: float, lead: float, *, bold: bool = False, colour: colors.Color = _INK
) -> ParagraphStyle:
    font = "Helvetica-Bold" if bold else "Helvetica"
    return ParagraphStyle(
        name, fontName=font, fontSize=size, leading=lead, textColor=colour, splitLongWords=1
    )


_TITLE: Final = _style("title", 18, 22, bold=True, colour=_ACCENT)
_LEAD: Final = _style("lead", 9.5, 13.5)
_POINT: Final = ParagraphStyle("point", parent=_LEAD, leftIndent=4 * mm, spaceAfter=1.2 * mm)
_HEAD: Final = _style("head", 11, 15, bold=True, colour=_ACCENT)
_CELL: Final = _style("cell", 8, 10.2)
_SMALL: Final = _style("small", 7, 9, colour=colors.HexColor("#5b6470"))
_COLUMN: Final = _style("column", 8, 10, bold=True, colour=colors.white)
_KEY: Final = _style("key", 8.5, 11.5, bold=True)
_VALUE: Final = _style("value", 8.5, 11.5)
_LATE: Final = _style("late", 8.5, 11.5, bold=True, colour=colors.HexColor("#b00020"))


@dataclass(frozen=True, slots=True)
class _Footer:
    """What stands at the foot of each page."""

    text: str

    def __call__(self, canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setStrokeColor(_RULE)
        canvas.line(18 * mm, 15 * mm, A4[0] - 18 * mm, 15 * mm)
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(_INK)
        canvas.drawString(18 * mm, 10.5 * mm, self.text)
        canvas.drawRightString(A4[0] - 18 * mm, 10.5 * mm, str(document.page))
        canvas.restoreState()


def render(answer: Answer) -> bytes:
    """Write the PDF."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=INDONESIAN.title,
        subject=ENGLISH.title,
        author=answer.registry,
        creator="padan-audit",
        lang="id-ID",
        invariant=1,
    )
    footer = _Footer(f"{answer.registry}  |  {answer.request}")
    story = [*_part(answer, INDONESIAN), PageBreak(), *_part(answer, ENGLISH)]
    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def _part(answer: Answer, words: Phrases) -> list[object]:
    parts: list[object] = [
        Paragraph(words.title, _TITLE),
        Spacer(1, 1.5 * mm),
        Paragraph(words.law, _SMALL),
        Spacer(1, 4 * mm),
        _facts(answer, words),
        Spacer(1, 5 * mm),
        Paragraph(words.intro, _LEAD),
        Spacer(1, 5 * mm),
        Paragraph(words.heading.format(count=len(answer.lines)), _HEAD),
        Spacer(1, 2 * mm),
        _entries(answer, words) if answer.lines else Paragraph(words.nobody, _LEAD),
        Spacer(1, 6 * mm),
    ]
    meaning = [Paragraph(text, _POINT, bulletText="\u2022") for text in words.meaning]
    return [*parts, KeepTogether([Paragraph(words.meaning_head, _HEAD), Spacer(1, 1.5 * mm), *meaning])]


def _facts(answer: Answer, words: Phrases) -> Table:
    late = answer.is_late
    rows = [
        (words.registry, answer.registry),
        (words.mandate, answer.mandate),
        (words.request, answer.request),
        (words.received, _moment(answer.received)),
        (words.due, _moment(answer.due)),
        (words.made, f"{_moment(answer.made)}{words.late if late else words.in_time}"),
    ]
    if not answer.covers.is_whole:
        rows.append((words.covers, _covered(answer.covers, words)))
    cells = [
        (
            Paragraph(escape(name), _KEY),
            Paragraph(escape(value), _LATE if late and name == words.made else _VALUE),
        )
        for name, value in rows
    ]
    table = Table(cells, colWidths=(48 * mm, sum(_WIDTHS) - 48 * mm), hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), _PALE),
                ("LINEBELOW", (0, 0), (-1, -2), 0.4, _RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def _covered(span: Span, words: Phrases) -> str:
    ends = [
        None if moment is None else _moment(datetime.fromtimestamp(moment // 1000, tz=UTC))
        for moment in (span.since, span.until)
    ]
    return f"{ends[0] or words.from_beginning} - {ends[1] or words.to_end}"


def _entries(answer: Answer, words: Phrases) -> Table:
    head = [Paragraph(name, _COLUMN) for name in words.columns]
    table = Table(
        [head, *(_row(line, words) for line in answer.lines)], colWidths=_WIDTHS, repeatRows=1, hAlign="LEFT"
    )
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _ACCENT),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), (colors.white, _PALE)),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 3.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
            ]
        )
    )
    return table


def _row(line: Line, words: Phrases) -> list[object]:
    local = line.time.astimezone(ZONE)
    basis = [words.basis(line.legal_basis), line.agreement, line.clause]
    return [
        [Paragraph(local.strftime("%d.%m.%Y"), _CELL), Paragraph(local.strftime("%H:%M:%S WIB"), _SMALL)],
        _cell(
            line.agency or words.auditors, words.behalf.format(line.on_behalf_of) if line.on_behalf_of else ""
        ),
        _cell(line.purpose or words.what(line.what), ", ".join(filter(None, basis))),
        _cell(", ".join(map(words.attribute, line.asked_about))),
        _cell(words.outcome(line.outcome), words.what(line.what) if line.purpose else ""),
    ]


def _cell(text: str, small: str = "") -> list[Paragraph]:
    cells = [Paragraph(escape(text) or "&ndash;", _CELL)]
    return [*cells, Paragraph(escape(small), _SMALL)] if small else cells


def _moment(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%d.%m.%Y %H:%M WIB")
