"""The suites that this build can compare, and those that new references are made with.

A reference names its suite by number, a key is bound to its name. A suite is never changed: a better construction gets
a name and a number of its own, and references of the old one are compared until they are renewed.

Reserved: 4 to 6, the same modalities under split custody, with additive shares in two processes (docs/adr/0046).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tokenizer.biometrics.face import FaceScheme
from tokenizer.biometrics.finger import FingerScheme
from tokenizer.biometrics.iris import IrisScheme
from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenizer.biometrics.scheme import Scheme

SCHEMES: Final[tuple[Scheme, ...]] = (
    FaceScheme(),
    FingerScheme(),
    IrisScheme(),
)
"""One line a suite; the last one of a modality enrols."""

_NAMED: Final[Mapping[str, Scheme]] = MappingProxyType({each.suite.name: each for each in SCHEMES})
_NUMBERED: Final[Mapping[int, Scheme]] = MappingProxyType({each.suite.number: each for each in SCHEMES})
_ENROLLING: Final[Mapping[str, Scheme]] = MappingProxyType({each.suite.modality: each for each in SCHEMES})


class SuiteError(TokenizerError):
    """This build has no such suite."""


def scheme_of(name: str) -> Scheme:
    """Find a suite by its name.

    Raises:
        SuiteError: none is called so.
    """
    return _found(_NAMED.get(name))


def scheme_numbered(number: int) -> Scheme:
    """Find a suite by the number in a reference.

    Raises:
        SuiteError: none has it.
    """
    return _found(_NUMBERED.get(number))


def enrolling(modality: str) -> Scheme:
    """Give the suite that new references of a modality are made with.

    Raises:
        SuiteError: there is none.
    """
    return _found(_ENROLLING.get(modality))


def _found(scheme: Scheme | None) -> Scheme:
    if scheme is None:
        raise SuiteError("this build has no such suite of biometric templates")
    return scheme
