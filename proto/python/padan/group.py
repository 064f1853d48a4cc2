"""The group ristretto255 (RFC 9496), computed by the system's libsodium.

Guarantees: every length is checked before a byte reaches C, and every return code after it; an element is never the
identity nor an invalid encoding, a scalar is never zero nor at or above the order L. At first use the library's
release is checked and vectors of RFC 9496 and RFC 9497 are computed; where one differs, nothing is computed ever.
Calls let other threads run. Scalars come in buffers that can be zeroed (`wipe`); none becomes a Python number here.

Sizes: an element and a scalar have 32 bytes. A multiplication takes some 45 microseconds with its checks, of the
generator 20; a `Multiplier` checks its scalar once and spends next to nothing beside libsodium.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Final

from padan.errors import PadanError, UnavailableError

ELEMENT_SIZE: Final = 32
SCALAR_SIZE: Final = 32
UNIFORM_SIZE: Final = 64
"""Bytes from which an element or a scalar is made without bias."""
ORDER: Final = (1 << 252) + 27742317777372353535851937790883648493
"""The number L of elements (RFC 9496 section 4)."""
SONAMES: Final = ("libsodium.so.26", "libsodium.so.23")
"""Newest first; .so.23 is libsodium 1.0.18 and 1.0.19, .so.26 is 1.0.20 and later."""

_OLDEST: Final = (10, 3)
"""Library version of libsodium 1.0.18, the first with the whole group."""
_PREFIX: Final = "crypto_core_ristretto255_"
_ARITY: Final = {
    "crypto_scalarmult_ristretto255": 3,
    "crypto_scalarmult_ristretto255_base": 2,
    f"{_PREFIX}is_valid_point": 1,
    f"{_PREFIX}add": 3,
    f"{_PREFIX}sub": 3,
    f"{_PREFIX}from_hash": 2,
}
_SCALAR_ARITY: Final = {
    f"{_PREFIX}scalar_random": 1,
    f"{_PREFIX}scalar_reduce": 2,
    f"{_PREFIX}scalar_negate": 2,
    f"{_PREFIX}scalar_add": 3,
    f"{_PREFIX}scalar_sub": 3,
    f"{_PREFIX}scalar_mul": 3,
}
_IDENTITY: Final = bytes(ELEMENT_SIZE)
_ELEMENT: Final = ctypes.c_char * ELEMENT_SIZE
Buffer = bytes | bytearray


class GroupError(PadanError, ValueError):
    """Bytes are no element or no scalar, or a computation leaves the group."""


class GroupUnavailableError(UnavailableError):
    """The system has no libsodium that computes the group as the RFCs do."""


def wipe(*buffers: bytearray) -> None:
    """Overwrite buffers with zeros."""
    for buffer in buffers:
        buffer[:] = bytes(len(buffer))


def require_element(element: Buffer) -> None:
    """See that bytes are an element other than the identity.

    Raises:
        GroupError: another size, not a canonical encoding, or the identity.
    """
    if len(element) != ELEMENT_SIZE:
        raise GroupError("an element of ristretto255 has 32 bytes")
    if bytes(element) == _IDENTITY:
        raise GroupError("the identity is refused")
    if _library().crypto_core_ristretto255_is_valid_point(_in(element)) != 1:
        raise GroupError("the bytes encode no element of ristretto255")


def require_scalar(scalar: Buffer) -> None:
    """See that bytes are a scalar s with 0 < s < L; libsodium itself would mask and reduce.

    Raises:
        GroupError: another size, zero, or not canonical.
    """
    if len(scalar) != SCALAR_SIZE:
        raise GroupError("a scalar has 32 bytes")
    wide = bytearray(UNIFORM_SIZE)
    wide[:SCALAR_SIZE] = scalar
    reduced = _reduce(wide)
    wipe(wide)
    library = _library()
    same = library.sodium_memcmp(_in(reduced), _in(scalar), SCALAR_SIZE) == 0
    zero = library.sodium_is_zero(_in(reduced), SCALAR_SIZE) == 1
    wipe(reduced)
    if zero or not same:
        raise GroupError("a scalar is above zero and below the group's order")


def random_bytes(size: int) -> bytearray:
    """Draw random bytes into a buffer that can be zeroed, with no other copy in the process."""
    drawn = bytearray(size)
    _library().randombytes_buf(_in(drawn), size)
    return drawn


def random_scalar() -> bytearray:
    """Draw a scalar."""
    drawn = bytearray(SCALAR_SIZE)
    _library().crypto_core_ristretto255_scalar_random(_in(drawn))
    return drawn


def scalar_of(uniform: Buffer) -> bytearray:
    """Reduce 64 uniform bytes to a scalar.

    Raises:
        GroupError: another size, or zero comes out, as it does once in 2^252.
    """
    if len(uniform) != UNIFORM_SIZE:
        raise GroupError("a scalar is made of 64 bytes")
    scalar = _reduce(uniform)
    if _library().sodium_is_zero(_in(scalar), SCALAR_SIZE) == 1:
        raise GroupError("the bytes reduce to zero")
    return scalar


def element_of(uniform: Buffer) -> bytes:
    """Map 64 uniform bytes to an element (RFC 9496 section 4.3.4).

    Raises:
        GroupError: another size, or the identity comes out.
    """
    if len(uniform) != UNIFORM_SIZE:
        raise GroupError("an element is made of 64 bytes")
    made = bytearray(ELEMENT_SIZE)
    return _element("from_hash", _library().crypto_core_ristretto255_from_hash(_in(made), _in(uniform)), made)


def base(scalar: Buffer) -> bytes:
    """Multiply the generator.

    Raises:
        GroupError: no scalar.
    """
    require_scalar(scalar)
    made = bytearray(ELEMENT_SIZE)
    code = _library().crypto_scalarmult_ristretto255_base(_in(made), _in(scalar))
    return _element("multiplication", code, made)


def multiply(scalar: Buffer, element: Buffer) -> bytes:
    """Multiply an element.

    Raises:
        GroupError: no scalar, no element, or the identity comes out.
    """
    return bytes(multiply_secret(scalar, element))


def multiply_secret(scalar: Buffer, element: Buffer) -> bytearray:
    """Multiply an element, where what comes out is a secret that the caller wipes; raises as `multiply`."""
    require_scalar(scalar)
    _require_sound(element)
    made = bytearray(ELEMENT_SIZE)
    if _library().crypto_scalarmult_ristretto255(_in(made), _in(scalar), _in(element)) != 0:
        raise _fault("multiplication", element)
    return made


class Multiplier:
    """One scalar that multiplies many elements; whoever wipes the scalar ends it.

    Args:
        scalar: the scalar; the buffer is used as it is and not copied.
        reduced: `scalar_of` has just made it, so that it need not be looked at.

    Raises:
        GroupError: no scalar.
    """

    __slots__ = ("_call", "_scalar")

    def __init__(self, scalar: bytearray, *, reduced: bool = False) -> None:
        if not reduced:
            require_scalar(scalar)
        self._scalar = _in(scalar)
        self._call = _library().crypto_scalarmult_ristretto255

    def of(self, element: bytes) -> bytes:
        """Multiply an element.

        Raises:
            GroupError: no element, or the scalar was wiped.
        """
        if len(element) != ELEMENT_SIZE:
            raise GroupError("an element of ristretto255 has 32 bytes")
        made = _ELEMENT()
        # libsodium decodes the element with the checks of RFC 9496, and refuses the identity on both sides.
        if self._call(made, self._scalar, element) != 0:
            raise _fault("multiplication", element)
        return made.raw

    def __repr__(self) -> str:
        return "Multiplier(<redacted>)"


def add(first: Buffer, second: Buffer) -> bytes:
    """Add two elements.

    Raises:
        GroupError: no element, or the identity comes out.
    """
    return _combine("add", "sum", first, second)


def subtract(first: Buffer, second: Buffer) -> bytes:
    """Subtract an element from another; raises as `add`."""
    return _combine("sub", "difference", first, second)


def scalar_add(first: Buffer, second: Buffer) -> bytearray:
    """Add two scalars modulo L.

    Raises:
        GroupError: no scalar, or zero comes out.
    """
    return _scalars("scalar_add", first, second)


def scalar_subtract(first: Buffer, second: Buffer) -> bytearray:
    """Subtract a scalar from another modulo L; raises as `scalar_add`."""
    return _scalars("scalar_sub", first, second)


def scalar_multiply(first: Buffer, second: Buffer) -> bytearray:
    """Multiply two scalars modulo L; raises as `scalar_add`."""
    return _scalars("scalar_mul", first, second)


def scalar_negate(scalar: Buffer) -> bytearray:
    """Negate a scalar modulo L.

    Raises:
        GroupError: no scalar.
    """
    require_scalar(scalar)
    made = bytearray(SCALAR_SIZE)
    _library().crypto_core_ristretto255_scalar_negate(_in(made), _in(scalar))
    return made


def scalar_invert(scalar: Buffer) -> bytearray:
    """Invert a scalar modulo L.

    Raises:
        GroupError: no scalar.
    """
    require_scalar(scalar)
    made = bytearray(SCALAR_SIZE)
    code = _library().crypto_core_ristretto255_scalar_invert(_in(made), _in(scalar))
    if code != 0:
        raise GroupError("the scalar has no inverse")
    return made


def _scalars(name: str, first: Buffer, second: Buffer) -> bytearray:
    require_scalar(first)
    require_scalar(second)
    made = bytearray(SCALAR_SIZE)
    getattr(_library(), _PREFIX + name)(_in(made), _in(first), _in(second))
    require_scalar(made)
    return made


def _reduce(wide: Buffer) -> bytearray:
    made = bytearray(SCALAR_SIZE)
    _library().crypto_core_ristretto255_scalar_reduce(_in(made), _in(wide))
    return made


def _combine(operation: str, what: str, first: Buffer, second: Buffer) -> bytes:
    _require_sound(first)
    _require_sound(second)
    made = bytearray(ELEMENT_SIZE)
    # libsodium decodes both with the checks of RFC 9496.
    if getattr(_library(), f"{_PREFIX}{operation}")(_in(made), _in(first), _in(second)) != 0:
        raise _fault(what, first, second)
    return _element(what, 0, made)


def _require_sound(element: Buffer) -> None:
    """See to what libsodium does not look at: the length, and the identity, which it takes for an element."""
    if len(element) != ELEMENT_SIZE:
        raise GroupError("an element of ristretto255 has 32 bytes")
    if bytes(element) == _IDENTITY:
        raise GroupError("the identity is refused")


def _fault(what: str, *elements: Buffer) -> GroupError:
    """Name what libsodium refused: an element, or else what would come out."""
    for element in elements:
        require_element(element)
    return GroupError(f"the {what} leaves the group")


def _element(what: str, code: int, made: bytearray) -> bytes:
    if code != 0 or bytes(made) == _IDENTITY:
        raise GroupError(f"the {what} leaves the group")
    return bytes(made)


def _in(buffer: Buffer) -> ctypes.Array[ctypes.c_char] | bytes:
    """Give C a buffer of which the caller has checked the length."""
    return (ctypes.c_char * len(buffer)).from_buffer(buffer) if isinstance(buffer, bytearray) else buffer


@functools.cache
def _library() -> ctypes.CDLL:
    """Give the library that passed its tests; the first call loads it."""
    library = _load(SONAMES)
    _test(library)
    return library


def _load(sonames: tuple[str, ...]) -> ctypes.CDLL:
    for name in sonames:
        try:
            return _declare(ctypes.CDLL(name))
        except OSError:
            continue
        except AttributeError:
            raise _unavailable(f"{name} lacks the group ristretto255") from None
    raise _unavailable(f"none of {', '.join(sonames)} is installed")


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, arity in _ARITY.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [pointer] * arity, ctypes.c_int
    for name, arity in _SCALAR_ARITY.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [pointer] * arity, None
    inverse = library.crypto_core_ristretto255_scalar_invert
    inverse.argtypes, inverse.restype = [pointer, pointer], ctypes.c_int
    library.sodium_memcmp.argtypes, library.sodium_memcmp.restype = [pointer, pointer, size], ctypes.c_int
    library.sodium_is_zero.argtypes, library.sodium_is_zero.restype = [pointer, size], ctypes.c_int
    library.randombytes_buf.argtypes, library.randombytes_buf.restype = [pointer, size], None
    release = library.sodium_library_version_major(), library.sodium_library_version_minor()
    if library.sodium_init() < 0:
        raise _unavailable("libsodium cannot be initialised")
    if release < _OLDEST:
        raise _unavailable("this libsodium is older than 1.0.18")
    return library


_TWICE: Final = bytes.fromhex("6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919")
_TEST_SCALAR: Final = bytes.fromhex("e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909")
_TEST_PUBLIC: Final = bytes.fromhex("c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e")
_TEST_ELEMENT: Final = bytes.fromhex("863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945")
_TEST_PRODUCT: Final = bytes.fromhex("aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e")
_TEST_UNIFORM: Final = bytes.fromhex(
    "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1"
    "4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6"
)
_TEST_MAPPED: Final = bytes.fromhex("3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46")
_TEST_INVALID: Final = bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")


def _test(library: ctypes.CDLL) -> None:
    """Compute vectors: RFC 9496 appendix A.1, A.2 and A.3, RFC 9497 appendix A.1.2.

    Raises:
        GroupUnavailableError: the library computes something else.
    """
    two, made = bytes([2]) + bytes(31), ctypes.create_string_buffer(ELEMENT_SIZE)
    found = []
    for name, arguments in (
        ("crypto_scalarmult_ristretto255_base", (two,)),
        ("crypto_scalarmult_ristretto255_base", (_TEST_SCALAR,)),
        ("crypto_scalarmult_ristretto255", (_TEST_SCALAR, _TEST_ELEMENT)),
        (f"{_PREFIX}from_hash", (_TEST_UNIFORM,)),
    ):
        code = getattr(library, name)(made, *arguments)
        found.append(made.raw if code == 0 else b"")
    refused = library.crypto_core_ristretto255_is_valid_point(_TEST_INVALID) == 0
    if found != [_TWICE, _TEST_PUBLIC, _TEST_PRODUCT, _TEST_MAPPED] or not refused:
        raise _unavailable("this libsodium does not compute the vectors of RFC 9496 and RFC 9497")


def _unavailable(cause: str) -> GroupUnavailableError:
    return GroupUnavailableError(
        f"ristretto255 cannot be computed: {cause}",
        reason="libsodium",
        next_step="install libsodium 1.0.18 or newer: sudo apt-get install libsodium23 (libsodium26 in later releases)",
    )
