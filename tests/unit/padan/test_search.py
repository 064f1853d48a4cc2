"""The search finds every entry about a resident and no other; the answer hides what it must."""

from __future__ import annotations

import csv
import dataclasses
import hmac
import io
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from padan import canonical, group
from padan import entry as log_entry
from padan import envelope as format_2
from padan.audit import answer, paper, search
from padan.audit.entries import Item
from padan.audit.phrases import ENGLISH, INDONESIAN
from padan.audit.span import Span
from padan.entry import EntryKind, Field
from padan.errors import AuditError
from padan.trail import Opening
from padan.vocabulary import Attribute, LegalBasis, Verdict
from tests.auditing import make

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY, HANDLE, PERIOD = bytes(range(32)), bytes(range(16)), bytes(16)
OPENING = Opening(
    request_id=bytes(16), commitment=bytes(32), reason="why", mandate="Letter 1", received=1_790_000_000
)


def subject(handle: bytes, nonce: bytes, key: bytes = KEY) -> bytes:
    """Name somebody in an entry, as docs/formats/entry.md says."""
    return hmac.digest(hmac.digest(key, handle, "sha256"), nonce, "sha256")[:16]


def item(sequence: int, fields: Mapping[int, bytes], kind: EntryKind = EntryKind.VERIFY) -> Item:
    """Make an entry."""
    head: dict[int, bytes] = {Field.KIND: int(kind).to_bytes(2, "big"), **fields}
    tail: dict[int, bytes] = {Field.LOG_TIME: (1_790_000_000_000 + sequence).to_bytes(8, "big")}
    return Item(sequence, int(kind), log_entry.encode(canonical.encode(head), tail), bytes(32), bytes(33))


def about(handle: bytes, *, period: bytes = PERIOD, key: bytes = KEY, **more: bytes) -> dict[int, bytes]:
    """Make the fields of an entry about somebody."""
    nonce = os.urandom(16)
    extra = {int(Field[name.upper()]): value for name, value in more.items()}
    return {Field.SUBJECT: subject(handle, nonce, key), Field.NONCE: nonce, Field.PERIOD: period, **extra}


def found(items: list[Item], *handles: bytes) -> list[int]:
    """Search; the places of what was found."""
    return [each.sequence for each in search.Search({PERIOD: KEY}, handles or (HANDLE,)).find(items)]


def test_every_entry_about_the_resident_and_no_other() -> None:
    """Under two handles, and among entries about others, about nobody, erased ones and other periods."""
    other = os.urandom(16)
    items = [
        item(1, about(HANDLE, agency=b"tax")),
        item(2, about(os.urandom(16))),
        item(3, {Field.AGENCY: b"tax"}),
        Item(4, 0, b"", b"", bytes(33)),
        item(5, about(other)),
        item(6, about(HANDLE, period=os.urandom(16), key=os.urandom(32))),
        item(7, about(HANDLE)),
    ]
    looked = search.Search({PERIOD: KEY}, (HANDLE, HANDLE))
    assert [each.sequence for each in looked.find(items)] == [1, 7]
    assert (looked.tally.entries, looked.tally.erased, sum(looked.tally.unopened.values())) == (7, 1, 1)
    assert found(items, HANDLE, other) == [1, 5, 7]
    assert repr(looked) == "<Search of 1 periods>"


def decoy(period: bytes = PERIOD) -> bytes:
    """Make bytes that look like the three fields, and are none."""
    fields: dict[int, bytes] = {
        Field.SUBJECT: os.urandom(16),
        Field.NONCE: os.urandom(16),
        Field.PERIOD: period,
    }
    return canonical.encode(fields)


@pytest.mark.parametrize("period", [PERIOD, b"\1" * 16])
@pytest.mark.parametrize("cut", [0, 6, 22, 28, 44, 50, 60, 65])
def test_nothing_that_a_caller_writes_hides_an_entry(period: bytes, cut: int) -> None:
    """A text before the fields that looks like them, whole or cut so that it runs into them, hides nothing."""
    text = decoy(period)[: len(decoy(period)) - cut] if cut else decoy(period)
    items = [
        item(1, about(HANDLE, consent_receipt=text)),
        item(2, about(os.urandom(16), consent_receipt=text)),
    ]
    assert found(items) == [1]


