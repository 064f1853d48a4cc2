"""What every modality's protection does, whatever its construction: prepare a template, protect it, compare it.

The registry's side holds the key, so a probe is transformed under the key of the enrolment that it is compared with.
A score never leaves the process: who asks learns whether a threshold was reached, and no more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.template import Template


class QualityError(TokenizerError):
    """A template is not good enough to be compared; a better capture would help. Said from the template alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named construction with its parameters.

    Attributes:
        name: as keys are bound to it, "face-hd3-1024/1".
        number: as references name it.
        modality: "face", "finger" or "iris".
        size: bytes of a reference, whatever the template.
        samples: references that are kept of one position: several impressions of a finger.
    """

    name: str
    number: int
    modality: str
    size: int
    samples: int = 1


class Scheme(Protocol):
    """The construction of one suite. Safe to use from many threads."""

    @property
    def suite(self) -> Suite:
        """Its name and sizes."""
        ...

    def prepare(self, template: Template) -> Any:
        """Do what needs no key, once for a template however many references it is compared with.

        Raises:
            QualityError: the template is not good enough.
            TemplateError: it is none of this modality.
        """
        ...

    def protect(
        self, prepared: Any, key: TemplateKey, *, random: Callable[[int], bytes] = os.urandom
    ) -> bytes:
        """Make a reference, `suite.size` bytes.

        Args:
            prepared: by `prepare`.
            key: of the enrolment.
            random: fills what a template leaves empty.
        """
        ...

    def score(self, prepared: Any, key: TemplateKey, reference: bytes) -> float:
        """Compare a probe with a reference under the reference's key: 0 to 1, the higher the more alike.

        Takes as long whatever the reference holds, so that a decoy costs what a reference does.

        Args:
            prepared: of the probe, by `prepare`.
            key: of the enrolment.
            reference: `suite.size` bytes.
        """
        ...


class TemplateError(TokenizerError):
    """A template is not one of its modality, or is out of range; the message names the rule, never a value."""
