"""The inner layer: what a person becomes. Changes only by a fresh projection from the registry.

Constructions, each `HMAC-SHA-256(key, label | u16 source | u16 attribute | u8 profile | u32 length | value)`:

    record     index key      value = NIK, 16 ASCII                            first 16 bytes: the record id r
    decoy      index key      value = u32 number                               first 16 bytes: a decoy's r
    decoy-pick index key      value = request id                               32 bytes: which decoys a request reads
    exact      attribute key  value = r | normalised value, UTF-8              first 8 bytes
    joined     attribute key  value = r | joined words, names only             first 8 bytes
    guard      attribute key  value = r | guard, names only                    first 8 bytes
    words      attribute key  value = r | u8 number of words, names only       first 2 bytes
    dyadic     attribute key  value = r | u8 length | u16 prefix               first 8 bytes
    bloom      attribute key  value = empty                                    32 bytes: the attribute's filter key
    bloom-seed attribute key  value = r                                        first 16 bytes: the record's seed
    handle     handle key     value = NIK                                      first 16 bytes
    budget-subject, budget-prefix   budget key   value = NIK, its first 12 digits   first 16 bytes
    tombstone  tombstone key  value = NIK                                      first 16 bytes
    token-handle handle key   value = name of a token's row without a record   first 16 bytes: the log's handle
    budget-token budget key   the same value           first 16 bytes for the subject's budget, the rest for a prefix's

Every value of a record is bound to its r, so equal values of two people share nothing.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple, NewType, NoReturn, Self

from keys.purpose import Purpose
from tokenizer import bloom, dates
from tokenizer import record as layout
from tokenizer.attribute import REGION_LEVELS, SLOTS, TEXT_ATTRIBUTES, Attribute, Profile
from tokenizer.codes import ALIVE
from tokenizer.record import Flag, Handles, Record
from tokenizer.suite import SUITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keys.keyagent import KeyAgent
    from keys.mac import MacKey
    from keys.realm import Realm
    from padan.nik import Nik
    from tokenizer.person import Person
    from tokenizer.textform import NameForm, TextForm

RecordId = NewType("RecordId", bytes)
"""A record id, 16 bytes. As secret as what it stands for."""

_U32 = struct.Struct(">I")
_DYADIC = struct.Struct(">BH")
_HEAD = struct.Struct(">B16sI")
_PREFIX_DIGITS = 12
_DECOY_GRAMS = 16
_TOKEN = layout.TOKEN_SIZE
_EXACT_AT = tuple(layout.EXACT_AT + slot * _TOKEN for slot in range(SLOTS))
_BIRTH_SLOT = Attribute.BIRTH_DATE - 1
_REGION_SLOTS = tuple((length, attribute - 1) for length, attribute in REGION_LEVELS.items())
_STANDING = struct.Struct(">QI")


class NameTokens(NamedTuple):
    """What a name has besides: tokens of 8, 8 and 2 bytes."""

    guard: bytes
    joined: bytes
    words: bytes


class _TextMacs:
    """The bound MACs of one text attribute, and where their values stand in a record."""

    __slots__ = (
        "count_at", "encode", "filter_at", "filter_size", "guard", "guard_at", "joined", "joined_at", "seed", "strict",
        "strict_at", "tolerant", "tolerant_at", "words",
    )  # fmt: skip

    def __init__(self, *, realm: Realm, key: MacKey, attribute: Attribute) -> None:
        def bind(construction: str) -> Callable[[bytes], bytes]:
            return key.bind(realm.prefix(construction, attribute=attribute, profile=Profile.TOLERANT)).mac

        self.strict = key.bind(realm.prefix("exact", attribute=attribute, profile=Profile.STRICT)).mac
        self.tolerant = bind("exact")
        self.joined = bind("joined")
        self.guard = bind("guard")
        self.words = bind("words")
        self.seed = bind("bloom-seed")
        self.encode = bloom.FilterKey(bind("bloom")(b""), SUITE.filters[attribute]).encode
        self.strict_at = _EXACT_AT[attribute - 1]
        self.tolerant_at = layout.TOLERANT_AT[attribute]
        self.guard_at = layout.GUARD_AT.get(attribute, 0)
        self.joined_at = layout.JOINED_AT.get(attribute, 0)
        self.count_at = layout.COUNT_AT.get(attribute, 0)
        self.filter_at = layout.FILTER_AT[attribute]
        self.filter_size = SUITE.filters[attribute].size

    def put(self, plain: bytearray, r: bytes, form: TextForm) -> None:
        """Write everything that a record holds of a text."""
        at = self.strict_at
        plain[at : at + _TOKEN] = self.strict(r + form.strict)[:_TOKEN]
        at = self.tolerant_at
        plain[at : at + _TOKEN] = self.tolerant(r + form.tolerant)[:_TOKEN]
        name = form.name
        if name is not None:
            at = self.guard_at
            plain[at : at + _TOKEN] = self.guard(r + name.guard)[:_TOKEN]
            at = self.joined_at
            plain[at : at + _TOKEN] = self.joined(r + name.joined)[:_TOKEN]
            at = self.count_at
            plain[at : at + layout.COUNT_SIZE] = self.words(r + name.words.to_bytes(1, "big"))[
                : layout.COUNT_SIZE
            ]
        at, size = self.filter_at, self.filter_size
        bits = self.encode(self.seed(r)[: bloom.SEED_SIZE], form.grams)
        plain[at : at + size] = bits.to_bytes(size, "big")


class RecordIds:
    """Names people's records under an index key.

    Args:
        realm: the registry and environment, part of every label.
        index: the key.
    """

    __slots__ = ("_record", "index_id")

    def __init__(self, realm: Realm, index: MacKey) -> None:
        self.index_id = index.key_id
        """Id of the index key."""
        self._record = index.bind(realm.prefix("record")).mac

    def of(self, nik: Nik) -> RecordId:
        """Compute a person's record id."""
        return RecordId(self._record(nik.value.encode())[:16])

    def __repr__(self) -> str:
        return f"RecordIds(index_id={self.index_id})"