def test_a_text_that_looks_like_the_resident_is_no_entry_about_them() -> None:
    """Bytes inside another field that would match are not taken for the fields."""
    nonce = os.urandom(16)
    fields: dict[int, bytes] = {
        Field.SUBJECT: subject(HANDLE, nonce),
        Field.NONCE: nonce,
        Field.PERIOD: PERIOD,
    }
    assert found([item(1, {Field.CONSENT_RECEIPT: canonical.encode(fields), **about(os.urandom(16))})]) == []
    assert found([item(1, {Field.CONSENT_RECEIPT: canonical.encode(fields)})]) == []


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=90)), max_size=8))
@settings(deadline=None)
def test_it_agrees_with_decoding_every_entry(cases: list[tuple[bool, bytes]]) -> None:
    """Whatever the entries hold, the search finds what a slow one finds that decodes each entry."""
    items = [
        item(at, about(HANDLE if hit else os.urandom(16), consent_receipt=text))
        for at, (hit, text) in enumerate(cases, 1)
    ]
    slow = []
    for each in items:
        fields = log_entry.decode(each.entry).fields
        if fields[Field.SUBJECT] == subject(HANDLE, fields[Field.NONCE]):
            slow.append(each.sequence)
    assert found(items) == slow


def test_envelopes_are_found_and_foreign_ones_counted() -> None:
    """Each envelope once; one of another key or of format 1 is foreign, a malformed one an error."""
    made, other = make(), make("other-registry")
    sealed = [
        format_2.seal(group.random_bytes(32), period_id=os.urandom(16), key=key)
        for key in (made.key, made.key, other.key)
    ]
    items = [
        item(
            at,
            {Field.DETAIL: canonical.encode_list([b"envelope=" + each.hex().encode()])},
            EntryKind.PERIOD_OPENED,
        )
        for at, each in enumerate([*sealed, sealed[0], b"\1" * 97], 1)
    ]
    envelopes, foreign = search.envelopes(items, made.key)
    assert (len(envelopes), foreign) == (2, 2)
    broken = item(9, {Field.DETAIL: canonical.encode_list([b"envelope=zz"])}, EntryKind.PERIOD_OPENED)
    with pytest.raises(AuditError, match="entry 9: its envelope is malformed"):
        search.envelopes([broken], made.key)


def verify(sequence: int, **more: Any) -> Item:
    """Make an entry of a question that was answered."""
    common: dict[str, Any] = {
        "agency": b"tax",
        "officer": b"officer-7",
        "purpose": b"service",
        "legal_basis": bytes([LegalBasis.CONSENT]),
        "agreement": b"PKS-1",
        "agreement_version": (2).to_bytes(4, "big"),
        "clause": b"art. 3",
        "claims": int(Attribute.NAME).to_bytes(2, "big"),
        "outcome": bytes([Verdict.NO_MATCH]),
    }
    fields = about(HANDLE, **(common | more))
    head = {Field.KIND: (1).to_bytes(2, "big"), **{n: v for n, v in fields.items() if n < Field.LOG_TIME}}
    tail = {
        Field.LOG_TIME: (1_790_000_000_000).to_bytes(8, "big"),
        **{n: v for n, v in fields.items() if n > Field.LOG_TIME},
    }
    return Item(sequence, 1, log_entry.encode(canonical.encode(head), tail), bytes(32), bytes(33))


def answered(items: list[Item], *, hours: float = 1, lifted: tuple[str, ...] = ()) -> answer.Answer:
    """Answer, some hours after the request."""
    made = datetime.fromtimestamp(OPENING.received, tz=UTC) + timedelta(hours=hours)
    return answer.make(items, OPENING, registry="registry.example", made=made, lifted=lifted)


