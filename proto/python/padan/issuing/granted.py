"""What an agreement grants a run, seen before anybody is asked about: a list that would be refused is not begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan.errors import InvalidRequestError, NotGrantedError, UnavailableError
from padan.issuing.part import Binding
from padan.vocabulary import LegalBasis

if TYPE_CHECKING:
    from padan.info import Purpose, ServiceInfo, TokenDomain
    from padan.issuing.people import Columns
    from padan.issuing.run import Terms


def bind(info: ServiceInfo, terms: Terms, columns: Columns) -> Binding:
    """See that the agreement grants what a run asks, and say to whom it is bound.

    Raises:
        InvalidRequestError: the terms are malformed, or consent goes without its receipts.
        NotGrantedError: it does not.
        UnavailableError: the token domain has no key yet.
    """
    terms.require()
    if LegalBasis.of(terms.legal_basis) is LegalBasis.CONSENT and not columns.consent:
        raise InvalidRequestError(
            "the legal basis is consent, and no column of receipts is named",
            reason="INVALID_FIELD",
            next_step="name the column that has each person's receipt with --consent-column",
        )
    purpose = _purpose(info, terms)
    domain = _domain(info, purpose)
    claims = [attribute.label for attribute in columns.claims]
    if missing := sorted(set(claims) - set(purpose.attributes)):
        raise NotGrantedError(
            f"the purpose {terms.purpose} grants no claim of {', '.join(missing)}",
            reason="ATTRIBUTE_NOT_GRANTED",
            next_step="leave the columns out with --without COLUMN, or have the agreement amended",
        )
    if purpose.anchors and not set(claims) & set(purpose.anchors):
        raise NotGrantedError(
            f"the list has none of the purpose's anchors: {', '.join(purpose.anchors)}",
            reason="ANCHOR_REQUIRED",
            next_step=f"name its column, for example --claim {purpose.anchors[0]}=COLUMN",
        )
    _require_basis(purpose, terms)
    return Binding(
        registry=f"{info.registry_id}/{info.environment}",
        agency=info.agency_id,
        domain=domain.name,
        terms=terms,
        columns=columns,
    )


def domain_of(info: ServiceInfo, terms: Terms) -> TokenDomain:
    """See that the agreement grants tokens under some terms, and give their domain.

    Raises:
        InvalidRequestError: the terms are malformed.
        NotGrantedError: it does not.
        UnavailableError: the token domain has no key yet.
    """
    terms.require()
    purpose = _purpose(info, terms)
    domain = _domain(info, purpose)
    _require_basis(purpose, terms)
    return domain


def _domain(info: ServiceInfo, purpose: Purpose) -> TokenDomain:
    if not purpose.token_domain:
        raise NotGrantedError(
            f"the purpose {purpose.code} is granted no tokens",
            reason="FEATURE_NOT_GRANTED",
            next_step="use a purpose for which `padan info` names a token domain, or have the agreement amended",
        )
    domain = next(domain for domain in info.token_domains if domain.name == purpose.token_domain)
    if not domain.versions:
        raise UnavailableError(f"the token domain {domain.name} has no key", reason="TOKENS_UNAVAILABLE")
    return domain


def _require_basis(purpose: Purpose, terms: Terms) -> None:
    if LegalBasis.of(terms.legal_basis).label not in purpose.legal_bases:
        raise NotGrantedError(
            "the legal basis is not the agreement's",
            reason="LEGAL_BASIS_NOT_GRANTED",
            next_step=f"give --legal-basis {' or '.join(purpose.legal_bases)}",
        )


def _purpose(info: ServiceInfo, terms: Terms) -> Purpose:
    if info.agreement is None:
        raise NotGrantedError("no agreement of the agency is in force", reason="NO_AGREEMENT")
    found = next((each for each in info.agreement.purposes if each.code == terms.purpose), None)
    if found is None:
        raise NotGrantedError("the purpose is not in the agreement", reason="PURPOSE_NOT_GRANTED")
    return found
