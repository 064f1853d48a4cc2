"""What may be done to a keyring: one value for each change, its bytes in a proposal, and its steps. Pure.

The steps are the same whoever asks for them, one custodian or several: `carry_out` takes them over something that
makes, moves and prefers keys, which is the keyring under its lock or a rehearsal of it (`keys.keydiff`).

The body of a proposal is a canonical encoding (padan.canonical): 1 purpose, 2 key id (u32), 3 whether the key becomes
primary (u8), 4 why or to whom, text, 5 further keys to which the same is done, a list of id (u32, 0 for one that is
made) and purpose, 6 why a token domain may be ended (`keys.ending`). Which of them a body holds is the action's.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from keys import ceremony
from keys.ending import Ending
from keys.errors import (
    KeyNotFoundError,
    KeyProposalError,
    KeyUseError,
    ProposalFormatError,
    TransitionError,
)
from keys.keyset import KEY_ID_MAX
from keys.purpose import KeysetName, TokenDomain, is_known, parse, rules
from keys.state import KeyState
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.ceremony import Proposal
    from keys.keyset import Keyring

MAX_TEXT: Final = 500
"""Characters of a reason or a recipient."""
DOMAIN_ENDED: Final = "key-domain-ended"
"""Name of the line that the end of a token domain leaves in the history."""


class Action(enum.StrEnum):
    """What is done to a key, as proposals name it."""

    CREATE = "key.create"
    ACTIVATE = "key.activate"
    ROTATE = "key.rotate"
    DEACTIVATE = "key.deactivate"
    DESTROY = "key.destroy"
    COMPROMISE = "key.declare-compromised"
    EXPORT = "key.export"
    SUCCEED = "keys.succeed"
    RETIRE = "keys.retire"
    END_DOMAIN = "token-domain.end"


class _Field(enum.IntEnum):
    PURPOSE = 1
    KEY = 2
    PRIMARY = 3
    TEXT = 4
    OTHERS = 5
    ENDING = 6


_FIELDS: Final[Mapping[Action, frozenset[_Field]]] = MappingProxyType(
    {
        Action.CREATE: frozenset({_Field.PURPOSE}),
        Action.ACTIVATE: frozenset({_Field.PURPOSE, _Field.KEY, _Field.PRIMARY}),
        Action.ROTATE: frozenset({_Field.PURPOSE}),
        Action.DEACTIVATE: frozenset({_Field.PURPOSE, _Field.KEY}),
        Action.DESTROY: frozenset({_Field.PURPOSE, _Field.KEY}),
        Action.COMPROMISE: frozenset({_Field.PURPOSE, _Field.KEY, _Field.TEXT}),
        Action.EXPORT: frozenset({_Field.PURPOSE, _Field.KEY, _Field.TEXT}),
        Action.SUCCEED: frozenset({_Field.PURPOSE, _Field.OTHERS}),
        Action.RETIRE: frozenset({_Field.PURPOSE, _Field.KEY, _Field.OTHERS}),
        Action.END_DOMAIN: frozenset({_Field.PURPOSE, _Field.ENDING}),
    }
)

_EVENTS: Final[Mapping[Action, tuple[frozenset[str], frozenset[str]]]] = MappingProxyType(
    {
        Action.CREATE: (frozenset({"key-created"}), frozenset()),
        Action.ACTIVATE: (frozenset(), frozenset({"key-activated", "key-primary"})),
        Action.ROTATE: (
            frozenset({"key-created", "key-activated", "key-primary"}),
            frozenset({"key-deactivated"}),
        ),
        Action.DEACTIVATE: (frozenset({"key-deactivated"}), frozenset()),
        Action.DESTROY: (frozenset({"key-destroyed"}), frozenset()),
        Action.COMPROMISE: (frozenset({"key-compromised"}), frozenset()),
        Action.EXPORT: (frozenset({"key-exported"}), frozenset()),
        Action.SUCCEED: (frozenset({"key-created", "key-activated", "key-primary"}), frozenset()),
        Action.RETIRE: (frozenset({"key-destroyed"}), frozenset({"key-deactivated"})),
        Action.END_DOMAIN: (frozenset({"key-destroyed"}), frozenset({"key-deactivated"})),
    }
)
"""The lines that a change leaves in the history about each key: those it always does, and those it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the keyring.

    Args:
        action: what is done.
        purpose: of the key.
        key_id: which key; 0 where the change makes it.
        primary: whether an activated key becomes primary whatever is.
        text: why a key is declared compromised, or where to one is exported; printable, at most 500 characters.
        others: purposes and ids of further keys to which the same is done in one step, each of another purpose.
        ending: why a token domain may be ended, with all its keys.

    Raises:
        KeyUseError: a part is out of its bounds, or does not belong to the action.
    """

    action: Action
    purpose: KeysetName
    key_id: int = 0
    primary: bool = False
    text: str = ""
    others: tuple[tuple[KeysetName, int], ...] = ()
    ending: Ending | None = None

    def __post_init__(self) -> None:
        fields = _FIELDS[self.action]
        if not all(is_known(purpose) for purpose, _ in self.keys):
            raise KeyUseError(
                "keys of a token domain are named with it, as token-domain/DOMAIN, and no others are"
            )
        if any((_Field.KEY in fields) != (0 < key_id <= KEY_ID_MAX) for _, key_id in self.keys):
            raise KeyUseError("a key id is 1 to 2^32 - 1, and is named where the key exists")
        if self.primary and _Field.PRIMARY not in fields:
            raise KeyUseError("only a key that is activated is made primary")
        if (_Field.TEXT in fields) != bool(self.text):
            raise KeyUseError("a compromise has a reason and an export a recipient, and nothing else")
        if self.others and _Field.OTHERS not in fields:
            raise KeyUseError(f"{self.action} is done to one key")
        if (_Field.ENDING in fields) != (self.ending is not None):
            raise KeyUseError("the end of a token domain says whose it is and why, and nothing else does")
        if self.ending is not None and not isinstance(self.purpose, TokenDomain):
            raise KeyUseError("only a token domain is ended")
        if len({purpose for purpose, _ in self.keys}) != len(self.keys):
            raise KeyUseError("of each purpose one key is named")
        if len(self.text) > MAX_TEXT or not self.text.isprintable():
            raise KeyUseError(f"a reason is printable, on one line, and at most {MAX_TEXT} characters")

    @property
    def keys(self) -> tuple[tuple[KeysetName, int], ...]:
        """Purposes and ids of all keys to which it is done; 0 for one that is made."""
        return ((self.purpose, self.key_id), *self.others)

    @property
    def renews_kek(self) -> bool:
        """Whether the survivors are wrapped under a new KEK afterwards."""
        return self.action in {Action.DESTROY, Action.RETIRE, Action.END_DOMAIN}

    def body(self) -> bytes:
        """Write what the change adds to a proposal."""
        values = {
            _Field.PURPOSE: str(self.purpose).encode(),
            _Field.KEY: self.key_id.to_bytes(4, "big"),
            _Field.PRIMARY: bytes((self.primary,)),
            _Field.TEXT: self.text.encode(),
            _Field.OTHERS: canonical.encode_list(
                key_id.to_bytes(4, "big") + str(purpose).encode() for purpose, key_id in self.others
            ),
            _Field.ENDING: b"" if self.ending is None else self.ending.encode(),
        }
        return canonical.encode({field: values[field] for field in _FIELDS[self.action]})

    def left(self, lines: Sequence[tuple[str, Mapping[str, str]]]) -> bool:
        """Say whether these lines of history, names and details, are what the change leaves, and no more."""
        if self.ending is not None:
            return self._left_of_domain(lines, self.ending)
        about: dict[str, list[tuple[str, str]]] = {}
        for name, details in lines:
            if name.startswith("key-"):
                about.setdefault(details.get("purpose", ""), []).append((name, details.get("key_id", "")))
        keys = {str(purpose): key_id for purpose, key_id in self.keys}
        if self.action is Action.RETIRE:  # of which one may have been destroyed before
            keys = {purpose: key_id for purpose, key_id in keys.items() if purpose in about}
        fits = about.keys() == keys.keys() and all(
            self._left_of(keys[purpose], told) for purpose, told in about.items()
        )
        renewed = any(name == "kek-renewed" for name, _ in lines)
        return fits and renewed == (self.renews_kek and bool(about))

    def _left_of(self, key_id: int, told: Sequence[tuple[str, str]]) -> bool:
        always, possibly = _EVENTS[self.action]
        names = [name for name, _ in told]
        named = all(not key_id or found == str(key_id) for _, found in told)
        return named and always <= set(names) <= always | possibly and len(names) == len(set(names))

    def _left_of_domain(self, lines: Sequence[tuple[str, Mapping[str, str]]], ending: Ending) -> bool:
        """Say the same of the end of a domain, whose keys the proposal does not name."""
        ended = [details for name, details in lines if name == DOMAIN_ENDED]
        keys: dict[str, list[tuple[str, str]]] = {}
        for name, details in lines:
            if name.startswith("key-") and name != DOMAIN_ENDED:
                if details.get("purpose") != self.purpose:
                    return False
                keys.setdefault(details.get("key_id", ""), []).append((name, details.get("key_id", "")))
        told = (
            len(ended) == 1 and ended[0].items() >= {"purpose": str(self.purpose), **ending.details}.items()
        )
        renewed = any(name == "kek-renewed" for name, _ in lines)
        return told and renewed and all(self._left_of(0, each) for each in keys.values())


def read(proposal: Proposal) -> Change:
    """Read what a proposal does to the keyring.

    Raises:
        KeyProposalError: it does nothing to a key, or is malformed.
    """
    if proposal.action not in list(Action):
        raise KeyProposalError(f"{proposal.action} is nothing that is done to a key with this release")
    action = Action(proposal.action)
    try:
        with ceremony.body_of(proposal, action) as fields:
            if fields.keys() != _FIELDS[action]:
                raise ValueError("the body holds other fields than its action's")
            primary = fields.pop(_Field.PRIMARY, b"\0")
            key_id = fields.pop(_Field.KEY, bytes(4))
            ending = fields.pop(_Field.ENDING, None)
            change = Change(
                action=action,
                purpose=parse(fields.pop(_Field.PURPOSE).decode()),
                key_id=int.from_bytes(key_id, "big"),
                primary=primary != b"\0",
                text=fields.pop(_Field.TEXT, b"").decode(),
                others=_others(fields.pop(_Field.OTHERS, None)),
                ending=None if ending is None else Ending.decode(ending),
            )
            if change.body() != proposal.body:
                raise ValueError("the body is written otherwise")
    except (ProposalFormatError, KeyUseError) as error:
        raise KeyProposalError(str(error)) from error
    return change


def _others(data: bytes | None) -> tuple[tuple[KeysetName, int], ...]:
    found = () if data is None else canonical.decode_list(data)
    return tuple((parse(each[4:].decode()), int.from_bytes(each[:4], "big")) for each in found)


class Changing(Protocol):
    """A keyring that is being changed."""

    @property
    def ring(self) -> Keyring:
        """The keyring as it is now."""
        ...

    def make(self, purpose: KeysetName) -> int:
        """Add a new pre-active key; return its id."""
        ...

    def move(self, purpose: KeysetName, key_id: int, state: KeyState, **details: str) -> None:
        """Move a key to a state."""
        ...

    def prefer(self, purpose: KeysetName, key_id: int) -> None:
        """Make a key primary."""
        ...

    def resign(self, purpose: KeysetName) -> None:
        """Let no key of a domain be primary any more."""
        ...

    def say(self, name: str, **details: str) -> None:
        """Add a line to the history."""
        ...


def carry_out(changing: Changing, change: Change) -> int:
    """Take the steps of a change; return the id of the key that it is about, the first of several.

    Raises:
        KeyNotFoundError: no such key, or its material is gone.
        TransitionError: not a legal step, or keys of this purpose are not replaced by themselves.
    """
    first, *_ = [_carry_out(changing, change, purpose, key_id) for purpose, key_id in change.keys]
    return first


def _carry_out(changing: Changing, change: Change, purpose: KeysetName, key_id: int) -> int:
    match change.action:
        case Action.CREATE:
            return changing.make(purpose)
        case Action.SUCCEED:
            return _succeed(changing, purpose)
        case Action.ROTATE:
            return _rotate(changing, purpose)
        case Action.ACTIVATE:
            _activate(changing, change)
        case Action.DEACTIVATE | Action.DESTROY:
            changing.move(purpose, key_id, _STATES[change.action])
        case Action.COMPROMISE:
            changing.move(purpose, key_id, KeyState.COMPROMISED, reason=change.text)
        case Action.RETIRE | Action.END_DOMAIN:
            _take_away(changing, change, purpose, key_id)
        case Action.EXPORT:
            if not changing.ring.key(purpose, key_id).state.has_material:
                raise KeyNotFoundError(f"the {purpose} key {key_id} is destroyed")
            changing.say("key-exported", purpose=str(purpose), key_id=str(key_id), to=change.text)
    return key_id


_STATES: Final = {Action.DEACTIVATE: KeyState.DEACTIVATED, Action.DESTROY: KeyState.DESTROYED}


def _activate(changing: Changing, change: Change) -> None:
    """Activate a key; the first active one of its purpose, or one that is asked to, becomes primary."""
    purpose, key_id = change.purpose, change.key_id
    if changing.ring.key(purpose, key_id).state is not KeyState.ACTIVE or not change.primary:
        changing.move(purpose, key_id, KeyState.ACTIVE)
    if change.primary or changing.ring.keyset(purpose).primary is None:
        changing.prefer(purpose, key_id)


def _succeed(changing: Changing, purpose: KeysetName) -> int:
    """Make a new primary key beside the present one, which stays active: data is moved to the new one meanwhile."""
    key_id = changing.make(purpose)
    changing.move(purpose, key_id, KeyState.ACTIVE)
    changing.prefer(purpose, key_id)
    return key_id


def _take_away(changing: Changing, change: Change, purpose: KeysetName, key_id: int) -> None:
    """Destroy one key, or all keys of a token domain."""
    if change.ending is None:
        _retire(changing, purpose, key_id)
    else:
        _end_domain(changing, purpose, change.ending)


def _retire(changing: Changing, purpose: KeysetName, key_id: int) -> None:
    """Destroy a key that may be active still; one that is destroyed stays so."""
    state = changing.ring.key(purpose, key_id).state
    if state is KeyState.ACTIVE:
        changing.move(purpose, key_id, KeyState.DEACTIVATED)
    if state is not KeyState.DESTROYED:
        changing.move(purpose, key_id, KeyState.DESTROYED)


def _end_domain(changing: Changing, domain: KeysetName, ending: Ending) -> None:
    """Destroy every key of a token domain, the one that issues among them."""
    keyset = changing.ring.keyset(domain)
    if not keyset.living:
        raise TransitionError(f"the keyring has no {domain} key, or none any more: there is nothing to end")
    if keyset.primary is not None:
        changing.resign(domain)
    for key in keyset.living:
        _retire(changing, domain, key.key_id)
    versions = [str(place) for place, key in enumerate(keyset.keys, 1) if key in keyset.living]
    changing.say(DOMAIN_ENDED, purpose=str(domain), versions=" ".join(versions), **ending.details)


def _rotate(changing: Changing, purpose: KeysetName) -> int:
    """Put a new primary key in the place of the present one; what the old one made stays readable.

    A key of the log stays active beside the new one: a checkpoint carries both signatures, and witnesses and readers
    who have the old key alone refuse one that it has not signed.
    """
    if not rules(purpose).rotates:
        if not changing.ring.keyset(purpose).living:
            raise KeyNotFoundError(
                f"the keyring has no {purpose} key: the first one is created and activated"
            )
        raise TransitionError(f"the {purpose} key belongs to data that must be moved to a new key first")
    old = changing.ring.keyset(purpose).primary
    key_id = _succeed(changing, purpose)
    if old is not None and not rules(purpose).beside:
        changing.move(purpose, old, KeyState.DEACTIVATED)
    return key_id
