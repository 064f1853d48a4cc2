"""Whether two agreements let tokens of one domain become another one's: both must say so, in force. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.agreement.errors import ConversionNotGrantedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verifier.agreement.grant import Grant, Terms


def require_receiver(grant: Grant, target: str, in_force: Iterable[Terms]) -> str:
    """See that a purpose may hand tokens on to a domain, and that one of that domain takes them.

    Args:
        grant: of the purpose, under which tokens are handed in.
        target: the domain to convert to.
        in_force: the terms of all agencies.

    Returns:
        Id of the agency that collects them.

    Raises:
        ConversionNotGrantedError: one side does not grant it.
    """
    if target not in grant.conversions:
        raise ConversionNotGrantedError(
            "the purpose may not convert its tokens to this domain", field="domain"
        )
    for terms in in_force:
        for other in terms.grants.values():
            if other.token_domain == target and grant.token_domain in other.converted_from:
                return terms.agreement.agency
    raise ConversionNotGrantedError(
        "no agreement in force lets the other domain take tokens of this one", field="domain"
    )


def require_sender(source: str, target: str, in_force: Iterable[Terms]) -> None:
    """See that a purpose of the domain whose tokens were handed in may still convert them.

    Raises:
        ConversionNotGrantedError: none may.
    """
    granted = any(
        other.token_domain == source and target in other.conversions
        for terms in in_force
        for other in terms.grants.values()
    )
    if not granted:
        raise ConversionNotGrantedError(
            "no agreement in force lets the other domain convert its tokens to this one"
        )
