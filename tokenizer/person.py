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
    from collections.abc import Callable, Mapping, Sequence

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
FIELDS: Final[tuple[str, ...]] = (
    NIK_FIELD,
    BIRTH_DATE_FIELD,
    *(field for field, _ in TEXT_FIELDS),
    *(field for field, _ in CODE_FIELDS),
    *(field for field, _, _ in _NUMBER_FIELDS),
    *region.FIELDS,
)
"""Every field that is read."""
_ABSENT: Final = frozenset({"", "-", "--"})
# Where each field stands among FIELDS, with what reads it: looked up once, not for each person.
_BIRTH_DATE_AT: Final = FIELDS.index(BIRTH_DATE_FIELD)
_REGION_AT: Final = slice(len(FIELDS) - len(region.FIELDS), len(FIELDS))
_TEXT_READERS: Final = tuple(
    (FIELDS.index(field), attribute, ATTRIBUTES[attribute].kind) for field, attribute in TEXT_FIELDS
)
_CODE_READERS: Final = tuple((FIELDS.index(field), attribute) for field, attribute in CODE_FIELDS)
_NUMBER_READERS: Final = tuple(
    (FIELDS.index(field), attribute - 1, read) for field, attribute, read in _NUMBER_FIELDS
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
        texts = [_text(row.get(field), field) for field in FIELDS]
        return cls.from_texts(texts, codes=codes, today=today, form=form)

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        *,
        codes: CodeLists,
        today: date,
        form: Callable[[Kind, str], TextForm] = textform.form,
    ) -> Self:
        """Read a row whose fields are all texts, without space around them.

        Args:
            texts: one for each of FIELDS, in their order.
            codes: the code lists in use.
            today: a birth date after this day is refused.
            form: `textform.form`, or the same with a memory for texts that come again.

        Raises:
            RowError: names the first field that breaks a rule.
        """
        texts = ["" if text in _ABSENT else text for text in texts]
        at = 0
        exact: list[tuple[int, bytes]] = []
        forms: list[tuple[Attribute, TextForm]] = []
        coded: dict[Attribute, str] = {}
        lists = codes.lists
        try:
            nik = _nik(texts[at], today)
            for at, attribute, kind in _TEXT_READERS:
                if text := texts[at]:
                    forms.append((attribute, form(kind, text)))
            for at, attribute in _CODE_READERS:
                if (text := texts[at]).strip("0"):
                    coded[attribute] = lists[attribute].find(text)
            for at, slot, read in _NUMBER_READERS:
                if text := texts[at]:
                    exact.append((slot, read(text).encode()))
            at = _BIRTH_DATE_AT
            birth_date = dates.parse(texts[at], today=today) if texts[at] else None
        except RuleError as error:
            raise RowError(FIELDS[at], error.rule) from None
        if coded.get(_BLOOD_TYPE) == UNKNOWN_BLOOD_TYPE:
            del coded[_BLOOD_TYPE]
        exact += [(attribute - 1, code.encode()) for attribute, code in coded.items()]
        return cls(
            nik=nik,
            texts=tuple(forms),
            exact_values=tuple(exact),
            birth_date=birth_date,
            region=region.join(texts[_REGION_AT]),
            life_status=coded.get(_LIFE_STATUS),
        )

    def __repr__(self) -> str:
        return "Person(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a person is not pickled")


def _text(value: Value, field: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, date) and field == BIRTH_DATE_FIELD:
        return value.isoformat()[:10]  # of a time, the day
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
