"""A custodian's keys and share on paper: Crockford base32 in groups of four, each with a check symbol.

    body  = 0x01 | u8 number | u32 generation | quorum id [:8] | salt 16 | box of the keys 104 | sealed share 80
    paper = body | SHA-256(label "custodian-paper" | body)[:8], filled with zeros to whole groups

What stands there is ciphertext: without the passphrase it opens nothing. A group's check symbol is its place and value
modulo 37, as Douglas Crockford's base32 has it, so any one wrong symbol, two that changed places and a group out of its
place are found and named; what passes them all is caught by the sum over everything. Names and public keys are not on
it: the quorum's file has them. Format: docs/formats/quorum.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
from typing import TYPE_CHECKING, Any, Final

from keys import custodian
from keys.errors import ForeignShareError, PaperError, QuorumFileError
from keys.quorum import FORMAT, read_json
from keys.sharefile import BOX_SIZE, ShareFile
from padan import passphrase, personfile
from padan.card import card_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keys.quorum import Generation

SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECKS: Final = SYMBOLS + "*~$=U"
GROUP: Final = 4
"""Symbols in a group, before its check symbol."""
PER_LINE: Final = 6
_MODULUS: Final = 37
_BITS: Final = 5
_HEAD = struct.Struct(">BBI")
_ID_SIZE: Final = 8
_SALT_SIZE: Final = 16
_KEYS_SIZE: Final = 104
_SUM_SIZE: Final = 8
_BODY_SIZE: Final = _HEAD.size + _ID_SIZE + _SALT_SIZE + _KEYS_SIZE + BOX_SIZE - 1
_SIZE: Final = _BODY_SIZE + _SUM_SIZE
GROUPS: Final = -(-_SIZE * 8 // (_BITS * GROUP))
LINES: Final = -(-GROUPS // PER_LINE)
_PARAMETERS: Final = {
    "passes": passphrase.PASSES,
    "memory_kib": passphrase.MEMORY_KIB,
    "lanes": passphrase.LANES,
}
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})


def write(keys: bytes, share: ShareFile) -> list[str]:
    """Spell a custodian's two files: 89 groups of five.

    Args:
        keys: the private file.
        share: of the same custodian.

    Raises:
        QuorumFileError: the keys' file is malformed, another's, or under other Argon2id parameters than new ones.
    """
    content = read_json(keys, personfile.private_use(custodian.KIND))
    try:
        kdf = dict(content["kdf"])
        salt, box = (base64.b64decode(each, validate=True) for each in (kdf.pop("salt"), content["box"]))
        fits = kdf == {"name": passphrase.NAME, **_PARAMETERS} and content["name"] == share.name
    except (KeyError, TypeError, ValueError) as error:
        raise QuorumFileError("the custodian's keys are malformed") from error
    if not fits or (len(salt), len(box)) != (_SALT_SIZE, _KEYS_SIZE):
        raise QuorumFileError(f"the keys are not those of {share.name}, or not as this release makes them")
    head = _HEAD.pack(FORMAT, share.member, share.generation) + share.quorum_id[:_ID_SIZE]
    body = head + salt + box + share.box[1:]
    return list(_groups(body + _sum(share, body)))


def lines(groups: Sequence[str]) -> list[str]:
    """Set the groups in numbered lines."""
    rows = [groups[at : at + PER_LINE] for at in range(0, len(groups), PER_LINE)]
    return [f"{number:>2}  {'  '.join(row)}" for number, row in enumerate(rows, 1)]


def read(typed: str, *generations: Generation) -> tuple[bytes, ShareFile]:
    """Read what a person typed from paper: the private file and the share.

    Args:
        typed: the groups in order, in any case, with spaces, line numbers and line ends as they stand on the paper.
        generations: of the quorum's file, which has names and public keys; the paper is of one of them.

    Raises:
        PaperError: a group is wrong, missing or too many; names it.
        ForeignShareError: the paper is of another quorum or generation.
    """
    data = _bytes(_words(typed))
    body, found = data[:_BODY_SIZE], data[_BODY_SIZE:_SIZE]
    fmt, member, number = _HEAD.unpack_from(body)
    at = _HEAD.size
    if fmt != FORMAT:
        raise PaperError("the paper has a format that this release does not know")
    named = number, body[at : at + _ID_SIZE]
    generation = next((each for each in generations if (each.number, each.id[:_ID_SIZE]) == named), None)
    if generation is None:
        in_use = " or ".join(str(each.number) for each in generations)
        raise ForeignShareError(
            f"the paper is of generation {number}, and generation {in_use} of this ceremony is in use"
        )
    if not 1 <= member <= len(generation.cards):
        raise PaperError("the paper names no custodian of this quorum")
    salt = body[at + _ID_SIZE : at + _ID_SIZE + _SALT_SIZE]
    rest = body[at + _ID_SIZE + _SALT_SIZE :]
    share = ShareFile(
        realm=generation.realm,
        generation=number,
        quorum_id=generation.id,
        name=generation.names[member - 1],
        member=member,
        box=b"\x01" + rest[_KEYS_SIZE:],
    )
    if not hmac.compare_digest(found, _sum(share, body)):
        raise PaperError(
            "every group fits, and the sum over all does not: compare all of them with the paper"
        )
    return _private(generation, member, salt, rest[:_KEYS_SIZE]), share


def check_line(number: int, typed: str) -> None:
    """See that a line holds what fits in its place on some paper.

    Args:
        number: of the line, from 1.
        typed: its groups.

    Raises:
        PaperError: it does not; names the group.
    """
    first = (number - 1) * PER_LINE + 1
    wanted = min(PER_LINE, GROUPS - first + 1)
    words = _words(typed)
    for place, word in enumerate(words[:wanted], first):
        _value(place, word)
    if len(words) != wanted:
        raise PaperError(f"line {number} has {wanted} groups, and {len(words)} were typed")


def _private(generation: Generation, member: int, salt: bytes, box: bytes) -> bytes:
    card = generation.cards[member - 1]
    content: dict[str, Any] = {
        "format": FORMAT,
        "use": personfile.private_use(custodian.KIND),
        "name": card.name,
        "signing_key": base64.b64encode(card.signing).decode(),
        "sealing_key": base64.b64encode(card.sealing).decode(),
        "kdf": {"name": passphrase.NAME, **_PARAMETERS, "salt": base64.b64encode(salt).decode()},
        "box": base64.b64encode(box).decode(),
    }
    assert card_of(content) == card  # noqa: S101 - spelt as it is read
    return json.dumps(content, indent=1).encode() + b"\n"


def _sum(share: ShareFile, body: bytes) -> bytes:
    return hashlib.sha256(share.realm.label("custodian-paper") + body).digest()[:_SUM_SIZE]


def _groups(data: bytes) -> Iterator[str]:
    bits = GROUPS * GROUP * _BITS
    value = int.from_bytes(data, "big") << (bits - 8 * len(data))
    for place in range(1, GROUPS + 1):
        part = value >> (bits - place * GROUP * _BITS) & ((1 << GROUP * _BITS) - 1)
        symbols = [part >> shift & 31 for shift in range((GROUP - 1) * _BITS, -1, -_BITS)]
        yield "".join(SYMBOLS[each] for each in symbols) + CHECKS[_weight(place, part)]


def _weight(place: int, value: int) -> int:
    return ((place << GROUP * _BITS) + value) % _MODULUS


def _words(typed: str) -> list[str]:
    """Split what was typed; a line's number before its groups is passed over."""
    return [
        word
        for line in typed.upper().splitlines()
        for at, word in enumerate(re.split(r"[\s-]+", line.strip()))
        if word and not (at == 0 and re.fullmatch(r"\d{1,2}[.:]?", word))
    ]