def test_what_the_resident_is_told() -> None:
    """Agency, time, purpose, basis, what was asked and the outcome; no officer, and no number."""
    made = answered([verify(1)])
    document = answer.document(made)
    (line,) = document["entries"]
    assert line == {
        "time": "2026-09-21T14:13:20Z",
        "what": "verify",
        "agency": "tax",
        "on_behalf_of": "",
        "purpose": "service",
        "lawful_use": "",
        "legal_basis": "consent",
        "agreement": "PKS-1 v2",
        "clause": "art. 3",
        "asked_about": ["name"],
        "outcome": "no_match",
        "sequence": 1,
    }
    assert "officer-7" not in str(document) + answer.table(made) + paper.render(made).decode("latin-1")


def test_delayed_disclosure_is_withheld_until_it_is_lifted() -> None:
    """An entry that an article delays is in nothing that the resident gets; the auditor reads how many there are."""
    items = [verify(1), verify(2, delayed_disclosure=b"UU 27/2022 art. 15(1)(c)"), verify(3)]
    made = answered(items)
    assert made.withheld == {"UU 27/2022 art. 15(1)(c)": 1}
    assert [line.sequence for line in made.lines] == [1, 3]
    assert answer.document(made) == answer.document(answered([items[0], items[2]]))
    assert paper.render(made) == paper.render(answered([items[0], items[2]]))
    lifted = answered(items, lifted=("UU 27/2022 art. 15(1)(c)",))
    assert ([line.sequence for line in lifted.lines], lifted.withheld) == ([1, 2, 3], {})
    assert answered(items, lifted=("another",)).withheld == made.withheld


@pytest.mark.parametrize(
    ("hours", "late", "words"), [(71.5, False, "0.5 h left"), (72.5, True, "OVERDUE by 0.5 h")]
)
def test_the_clock_of_three_days(hours: float, *, late: bool, words: str) -> None:
    """From the request the law gives 3 x 24 hours; every form of the answer says whether that was kept."""
    made = answered([verify(1)], hours=hours)
    assert answer.document(made)["late"] is late
    assert answer.document(made)["due"] == "2026-09-24T14:13:20Z"
    assert words in answer.words_of_clock(made)


def test_an_answer_says_which_time_it_covers() -> None:
    """Where not all of the log was looked through, document and paper say what was; an open end is empty."""
    asked = Span(since=1_790_000_000_000)
    made = dataclasses.replace(answered([verify(1)]), covers=asked)
    document = answer.document(made)
    assert (document["from"], document["until"]) == ("2026-09-21T14:13:20Z", "")
    assert paper.render(made) != paper.render(answered([verify(1)]))
    assert answer.document(answered([verify(1)]))["from"] == ""


def test_no_cell_is_a_formula() -> None:
    """A text that a spreadsheet would compute is kept from it."""
    made = answered([verify(1, on_behalf_of=b"=1+1")])
    (row,) = csv.DictReader(io.StringIO(answer.table(made)))
    assert row["on_behalf_of"] == "'=1+1"


def test_the_paper_takes_any_text_and_is_the_same_twice() -> None:
    """Markup in the log's texts is escaped, an empty answer is one, and the bytes depend on the answer alone."""
    made = answered([verify(1, on_behalf_of=b"<b>&x", clause=b"</para>")] * 60)
    assert paper.render(made) == paper.render(made)
    assert paper.render(answered([])).startswith(b"%PDF-")


def test_both_languages_say_the_same_things() -> None:
    """Every attribute, outcome and basis of the contract, and every phrase, is there in both languages."""
    for language in (INDONESIAN, ENGLISH):
        assert set(language.attributes) == {word.label for word in Attribute}
        assert set(language.outcomes) == {word.label for word in Verdict} | {"opened"}
        assert set(language.bases) == {word.label for word in LegalBasis}
        assert len(language.columns) == 5
    assert set(INDONESIAN.kinds) == set(ENGLISH.kinds)
    assert len(INDONESIAN.meaning) == len(ENGLISH.meaning)
    assert set(ENGLISH.kinds) <= {kind.name.lower() for kind in EntryKind}
    assert ENGLISH.outcome("refused: quota_exhausted") == "refused (quota exhausted)"
