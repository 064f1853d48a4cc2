"""The `pkcs11:` provider: a KEK in a file, sealed by a key that a hardware token made and never gives away.

Every unlocking needs the token, its PIN and the file. In between the KEK, and the keys that it wraps, are in the memory
of whoever unlocked, as with every provider: the token keeps copies of the disk shut, not a running host. A renewal
makes a new key in the token and a new KEK; retiring destroys the old key in the token first and forgets its box after,
so that a crash in between leaves a box that nothing opens, and never a key that nobody remembers to destroy.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from keys import token_file
from keys.errors import KeyringMissingError, TokenFileError, TokenKeyError, TokenPinError
from keys.kek import Kek
from keys.ringfile import RingFile
from keys.token import Token
from keys.token_file import SealedKek

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.provider import Prompt
    from keys.token import TokenSession
    from keys.token_uri import TokenUri


class TokenKekProvider:
    """A KEK behind a token.

    Args:
        where: what the URI says.
        prompt: asks a person for the PIN.
        uri: the URI that named this provider.
    """

    single_custodian = True
    """Whoever has the PIN, on a host with token and file, has the KEK, alone."""

    def __init__(self, *, where: TokenUri, prompt: Prompt, uri: str) -> None:
        self._where = where
        self._token = Token(where)
        self._file = RingFile(where.kek_file, keep_last=False)
        self._prompt = prompt
        self._asked: str | None = None
        self.uri = uri

    def __repr__(self) -> str:
        return f"<TokenKekProvider {self._where.token}, {self._file.path}>"

    def create(self) -> Kek:
        """Let the token make a key, and keep a first KEK under it.

        Raises:
            KeyringExistsError: the KEK's file is there.
            TokenError: the token does not do it; the subclass says why.
        """
        self._file.refuse_existing()
        return self._add(())

    def unlock(self) -> tuple[Kek, ...]:
        """Open what the file holds; a box whose key the token has destroyed is passed over beside one that opens.

        Raises:
            TokenError: the token or the file cannot be used; the subclass says why.
        """
        sealed = self._read()
        with self._token.session(self._pin()) as session:
            living = _living(session, sealed)
            return tuple(_open(session, kek) for kek in living)

    def renew(self) -> Kek:
        """Let the token make a new key, and keep a new KEK under it beside the present one."""
        return self._add(self._read())

    def retire(self, kek_id: str) -> None:
        """Keep one KEK alone, and let the token destroy the keys of the others.

        Raises:
            TokenFileError: the file does not hold it.
        """
        sealed = self._read()
        kept = tuple(kek for kek in sealed if kek.kek_id == kek_id)
        if not kept:
            raise TokenFileError("the KEK file of the token does not hold the KEK that it is to keep")
        if len(sealed) == 1:
            return
        with self._token.session(self._pin(), write=True) as session:
            _open(session, kept[0]).wipe()  # nothing goes before what is to stay has opened
            for other in sealed:
                if other not in kept:
                    session.destroy(other.key_id)
        self._file.write(token_file.encode(kept))

    def _add(self, sealed: Sequence[SealedKek]) -> Kek:
        kek, key_id = Kek.generate(), secrets.token_bytes(token_file.KEY_ID_SIZE)
        nonce = secrets.token_bytes(token_file.NONCE_SIZE)
        with self._token.session(self._pin(), write=True) as session:
            living = _living(session, sealed) if sealed else ()
            session.make(key_id)
            try:
                box = session.seal(key_id, nonce, bytes(kek.reveal()), token_file.aad(kek.id, key_id))
                made = SealedKek(kek_id=kek.id, key_id=key_id, nonce=nonce, box=box)
                self._file.write(token_file.encode((*living, made)))
            except BaseException:
                if not self._holds(key_id):
                    session.destroy(key_id)
                raise
        return kek

    def _holds(self, key_id: bytes) -> bool:
        """Whether the file has come to name a key, as after a failure behind its rename."""
        try:
            return any(kek.key_id == key_id for kek in token_file.decode(self._file.read()))
        except (KeyringMissingError, TokenFileError):
            return False

    def _read(self) -> tuple[SealedKek, ...]:
        try:
            return token_file.decode(self._file.read())
        except KeyringMissingError as error:
            raise TokenFileError(f"there is no KEK file {self._file.path}") from error

    def _pin(self) -> str:
        if self._where.pin_file is None:
            if self._asked is None:
                self._asked = self._prompt(f"PIN of the token {self._where.token}: ")
            pin = self._asked
        else:
            try:
                pin = self._where.pin_file.read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise TokenPinError(f"the PIN file {self._where.pin_file} cannot be read as UTF-8") from error
        if not pin:
            raise TokenPinError("the PIN is empty")
        return pin


def _living(session: TokenSession, sealed: Sequence[SealedKek]) -> tuple[SealedKek, ...]:
    """Leave out boxes whose key is destroyed.

    Raises:
        TokenKeyError: none is left.
    """
    living = tuple(kek for kek in sealed if session.has(kek.key_id))
    if not living:
        raise TokenKeyError(
            "the token holds none of the keys that the KEK file names: another token, or an emptied one"
        )
    return living


def _open(session: TokenSession, kek: SealedKek) -> Kek:
    opened = Kek(session.open(kek.key_id, kek.nonce, kek.box, token_file.aad(kek.kek_id, kek.key_id)))
    if opened.id != kek.kek_id:
        raise TokenFileError("the KEK file of the token names another KEK than it holds")
    return opened
