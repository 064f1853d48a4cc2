"""The service's own flow on a set of samples: each enrolled under a key of its own, each probe under the key claimed.

The registry's side holds the keys, so an impostor's probe is transformed under the key of the person whom it claims to
be. Figures that give the impostor another key flatter, and are not measured here. Keys come from a seed, so that a
second run gives the same figures; they protect nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keys.realm import DEVELOPMENT, Realm
from keys.templatekey import DRAW_SIZE, TemplateKeys
from tokenizer.biometrics.pairs import SEED
from tokenizer.biometrics.scheme import QualityError, TemplateError
from tokenizer.biometrics.templatefile import TemplateFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.scheme import Scheme
    from tokenizer.biometrics.templatefile import TemplateSet

_KEY_SIZE: Final = 32
_PREPARED: Final = 2000
"""Prepared templates that are kept: an iris may take a megabyte."""


def gate(scheme: Scheme, given: TemplateSet) -> TemplateSet:
    """Keep the samples that the scheme does not refuse for their quality.

    Raises:
        TemplateFileError: a sample is none of the modality.
    """
    good = []
    for number, template in enumerate(given.templates):
        try:
            scheme.prepare(template)
        except QualityError:
            continue
        except TemplateError as error:
            raise TemplateFileError(f"sample {number} of array {given.field!r}: {error}") from error
        good.append(number)
    return given.kept(np.array(good, dtype=np.int64))


class Trial:
    """Enrolments of a set, and comparisons with them.

    Args:
        scheme: the construction.
        given: samples that are good enough (`gate`).
        extractor: "NAME/VERSION" that the keys are bound to; by default made from the set's array.
        seed: of keys and of what fills a reference.
    """

    def __init__(self, scheme: Scheme, given: TemplateSet, *, extractor: str = "", seed: int = SEED) -> None:
        random = np.random.default_rng(seed)
        realm = Realm(registry_id="measure", environment=DEVELOPMENT)
        self.scheme = scheme
        self._given = given
        self._extractor = extractor or f"{given.field}/0"
        self._keys = TemplateKeys(realm, bytearray(random.bytes(_KEY_SIZE)))
        self._draws = [random.bytes(DRAW_SIZE) for _ in given.templates]
        self._fill: Callable[[int], bytes] = random.bytes
        self.prepared: Callable[[int], Any] = lru_cache(_PREPARED)(self._prepare)

    def _prepare(self, sample: int) -> Any:
        return self.scheme.prepare(self._given.templates[sample])

    def key(self, sample: int, renewal: int = 0) -> TemplateKey:
        """Derive the key of a sample's enrolment."""
        suite = self.scheme.suite
        return self._keys.derive(
            suite=suite.name,
            modality=suite.modality,
            extractor=self._extractor,
            draw=self._draws[sample],
            renewal=renewal,
        )

    def reference(self, sample: int, key: TemplateKey) -> bytes:
        """Enrol a sample under a key."""
        return self.scheme.protect(self.prepared(sample), key, random=self._fill)

    def scores(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score pairs of enrolled sample and probe, each under the key of the enrolled one."""
        found = np.empty(len(pairs))
        for enrolled, mine in _by_first(pairs):
            key = self.key(enrolled)
            reference = self.reference(enrolled, key)
            for place in mine:
                found[place] = self.scheme.score(self.prepared(int(pairs[place, 1])), key, reference)
        return found

    def renewed(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score probes of the enrolled person under the renewed key against the reference of before."""
        found = np.empty(len(pairs))
        for enrolled, mine in _by_first(pairs):
            old = self.reference(enrolled, self.key(enrolled))
            new = self.key(enrolled, renewal=1)
            for place in mine:
                found[place] = self.scheme.score(self.prepared(int(pairs[place, 1])), new, old)
        return found


def _by_first(pairs: NDArray[np.int64]) -> Iterable[tuple[int, NDArray[np.intp]]]:
    """Group pairs by the enrolled sample, so that it is enrolled once."""
    order = np.argsort(pairs[:, 0], kind="stable")
    enrolled, starts = np.unique(pairs[order, 0], return_index=True)
    for number, mine in zip(enrolled, np.split(order, starts[1:]), strict=True):
        yield int(number), mine
