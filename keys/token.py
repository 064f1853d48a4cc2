"""A PKCS#11 token: AES-256 keys that it makes, keeps and never gives away. The one module that speaks PKCS#11.

Each use is whole: the vendor's module is initialised, a session opened, the work done, and the module finalised, in
some milliseconds. So nothing of the token stays in a process that serves, a token that was taken away or put back is
seen at the next use, and no state of the module crosses a fork. The PIN is given to the module and to nothing else; no
error holds it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from keys.errors import (
    TokenError,
    TokenFileError,
    TokenKeyError,
    TokenMissingError,
    TokenModuleError,
    TokenPinError,
    TokenPinLockedError,
    TokenSessionError,
    TokenStoreError,
    TokenSupportError,
    TokenUnfitError,
)

try:
    import pkcs11
except ImportError as missing:
    raise TokenSupportError("tokens need the package python-pkcs11") from missing

from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pkcs11._pkcs11 import lib

    from keys.token_uri import TokenUri

KEY_BITS: Final = 256
_GONE: Final = (
    pkcs11.DeviceRemoved,
    pkcs11.SessionClosed,
    pkcs11.SessionHandleInvalid,
    pkcs11.TokenNotPresent,
    pkcs11.UserNotLoggedIn,
)
_UNFIT: Final = (
    pkcs11.AttributeTypeInvalid,
    pkcs11.AttributeValueInvalid,
    pkcs11.FunctionNotSupported,
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.SessionReadOnly,
    pkcs11.TemplateIncomplete,
    pkcs11.TemplateInconsistent,
    pkcs11.TokenWriteProtected,
)
_BOUND: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.MODIFIABLE: False,
}
"""What a key of ours is made with: it works inside of the token, and its bytes stay there."""
_KEPT: Final = (Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE, Attribute.LOCAL)
"""What the token itself vouches for: the key was made inside, and never could leave."""


class _AesKey(Protocol):
    """What is used of the library's key, whose class it makes as it goes."""

    def encrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes: ...

    def decrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes: ...

    def destroy(self) -> None: ...

    def __getitem__(self, attribute: Attribute) -> object: ...


class _Turn:
    """One use of a module at a time in this process; a forked process begins anew."""

    def __init__(self) -> None:
        self.begin()
        os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        self.lock = threading.Lock()


_turn = _Turn()
_modules: dict[str, lib] = {}
"""Loaded modules by path; each is initialised only while it is used."""