class Inner:
    """Makes the keyed values of people.

    Args:
        realm: the registry and environment, part of every label.
        index: makes record ids.
        attribute: makes tokens and filter keys.
        handle: makes log handles.
        budget: makes budget keys.
        tombstone: makes tombstones.
    """

    __slots__ = (
        "_decoy", "_dyadic", "_exact", "_handle", "_pick", "_prefix", "_subject", "_texts", "_token_log",
        "_token_subject", "_tombstone", "index_id", "record_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        realm: Realm,
        index: MacKey,
        attribute: MacKey,
        handle: MacKey,
        budget: MacKey,
        tombstone: MacKey,
    ) -> None:
        self.index_id = index.key_id
        """Id of the index key."""
        self.record_id = RecordIds(realm, index).of
        """Computes a person's record id."""
        self._decoy = index.bind(realm.prefix("decoy")).mac
        self._pick = index.bind(realm.prefix("decoy-pick")).mac
        self._handle = handle.bind(realm.prefix("handle")).mac
        self._subject = budget.bind(realm.prefix("budget-subject")).mac
        self._prefix = budget.bind(realm.prefix("budget-prefix")).mac
        self._token_log = handle.bind(realm.prefix("token-handle")).mac
        self._token_subject = budget.bind(realm.prefix("budget-token")).mac
        self._tombstone = tombstone.bind(realm.prefix("tombstone")).mac
        # By slot, so that a token costs no look-up in a mapping of enumeration members.
        self._exact = tuple(
            attribute.bind(
                realm.prefix(
                    "exact",
                    attribute=slot + 1,
                    profile=Profile.STRICT if Attribute(slot + 1) in TEXT_ATTRIBUTES else Profile.NONE,
                )
            ).mac
            for slot in range(SLOTS)
        )
        self._texts = {
            int(text): _TextMacs(realm=realm, key=attribute, attribute=text) for text in TEXT_ATTRIBUTES
        }
        self._dyadic = attribute.bind(realm.prefix("dyadic", attribute=Attribute.BIRTH_DATE)).mac

    @classmethod
    def of_agent(cls, agent: KeyAgent, *, index_id: int, attribute_id: int) -> Self:
        """Take the keys from a key agent.

        Args:
            agent: holds the keyring.
            index_id: id of the epoch's index key.
            attribute_id: id of the epoch's attribute key.

        Raises:
            KeysError: a key is missing or may not be used.
        """
        return cls(
            realm=agent.realm,
            index=agent.mac(Purpose.INDEX, index_id),
            attribute=agent.mac(Purpose.ATTRIBUTE, attribute_id),
            handle=agent.mac(Purpose.HANDLE),
            budget=agent.mac(Purpose.BUDGET),
            tombstone=agent.mac(Purpose.TOMBSTONE),
        )

    def decoy_id(self, number: int) -> RecordId:
        """Compute the record id of a decoy, 0 to 2^32 - 1."""
        return RecordId(self._decoy(_U32.pack(number))[:16])

    def decoy_pick(self, request_id: bytes) -> bytes:
        """Compute what picks a request's decoys, 32 bytes."""
        return self._pick(request_id)

    def handles(self, nik: Nik) -> Handles:
        """Compute the handles of a number, held or not."""
        digits = nik.value.encode()
        return Handles(
            log=self._handle(digits)[:16],
            budget_subject=self._subject(digits)[:16],
            budget_prefix=self._prefix(digits[:_PREFIX_DIGITS])[:16],
        )

    def token_handles(self, name: bytes) -> Handles:
        """Compute the handles of a token whose resident is not held, from the name of its row, 16 bytes."""
        return Handles(
            log=self._token_log(name)[:16],
            budget_subject=self._token_subject(name)[:16],
            budget_prefix=self._token_subject(name)[16:],
        )

    def tombstone(self, nik: Nik) -> bytes:
        """Compute a number's tombstone, 16 bytes; it outlives index rotations."""
        return self._tombstone(nik.value.encode())[:16]

    def exact(self, slot: int, r: bytes, value: bytes) -> bytes:
        """Compute an exact token, 8 bytes."""
        return self._exact[slot](r + value)[:_TOKEN]

    def tolerant(self, attribute: int, r: bytes, form: TextForm) -> bytes:
        """Compute the token of a tolerant form, 8 bytes."""
        return self._texts[attribute].tolerant(r + form.tolerant)[:_TOKEN]

    def name(self, attribute: int, r: bytes, form: NameForm) -> NameTokens:
        """Compute what a name has besides."""
        macs = self._texts[attribute]
        return NameTokens(
            macs.guard(r + form.guard)[:_TOKEN],
            macs.joined(r + form.joined)[:_TOKEN],
            macs.words(r + form.words.to_bytes(1, "big"))[: layout.COUNT_SIZE],
        )

    def filter(self, attribute: int, r: bytes, form: TextForm) -> int:
        """Compute the filter of a tolerant form."""
        macs = self._texts[attribute]
        return macs.encode(macs.seed(r)[: bloom.SEED_SIZE], form.grams)

    def dyadic(self, r: bytes, level: int, prefix: int) -> bytes:
        """Compute the token of a prefix of a birth day, 8 bytes."""
        return self._dyadic(r + _DYADIC.pack(level, prefix))[:_TOKEN]

    def project(
        self,
        person: Person,
        *,
        under: Nik | None = None,
        revision: int = 0,
        random: Callable[[int], bytes] = os.urandom,
    ) -> Record:
        """Turn a person into a record.

        Args:
            person: a row of the registry.
            under: another number under which the person is found, such as one that was merged into theirs; the record
                has the handles of the person's own number, so that both share budgets and trail. Default their own.
            revision: the feed's revision of the row.
            random: fills what the registry does not hold.
        """
        r = self.record_id(under or person.nik)
        plain = bytearray(random(layout.SIZE))
        presence = self._put_exact(plain, r, _exact_values(person))
        if person.birth_date is not None:
            self._put_dyadic(plain, r, dates.day_number(person.birth_date))
        texts = self._texts
        for attribute, form in person.texts:
            presence |= 1 << attribute - 1
            texts[attribute].put(plain, r, form)
        _HEAD.pack_into(plain, 0, layout.FORMAT, r, presence)
        self._put_handles(plain, person.nik)
        active = person.life_status is None or person.life_status == ALIVE
        _STANDING.pack_into(plain, layout.REVISION_AT, revision, 0 if active else Flag.NOT_ACTIVE)
        return Record(bytes(plain))

    def decoy(self, number: int, *, random: Callable[[int], bytes] = os.urandom) -> Record:
        """Make a record that is nobody's, and that costs a comparison what a person's costs.

        It matches nothing, because its values are random; it holds every attribute, its filters are as full as a
        common name's, and it is in use.

        Args:
            number: of the decoy, 0 to 2^32 - 1.
            random: fills it.
        """
        return self._nobody(self.decoy_id(number), 0, random)

    def withdrawn(self, *, revision: int, random: Callable[[int], bytes] = os.urandom) -> Record:
        """Make what takes the place of a record that is no longer held: nobody's, so that it answers as unknown does.

        It remembers the revision, so that an older change does not bring the person back.

        Args:
            revision: the feed's revision that withdrew the person.
            random: fills it, and names it: no subject has its record id.
        """
        return self._nobody(random(layout.ID_SIZE), revision, random)

    def _nobody(self, r: bytes, revision: int, random: Callable[[int], bytes]) -> Record:
        plain = bytearray(random(layout.SIZE))
        _HEAD.pack_into(plain, 0, layout.FORMAT, r, (1 << SLOTS) - 1)
        for macs in self._texts.values():
            bits = bloom.scatter(random(2 * _DECOY_GRAMS), 8 * macs.filter_size)
            plain[macs.filter_at : macs.filter_at + macs.filter_size] = bits.to_bytes(macs.filter_size, "big")
        _STANDING.pack_into(plain, layout.REVISION_AT, revision, 0)
        return Record(bytes(plain))

    def _put_exact(self, plain: bytearray, r: bytes, values: Iterable[tuple[int, bytes]]) -> int:
        presence, exact = 0, self._exact
        for slot, value in values:
            presence |= 1 << slot
            at = _EXACT_AT[slot]
            plain[at : at + _TOKEN] = exact[slot](r + value)[:_TOKEN]
        return presence

    def _put_dyadic(self, plain: bytearray, r: bytes, number: int) -> None:
        mac, pack = self._dyadic, _DYADIC.pack
        tokens = [mac(r + pack(level, prefix))[:_TOKEN] for level, prefix in dates.prefixes(number)]
        plain[layout.DYADIC_AT : layout.DYADIC_AT + len(tokens) * _TOKEN] = b"".join(tokens)

    def _put_handles(self, plain: bytearray, nik: Nik) -> None:
        handles = self.handles(nik)
        at = layout.HANDLES_AT
        plain[at : at + 48] = handles.log + handles.budget_subject + handles.budget_prefix

    def __repr__(self) -> str:
        return "Inner(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("inner keys are not pickled")


def _exact_values(person: Person) -> list[tuple[int, bytes]]:
    """List every slot with an exact token of its own, but those of texts, which have more."""
    values = list(person.exact_values)
    if person.birth_date is not None:
        values.append((_BIRTH_SLOT, person.birth_date.isoformat().encode()))
    if person.region:
        digits = person.region.encode()
        values += [(slot, digits[:length]) for length, slot in _REGION_SLOTS if length <= len(digits)]
    return values
