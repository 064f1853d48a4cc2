"""What may be done to a keyring: one value for each change, its bytes in a proposal, and its steps. Pure.

The steps are the same whoever asks for them, one custodian or several: `carry_out` takes them over something that
makes, moves and prefers keys, which is the keyring under its lock or a rehearsal of it (`keys.keydiff`).

The body of a proposal is a canonical encoding (padan.canonical): 1 purpose, 2 key id (u32), 3 whether the key becomes
primary (u8), 4 why or to whom, text. Which of them a body holds is the action's.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from keys import ceremony
from keys.errors import (
    KeyNotFoundError,
    KeyProposalError,
    KeyUseError,
    ProposalFormatError,
    TransitionError,
)
from keys.keyset import KEY_ID_MAX
from keys.purpose import RULES, Purpose
from keys.state import KeyState
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.ceremony import Proposal
    from keys.keyset import Keyring

MAX_TEXT: Final = 500
"""Characters of a reason or a recipient."""


class Action(enum.StrEnum):
    """What is done to a key, as proposals name it."""

    CREATE = "key.create"
    ACTIVATE = "key.activate"
    ROTATE = "key.rotate"
    DEACTIVATE = "key.deactivate"
    DESTROY = "key.destroy"
    COMPROMISE = "key.declare-compromised"
    EXPORT = "key.export"


class _Field(enum.IntEnum):
    PURPOSE = 1
    KEY = 2
    PRIMARY = 3
    TEXT = 4


_FIELDS: Final[Mapping[Action, frozenset[_Field]]] = MappingProxyType(
    {
        Action.CREATE: frozenset({_Field.PURPOSE}),
        Action.ACTIVATE: frozenset({_Field.PURPOSE, _Field.KEY, _Field.PRIMARY}),
        Action.ROTATE: frozenset({_Field.PURPOSE}),
        Action.DEACTIVATE: frozenset({_Field.PURPOSE, _Field.KEY}),
        Action.DESTROY: frozenset({_Field.PURPOSE, _Field.KEY}),
        Action.COMPROMISE: frozenset({_Field.PURPOSE, _Field.KEY, _Field.TEXT}),
        Action.EXPORT: frozenset({_Field.PURPOSE, _Field.KEY, _Field.TEXT}),
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
    }
)
"""The lines about keys that a change leaves in the history: those it always does, and those it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the keyring.

    Args:
        action: what is done.
        purpose: of the key.
        key_id: which key; 0 where the change makes it.
        primary: whether an activated key becomes primary whatever is.
        text: why a key is declared compromised, or where to one is exported; printable, at most 500 characters.

    Raises:
        KeyUseError: a part is out of its bounds, or does not belong to the action.
    """

    action: Action
    purpose: Purpose
    key_id: int = 0
    primary: bool = False
    text: str = ""

    def __post_init__(self) -> None:
        fields = _FIELDS[self.action]
        if (_Field.KEY in fields) != (0 < self.key_id <= KEY_ID_MAX):
            raise KeyUseError("a key id is 1 to 2^32 - 1, and is named where the key exists")
        if self.primary and _Field.PRIMARY not in fields:
            raise KeyUseError("only a key that is activated is made primary")
        if (_Field.TEXT in fields) != bool(self.text):
            raise KeyUseError("a compromise has a reason and an export a recipient, and nothing else")
        if len(self.text) > MAX_TEXT or not self.text.isprintable():
            raise KeyUseError(f"a reason is printable, on one line, and at most {MAX_TEXT} characters")

    @property
    def renews_kek(self) -> bool:
        """Whether the survivors are wrapped under a new KEK afterwards."""
        return self.action is Action.DESTROY

    def body(self) -> bytes:
        """Write what the change adds to a proposal."""
        values = {
            _Field.PURPOSE: str(self.purpose).encode(),
            _Field.KEY: self.key_id.to_bytes(4, "big"),
            _Field.PRIMARY: bytes((self.primary,)),
            _Field.TEXT: self.text.encode(),
        }
        return canonical.encode({field: values[field] for field in _FIELDS[self.action]})

    def left(self, lines: Sequence[tuple[str, Mapping[str, str]]]) -> bool:
        """Say whether these lines of history, names and details, are what the change leaves, and no more."""
        always, possibly = _EVENTS[self.action]
        about = [(name, details) for name, details in lines if name.startswith("key-")]
        names = [name for name, _ in about]
        named = all(
            details.get("purpose") == self.purpose
            and (not self.key_id or details.get("key_id") == str(self.key_id))
            for _, details in about
        )
        fits = always <= set(names) <= always | possibly and len(names) == len(set(names)) > 0
        return fits and named and self.renews_kek == any(name == "kek-renewed" for name, _ in lines)


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
            change = Change(
                action=action,
                purpose=Purpose(fields.pop(_Field.PURPOSE).decode()),
                key_id=int.from_bytes(key_id, "big"),
                primary=primary != b"\0",
                text=fields.pop(_Field.TEXT, b"").decode(),
            )
            if change.body() != proposal.body:
                raise ValueError("the body is written otherwise")
    except (ProposalFormatError, KeyUseError) as error:
        raise KeyProposalError(str(error)) from error
    return change


class Changing(Protocol):
    """A keyring that is being changed."""

    @property
    def ring(self) -> Keyring:
        """The keyring as it is now."""
        ...

    def make(self, purpose: Purpose) -> int:
        """Add a new pre-active key; return its id."""
        ...

    def move(self, purpose: Purpose, key_id: int, state: KeyState, **details: str) -> None:
        """Move a key to a state."""
        ...

    def prefer(self, purpose: Purpose, key_id: int) -> None:
        """Make a key primary."""
        ...

    def say(self, name: str, **details: str) -> None:
        """Add a line to the history."""
        ...


def carry_out(changing: Changing, change: Change) -> int:
    """Take the steps of a change; return the id of the key that it is about.

    Raises:
        KeyNotFoundError: no such key, or its material is gone.
        TransitionError: not a legal step, or keys of this purpose are not replaced by themselves.
    """
    purpose, key_id = change.purpose, change.key_id
    match change.action:
        case Action.CREATE:
            key_id = changing.make(purpose)
        case Action.ACTIVATE:
            _activate(changing, change)
        case Action.ROTATE:
            key_id = _rotate(changing, purpose)
        case Action.DEACTIVATE:
            changing.move(purpose, key_id, KeyState.DEACTIVATED)
        case Action.DESTROY:
            changing.move(purpose, key_id, KeyState.DESTROYED)
        case Action.COMPROMISE:
            changing.move(purpose, key_id, KeyState.COMPROMISED, reason=change.text)
        case Action.EXPORT:
            if not changing.ring.key(purpose, key_id).state.has_material:
                raise KeyNotFoundError(f"the {purpose} key {key_id} is destroyed")
            changing.say("key-exported", purpose=str(purpose), key_id=str(key_id), to=change.text)
    return key_id


def _activate(changing: Changing, change: Change) -> None:
    """Activate a key; the first active one of its purpose, or one that is asked to, becomes primary."""
    purpose, key_id = change.purpose, change.key_id
    if changing.ring.key(purpose, key_id).state is not KeyState.ACTIVE or not change.primary:
        changing.move(purpose, key_id, KeyState.ACTIVE)
    if change.primary or changing.ring.keyset(purpose).primary is None:
        changing.prefer(purpose, key_id)


def _rotate(changing: Changing, purpose: Purpose) -> int:
    """Put a new primary key in the place of the present one; what the old one made stays readable."""
    if not RULES[purpose].rotates:
        raise TransitionError(f"the {purpose} key belongs to data that must be moved to a new key first")
    old = changing.ring.keyset(purpose).primary
    key_id = changing.make(purpose)
    changing.move(purpose, key_id, KeyState.ACTIVE)
    changing.prefer(purpose, key_id)
    if old is not None:
        changing.move(purpose, old, KeyState.DEACTIVATED)
    return key_id