class TokenSession:
    """A session of a logged-in user; lives as long as `Token.session`'s block."""

    def __init__(self, session: pkcs11.Session, label: str) -> None:
        self._session = session
        self._label = label

    def make(self, key_id: bytes) -> None:
        """Let the token make an AES-256 key that does not leave it.

        Raises:
            TokenUnfitError: it makes no such key.
        """
        with _told():
            self._session.generate_key(
                KeyType.AES,
                KEY_BITS,
                label=self._label,
                id=key_id,
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template=dict(_BOUND),
            )

    def has(self, key_id: bytes) -> bool:
        """Say whether the token holds a key."""
        with _told():
            found = {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.LABEL: self._label,
                Attribute.ID: key_id,
            }
            return any(True for _ in list(self._session.get_objects(found)))

    def seal(self, key_id: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Seal by AES-256-GCM inside of the token: ciphertext | tag 16.

        Raises:
            TokenKeyError: there is no such key, or it could leave the token.
        """
        key = self._key(key_id)
        with _told():
            return key.encrypt(plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, aad))

    def open(self, key_id: bytes, nonce: bytes, box: bytes, aad: bytes) -> bytes:
        """Open a box of `seal`.

        Raises:
            TokenKeyError: there is no such key, or it could leave the token.
            TokenFileError: the box is not the key's, or was changed.
        """
        key = self._key(key_id)
        try:
            return key.decrypt(box, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, aad))
        except (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange, pkcs11.GeneralError) as error:
            self.seal(
                key_id, secrets.token_bytes(len(nonce)), b"", aad
            )  # a token that fails at this too is what is wrong, and says so
            raise TokenFileError(
                "the KEK file does not open under the token's key: it was changed"
            ) from error
        except pkcs11.PKCS11Error as error:
            raise _translated(error) from error

    def destroy(self, key_id: bytes) -> None:
        """Let the token destroy a key; one that is gone is gone."""
        with contextlib.suppress(TokenKeyError):
            key = self._find(key_id)
            with _told():
                key.destroy()

    def _find(self, key_id: bytes) -> _AesKey:
        with _told():
            try:
                found: Any = self._session.get_key(
                    object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=self._label, id=key_id
                )
            except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
                raise TokenKeyError(
                    f"the token holds no key {self._label} with the id {key_id.hex()}"
                ) from error
        key: _AesKey = found
        return key

    def _key(self, key_id: bytes) -> _AesKey:
        key = self._find(key_id)
        with _told():
            if not all(key[attribute] for attribute in _KEPT):
                raise TokenKeyError(
                    f"the token's key {self._label} could leave the token, or came from outside"
                )
        return key


class Token:
    """A token that a URI names.

    Args:
        uri: module, label and serial number.
    """

    def __init__(self, uri: TokenUri) -> None:
        self._uri = uri

    @contextlib.contextmanager
    def session(self, pin: str, *, write: bool = False) -> Iterator[TokenSession]:
        """Log in for as long as a block lasts: 1 load the module 2 find the token 3 log in.

        Args:
            pin: the user's PIN.
            write: whether keys are made or destroyed.

        Raises:
            TokenModuleError: there is no such module.
            TokenStoreError: it does not start.
            TokenMissingError: no slot holds the token.
            TokenPinError: the PIN is wrong.
            TokenPinLockedError: it is locked, or one try is left, which is not spent by a program.
            TokenSessionError: the token, or the session, went away meanwhile.
        """
        with _turn.lock, _module(str(self._uri.module)) as module:
            token = self._token(module)
            if token.flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY):
                raise TokenPinLockedError(
                    f"the token {self._uri.token}: {tries(token.flags)}; nothing was tried"
                )
            try:
                session = token.open(rw=write, user_pin=pin)
            except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
                left = tries(self._token(module).flags)
                raise TokenPinError(f"the token {self._uri.token} refuses the PIN: {left}") from error
            except pkcs11.PinLocked as error:
                raise TokenPinLockedError(f"the token {self._uri.token}: its PIN is locked") from error
            except pkcs11.PKCS11Error as error:
                raise _translated(error) from error
            try:
                yield TokenSession(session, self._uri.object)
            finally:
                with contextlib.suppress(pkcs11.PKCS11Error):
                    session.close()

    def _token(self, module: lib) -> pkcs11.Token:
        try:
            found: list[pkcs11.Token] = [
                token
                for token in module.get_tokens(token_label=self._uri.token)
                if not self._uri.serial or token.serial.decode("ascii", "replace").strip() == self._uri.serial
            ]
        except pkcs11.PKCS11Error as error:
            raise _translated(error) from error
        if not found:
            raise TokenMissingError(f"no slot of {self._uri.module} holds the token {self._uri.token}")
        if len(found) > 1:
            raise TokenMissingError(
                f"{len(found)} tokens are called {self._uri.token}; say serial= in the URI"
            )
        return found[0]


def tries(flags: TokenFlag) -> str:
    """Say what a token tells of the tries that are left, from its flags (PKCS#11 2.40, CK_TOKEN_INFO)."""
    if flags & TokenFlag.USER_PIN_LOCKED:
        return "its PIN is locked"
    if flags & TokenFlag.USER_PIN_FINAL_TRY:
        return "one try is left, and a wrong one locks it"
    if flags & TokenFlag.USER_PIN_COUNT_LOW:
        return "it counts wrong ones since the last right one, and does not say how many tries are left"
    return "it does not say how many tries are left"


@contextlib.contextmanager
def _module(path: str) -> Iterator[lib]:
    if not os.access(path, os.R_OK):
        raise TokenModuleError(f"there is no PKCS#11 module {path}")
    try:
        module = _started(path)
    except pkcs11.GeneralError as error:
        raise TokenStoreError(
            f"the PKCS#11 module {path} does not start: its tokens are not where it looks"
        ) from error
    except pkcs11.PKCS11Error as error:
        raise TokenModuleError(f"{path} is no PKCS#11 module that can be loaded") from error
    try:
        yield module
    finally:
        with contextlib.suppress(pkcs11.PKCS11Error):
            module.finalize()


def _started(path: str) -> lib:
    module = _modules.get(path)
    if module is None:
        module = _modules[path] = pkcs11.lib(path)
    elif module.initialized:  # by the process that this one was forked from, and not finalised here
        module.reinitialize()
    else:
        module.initialize()
    return module


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise _translated(error) from error


def _translated(error: pkcs11.PKCS11Error) -> TokenError:
    name = type(error).__name__
    if isinstance(error, _GONE):
        return TokenSessionError(f"the token or its session went away while it was used ({name})")
    if isinstance(error, _UNFIT):
        return TokenUnfitError(f"the token does not keep an AES-256-GCM key that it made ({name})")
    return TokenSessionError(f"the token failed while it was used ({name})")