def _bytes(words: Sequence[str]) -> bytes:
    value = 0
    for place, word in enumerate(words[:GROUPS], 1):
        value = value << GROUP * _BITS | _value(place, word)
    if len(words) != GROUPS:
        raise PaperError(
            f"there are {len(words)} groups, and on the paper {GROUPS}; every one typed so far fits"
        )
    spare = GROUPS * GROUP * _BITS - 8 * _SIZE
    if value & ((1 << spare) - 1):
        raise PaperError(f"group {GROUPS}, line {_line(GROUPS)}, is not what was printed")
    return (value >> spare).to_bytes(_SIZE, "big")


def _value(place: int, word: str) -> int:
    value = 0
    for symbol in word[:GROUP].translate(_READ_AS):
        if symbol not in SYMBOLS:
            raise PaperError(_where(place))
        value = value << _BITS | SYMBOLS.index(symbol)
    check = word[GROUP:].translate(_READ_AS)
    if len(word) != GROUP + 1 or check not in CHECKS or CHECKS.index(check) != _weight(place, value):
        raise PaperError(_where(place))
    return value


def _where(place: int) -> str:
    return f"group {place}, the {_nth(place)} of line {_line(place)}, is not what was printed"


def _line(place: int) -> int:
    return (place - 1) // PER_LINE + 1


def _nth(place: int) -> str:
    number = (place - 1) % PER_LINE + 1
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
