"""A person as the registry holds one: a row, read and checked field by field.

Fields carry the registry's own names: NIK (the only one that must be there), NO_KK, NAMA_LGKP, TMPT_LHR, TGL_LHR,
JENIS_KLMIN, STATUS_KAWIN, AGAMA, GOL_DARAH, JENIS_PKRJN, PDDK_AKH, STAT_HBKEL, NAMA_LGKP_IBU, ALAMAT, NO_RT, NO_RW,
NO_PROP, NO_KAB, NO_KEC, NO_KEL, and two that the registry has under several names: KEWARGANEGARAAN (list "citizenship")
and STATUS_HIDUP (list "life_status"; without it the record answers NOT_HELD to questions about life and counts as active).
An empty field, None, "-" or a lone zero code is not held; so is a blood type that is "not known".

Guarantees: an error names field and rule, never the value; a person never shows in a repr or a pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, NoReturn, Self

from padan import nik as nik_grammar
from padan.errors import NikError
from tokenizer import claim as rules
from tokenizer import dates, region, textform
from tokenizer.attribute import ATTRIBUTES, Attribute
from tokenizer.codes import UNKNOWN_BLOOD_TYPE
from tokenizer.errors import RowError, RuleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.nik import Nik
    from tokenizer.codes import CodeLists
    from tokenizer.textform import TextForm

NIK_FIELD: Final = "NIK"
TEXT_FIELDS: Final = (
    ("NAMA_LGKP", Attribute.NAME),
    ("NAMA_LGKP_IBU", Attribute.MOTHER_NAME),
    ("TMPT_LHR", Attribute.BIRTH_PLACE),
    ("ALAMAT", Attribute.ADDRESS),
)
CODE_FIELDS: Final = (
    ("JENIS_KLMIN", Attribute.SEX),
    ("AGAMA", Attribute.RELIGION),
    ("STATUS_KAWIN", Attribute.MARITAL_STATUS),
    ("GOL_DARAH", Attribute.BLOOD_TYPE),
    ("JENIS_PKRJN", Attribute.OCCUPATION),
    ("PDDK_AKH", Attribute.EDUCATION),
    ("STAT_HBKEL", Attribute.FAMILY_RELATION),
    ("KEWARGANEGARAAN", Attribute.CITIZENSHIP),
    ("STATUS_HIDUP", Attribute.LIFE_STATUS),
)
FIELDS: Final = (
    NIK_FIELD, "NO_KK", "NAMA_LGKP", "TMPT_LHR", "TGL_LHR", "JENIS_KLMIN", "STATUS_KAWIN", "AGAMA", "GOL_DARAH", "JENIS_PKRJN",
    "PDDK_AKH", "STAT_HBKEL", "NAMA_LGKP_IBU", "ALAMAT", "NO_RT", "NO_RW", "NO_PROP", "NO_KAB", "NO_KEC", "NO_KEL",
    "KEWARGANEGARAAN", "STATUS_HIDUP",
)  # fmt: skip
"""Every field that is read."""

Value = str | int | date | None
_ABSENT: Final = frozenset({"", "-", "--"})
_NEIGHBOURHOODS: Final = (("NO_RT", Attribute.RT), ("NO_RW", Attribute.RW))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row, ready to be projected; what is not held is absent."""

    nik: Nik
    texts: tuple[tuple[Attribute, TextForm], ...] = ()
    exact_values: tuple[tuple[int, bytes], ...] = ()
    """Slot and value of every attribute with nothing but an exact token, regions and birth date apart."""
    birth_date: date | None = None
    region: str = ""
    """0, 2, 4, 6 or 10 digits."""
    life_status: str | None = None
    """Code of list "life_status"."""

    @classmethod
    def from_registry(cls, row: Mapping[str, Value], *, codes: CodeLists, today: date) -> Self:
        """Read a row.

        Args:
            row: the registry's field names to values; other fields are ignored.
            codes: the code lists in use.
            today: a birth date after this day is refused.

        Raises:
            RowError: names the first field that breaks a rule.
        """
        nik = _nik(_text(row, NIK_FIELD), today)
        coded = _codes(row, codes)
        exact = [(attribute - 1, code.encode()) for attribute, code in coded.items()]
        return cls(
            nik=nik,
            texts=tuple(_texts(row)),
            exact_values=(*exact, *_numbers(row)),
            birth_date=_birth_date(row, today),
            region=region.join(
                (_text(row, "NO_PROP"), _text(row, "NO_KAB"), _text(row, "NO_KEC"), _text(row, "NO_KEL"))
            ),
            life_status=coded.get(Attribute.LIFE_STATUS),
        )

    def __repr__(self) -> str:
        return "Person(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a person is not pickled")


def _text(row: Mapping[str, Value], field: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, str):
        value = value.strip()
        return "" if value in _ABSENT else value
    if isinstance(value, int):
        return str(value)
    raise RowError(field, "value.type")


def _nik(text: str, today: date) -> Nik:
    if not text:
        raise RowError(NIK_FIELD, "nik.missing")
    try:
        return nik_grammar.parse(text, today)
    except NikError as error:
        raise RowError(NIK_FIELD, f"nik.{error.reason}") from None


def _texts(row: Mapping[str, Value]) -> list[tuple[Attribute, TextForm]]:
    found = []
    for field, attribute in TEXT_FIELDS:
        if value := _text(row, field):
            try:
                found.append((attribute, textform.form(ATTRIBUTES[attribute].kind, value)))
            except RuleError as error:
                raise RowError(field, error.rule) from None
    return found


def _codes(row: Mapping[str, Value], codes: CodeLists) -> dict[Attribute, str]:
    found = {}
    for field, attribute in CODE_FIELDS:
        value = _text(row, field)
        if value.strip("0"):
            try:
                code = codes.find(attribute, value)
            except RuleError as error:
                raise RowError(field, error.rule) from None
            if (attribute, code) != (Attribute.BLOOD_TYPE, UNKNOWN_BLOOD_TYPE):
                found[attribute] = code
    return found


def _numbers(row: Mapping[str, Value]) -> list[tuple[int, bytes]]:
    found = []
    try:
        field = "NO_KK"
        if value := _text(row, field):
            found.append((Attribute.FAMILY_CARD_NUMBER - 1, rules.family_card(value).encode()))
        for field, attribute in _NEIGHBOURHOODS:
            if value := _text(row, field):
                found.append((attribute - 1, rules.neighbourhood(value).encode()))
    except RuleError as error:
        raise RowError(field, error.rule) from None
    return found


def _birth_date(row: Mapping[str, Value], today: date) -> date | None:
    value = row.get("TGL_LHR")
    if not isinstance(value, date):
        value = _text(row, "TGL_LHR")
    if not value:
        return None
    try:
        return dates.parse(value, today=today)
    except RuleError as error:
        raise RowError("TGL_LHR", error.rule) from None
