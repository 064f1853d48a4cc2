"""A person as the registry holds one: a row, read and checked field by field.

Fields carry the registry's own names: NIK (the only one that must be there), NO_KK, NAMA_LGKP, TMPT_LHR, TGL_LHR,
JENIS_KLMIN, STATUS_KAWIN, AGAMA, GOL_DARAH, JENIS_PKRJN, PDDK_AKH, STAT_HBKEL, NAMA_LGKP_IBU, ALAMAT, NO_RT, NO_RW,
NO_PROP, NO_KAB, NO_KEC, NO_KEL, and two that the registry has under several names: KEWARGANEGARAAN (list "citizenship")
and STATUS_HIDUP (list "life_status"; without it the record answers NOT_HELD to questions about life and counts as
active). Coded fields hold a code, a label or an alias.
An empty field, None, "-" or a code of zeros is not held; so is a blood type that is "not known".

Guarantees: an error names field and rule, never the value; a person never shows in a repr or a pickle.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NoReturn, Self

from padan import nik as nik_grammar
from padan.errors import NikError
from padan.value import value
from tokenizer import claim as rules
from tokenizer import dates, region, textform
from tokenizer.attribute import ATTRIBUTES, Attribute
from tokenizer.codes import UNKNOWN_BLOOD_TYPE
from tokenizer.errors import RowError, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from padan.nik import Nik
    from tokenizer.attribute import Kind
    from tokenizer.codes import CodeLists
    from tokenizer.textform import TextForm

Value = str | int | date | None
"""What a row may hold in a field."""

NIK_FIELD: Final = "NIK"
BIRTH_DATE_FIELD: Final = "TGL_LHR"
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
_NUMBER_FIELDS: Final[tuple[tuple[str, Attribute, Callable[[str], str]], ...]] = (
    ("NO_KK", Attribute.FAMILY_CARD_NUMBER, rules.family_card),
    ("NO_RT", Attribute.RT, rules.neighbourhood),
    ("NO_RW", Attribute.RW, rules.neighbourhood),
)
FIELDS: Final = (
    NIK_FIELD,
    BIRTH_DATE_FIELD,
    *(entry[0] for entry in (*TEXT_FIELDS, *CODE_FIELDS, *_NUMBER_FIELDS)),
    *region.FIELDS,
)
"""Every field that is read."""
_ABSENT: Final = frozenset({"", "-", "--"})
_TEXT_READERS: Final = tuple(
    (field, attribute, ATTRIBUTES[attribute].kind) for field, attribute in TEXT_FIELDS
)
_BLOOD_TYPE, _LIFE_STATUS = (
    Attribute.BLOOD_TYPE,
    Attribute.LIFE_STATUS,
)  # naming a member costs as much as a MAC


@value
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
    def from_registry(
        cls,
        row: Mapping[str, Value],
        *,
        codes: CodeLists,
        today: date,
        form: Callable[[Kind, str], TextForm] = textform.form,
    ) -> Self:
        """Read a row.

        Args:
            row: the registry's field names to values; other fields are ignored.
            codes: the code lists in use.
            today: a birth date after this day is refused.
            form: `textform.form`, or the same with a memory for texts that come again.

        Raises:
            RowError: names the first field that breaks a rule.
        """
        field = NIK_FIELD
        exact: list[tuple[int, bytes]] = []
        texts: list[tuple[Attribute, TextForm]] = []
        coded: dict[Attribute, str] = {}
        try:
            nik = _nik(_text(row, field), today)
            for field, attribute in TEXT_FIELDS:
                if value := _text(row, field):
                    texts.append((attribute, form(ATTRIBUTES[attribute].kind, value)))
            for field, attribute in CODE_FIELDS:
                if (value := _text(row, field)).strip("0"):
                    coded[attribute] = codes.find(attribute, value)
            for field, attribute, read in _NUMBER_FIELDS:
                if value := _text(row, field):
                    exact.append((attribute - 1, read(value).encode()))
            field = BIRTH_DATE_FIELD
            birth_date = _birth_date(row, today)
        except RuleError as error:
            raise RowError(field, error.rule) from None
        if coded.get(_BLOOD_TYPE) == UNKNOWN_BLOOD_TYPE:
            del coded[_BLOOD_TYPE]
        exact += [(attribute - 1, code.encode()) for attribute, code in coded.items()]
        return cls(
            nik=nik,
            texts=tuple(texts),
            exact_values=tuple(exact),
            birth_date=birth_date,
            region=region.join([_text(row, part) for part in region.FIELDS]),
            life_status=coded.get(_LIFE_STATUS),
        )

    def __repr__(self) -> str:
        return "Person(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a person is not pickled")


def _text(row: Mapping[str, Value], field: str) -> str:
    value = row.get(field)
    if isinstance(value, str):
        value = value.strip()
        return "" if value in _ABSENT else value
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    raise RowError(field, "value.type")


def _nik(text: str, today: date) -> Nik:
    if not text:
        raise RuleError("nik.missing")
    try:
        return nik_grammar.parse(text, today)
    except NikError as error:
        raise RuleError(f"nik.{error.reason}") from None


def _birth_date(row: Mapping[str, Value], today: date) -> date | None:
    value = row.get(BIRTH_DATE_FIELD)
    if not isinstance(value, date):
        value = _text(row, BIRTH_DATE_FIELD)
    return dates.parse(value, today=today) if value else None
