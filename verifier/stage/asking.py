"""What a stage can ask under an agreement: a purpose, its legal basis, and claims that anchor it. Pure.

Only attributes that are written as text or digits are claimed: coded ones may have the agency's own codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier.stage.errors import AgreementGapError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.info import Purpose, ServiceInfo

FIELDS: Final = {
    "name": "NAMA_LGKP",
    "mother_name": "NAMA_LGKP_IBU",
    "family_card_number": "NO_KK",
    "birth_date": "TGL_LHR",
    "birth_place": "TMPT_LHR",
}
"""Attribute to the registry's field."""
STRANGE: Final = {
    "name": "PADAN TAHAP UJI",
    "mother_name": "PADAN TAHAP UJI",
    "family_card_number": "9999990101309999",
}
"""Values of anchors that nobody has."""
OFFICER: Final = "padan-stage"
CONSENT: Final = "padan-stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How a purpose is asked under.

    Attributes:
        purpose: its code.
        legal_basis: the first that it names.
        anchor: the attribute whose match decides.
        others: further attributes that can be claimed.
    """

    purpose: str
    legal_basis: str
    anchor: str
    others: tuple[str, ...]

    @property
    def consent_receipt(self) -> str:
        """The receipt to name where consent is the basis."""
        return CONSENT if self.legal_basis == "consent" else ""


def asks(info: ServiceInfo, purposes: Sequence[str] = ()) -> list[Ask]:
    """Say how each purpose of the caller's agreement can be asked under.

    Args:
        info: what the service grants the caller.
        purposes: only these; empty for all.

    Raises:
        AgreementGapError: there is no agreement, no such purpose, or none that claims of ours can anchor.
    """
    granted = {purpose.code: purpose for purpose in info.agreement.purposes} if info.agreement else {}
    if unknown := sorted(set(purposes) - granted.keys()):
        raise AgreementGapError(f"the agency's agreement has no purpose {', '.join(unknown)}")
    chosen = [granted[code] for code in purposes or granted]
    found = [ask for ask in map(_ask, chosen) if ask is not None]
    if not found:
        raise AgreementGapError(
            f"no purpose of the agency's agreement has an anchor among {', '.join(STRANGE)}"
        )
    return found


def require_quota(info: ServiceInfo, calls: int) -> None:
    """Refuse to spend more than an agency may ask in a day.

    Raises:
        AgreementGapError: so many calls are more than the agreement's quota.
    """
    quota = info.agreement.daily_quota if info.agreement else 0
    if calls > quota:
        raise AgreementGapError(f"{calls:,} calls are more than the agreement's {quota:,} of a day")


def _ask(purpose: Purpose) -> Ask | None:
    anchor = next((name for name in STRANGE if name in purpose.anchors and name in purpose.attributes), None)
    if anchor is None:
        return None
    return Ask(
        purpose=purpose.code,
        legal_basis=purpose.legal_bases[0],
        anchor=anchor,
        others=tuple(name for name in FIELDS if name in purpose.attributes and name != anchor),
    )
