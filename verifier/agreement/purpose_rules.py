"""The rules that each purpose must keep, so that it is no oracle and stays within the law. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.agreement import vocabulary as words
from verifier.agreement.finding import Found, error, names, warning
from verifier.decision import cost_bound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from verifier.agreement.model import Purpose

MAX_OVERALL_SUBJECT_BUDGET: Final = 10
"""Guesses about one resident a day where only one verdict is given: at most log2(11) bits."""
MAX_FULL_REQUESTS: Final = 3
"""Where a verdict is given for each claim, this many wholly failed requests a day about one resident."""
MAX_REGION_LEVELS: Final = 2
MIN_REASON_WORDS: Final = 4
MAX_CONVERSIONS: Final = 16
"""Token domains that tokens of one purpose may be converted to, or come from."""


def of_purpose(purpose: Purpose) -> Iterator[Found]:
    """Find everything that is wrong with one purpose; paths begin at its table."""
    yield from _of_anchors(purpose)
    yield from _of_budgets(purpose)
    yield from _of_predicates(purpose)
    yield from _of_existence(purpose)
    yield from _of_exemption(purpose)
    yield from _of_sensitivity(purpose)
    yield from _of_enrolments(purpose)
    yield from _of_conversion(purpose)
    yield from _of_biometrics(purpose)


def full_request_cost(purpose: Purpose) -> int:
    """Compute the guesses that a request with every attribute of the purpose can cost (see `verifier.decision`).

    Of each modality it has one capture: more are the agency's to bring, where the budget has room for them.
    """
    return cost_bound(
        sorted(purpose.attributes),
        per_claim=purpose.answer_form == words.PER_CLAIM,
        captures=len(purpose.attributes & words.MODALITIES),
    )


def _of_anchors(purpose: Purpose) -> Iterator[Found]:
    allowed = names(words.ANCHORS)
    if not purpose.anchors:
        yield error(
            "no-anchor", ("anchors",), "without an anchor every number can be tried", f"name one of {allowed}"
        )
    for attribute in sorted(purpose.anchors):
        name = words.ATTRIBUTE_NAMES[attribute]
        if attribute in words.IMPLIED:
            yield error(
                "implied-anchor",
                ("anchors",),
                f"{name} stands in the number itself or is true of nearly everyone",
                f"name one of {allowed}",
            )
        elif attribute not in words.ANCHORS:
            yield error(
                "weak-anchor", ("anchors",), f"{name} is too easily guessed", f"name one of {allowed}"
            )
        elif not words.ANCHORS[attribute] <= purpose.attributes:
            missing = names(words.ANCHORS[attribute] - purpose.attributes)
            yield error(
                "anchor-not-granted",
                ("anchors",),
                f"{name} needs claims that are not granted: {missing}",
                "add them to attributes",
            )
    if purpose.anchors == {words.MOTHER_NAME}:
        yield warning(
            "knowledge-question",
            ("anchors",),
            "a mother's name is a knowledge question, which proves no presence of the person",
            "add an anchor that the resident's papers show",
        )


def _of_budgets(purpose: Purpose) -> Iterator[Found]:
    cost, budget = full_request_cost(purpose), purpose.budgets.subject_per_day
    per_claim = purpose.answer_form == words.PER_CLAIM
    if budget < cost:
        yield error(
            "small-budget",
            ("budgets", "subject_per_day"),
            f"one request with all its claims can cost {cost}, so a budget of {budget} blocks it always",
            f"at least {cost}, or fewer attributes",
        )
    most = MAX_FULL_REQUESTS * cost if per_claim else MAX_OVERALL_SUBJECT_BUDGET
    if budget > most:
        yield error(
            "large-budget",
            ("budgets", "subject_per_day"),
            f"{budget} guesses a day about one resident",
            f"at most {most} for this purpose",
        )
    if purpose.budgets.prefix_per_day < budget:
        yield warning(
            "prefix-budget",
            ("budgets", "prefix_per_day"),
            "smaller than the budget about one resident, which it therefore replaces",
            f"at least {budget}",
        )


def _of_predicates(purpose: Purpose) -> Iterator[Found]:
    pairs: tuple[tuple[int, AbstractSet[int] | tuple[int, ...], str], ...] = (
        (words.AGE_AT_LEAST, purpose.ages, "ages"),
        (words.RESIDENT_IN_REGION, purpose.region_levels, "region_levels"),
    )
    for attribute, values, key in pairs:
        name = words.ATTRIBUTE_NAMES[attribute]
        if attribute in purpose.attributes and not values:
            yield error("parameter", (key,), f"{name} is granted without any", f"list {key}, or drop {name}")
        if values and attribute not in purpose.attributes:
            yield error(
                "parameter", (key,), f"listed, but {name} is not granted", f"grant {name}, or drop {key}"
            )
    if len(purpose.region_levels) > MAX_REGION_LEVELS:
        yield error(
            "region-levels",
            ("region_levels",),
            "let a search go down from province to village",
            f"at most {MAX_REGION_LEVELS} levels",
        )


def _of_existence(purpose: Purpose) -> Iterator[Found]:
    reason = purpose.existence_reason
    if reason and len(reason.split()) < MIN_REASON_WORDS:
        yield error(
            "existence",
            ("existence_reason",),
            "tells numbers that are held from numbers that are not, and gives no reason",
            "say in a sentence why the agency must know, or drop it",
        )
    elif reason:
        yield warning(
            "existence",
            ("existence_reason",),
            "the agency can tell numbers that are held from numbers that are not",
            "make sure that the law it rests on says so",
        )


def _of_exemption(purpose: Purpose) -> Iterator[Found]:
    if purpose.exempt_article:
        yield warning(
            "exemption",
            ("exempt_article",),
            f"residents' restrictions and locks do not bind this purpose (UU 27/2022 Art. {purpose.exempt_article})",
            "make sure that the law it rests on says so, and that the auditors know",
        )


def _of_sensitivity(purpose: Purpose) -> Iterator[Found]:
    level = words.SENSITIVITIES
    specific = purpose.attributes & {words.BLOOD_TYPE, *words.MODALITIES}
    if specific and purpose.sensitivity == level["general"]:
        yield error(
            "sensitivity",
            ("sensitivity",),
            "blood type and biometrics are specific data (UU 27/2022 Art. 4(2))",
            'write "specific", and the number of the impact assessment as dpia',
        )
    if purpose.sensitivity >= level["specific"] and not purpose.dpia:
        yield error(
            "dpia",
            ("dpia",),
            "specific data needs an impact assessment (UU 27/2022 Art. 34)",
            "give its number",
        )
    if purpose.sensitivity == level["protected"]:
        if not purpose.approval:
            yield error(
                "approval",
                ("approval",),
                "protected data needs the Minister's approval (PP 40/2019 Art. 56)",
                "give its number",
            )
        if purpose.lawful_use != words.LAW_ENFORCEMENT:
            yield error(
                "lawful-use",
                ("lawful_use",),
                "protected data is for law enforcement only (UU 24/2013 Art. 84)",
                'write "law_enforcement", or ask for less',
            )


def _of_enrolments(purpose: Purpose) -> Iterator[Found]:
    for place, each in enumerate(purpose.enrolments):
        path = ("enrolments", place)
        if not purpose.token_domain:
            yield error(
                "enrolment-domain",
                path,
                "residents are enrolled and asked about by tokens, and the purpose has none",
                "give the purpose a token_domain, or drop the class",
            )
        if not (each.enrol or each.ask or each.lists):
            yield error(
                "enrolment-empty",
                path,
                "the class may neither be enrolled in nor asked about",
                "write enrol = true, ask = true, or lists",
            )
        if each.lists == words.LISTS["rows"]:
            yield warning(
                "enrolment-rows",
                (*path, "lists"),
                "lists tell of each resident whether they are enrolled"
                + (", to others" if each.enrol else ""),
                "counts tell less: make sure that the law it rests on asks for rows",
            )


def _of_conversion(purpose: Purpose) -> Iterator[Found]:
    wrong = [
        error("conversion", (key,), what, right)
        for key, domains in (
            ("conversions", purpose.conversions),
            ("converted_from", purpose.converted_from),
        )
        for what, right in _of_domains(purpose.token_domain, domains)
    ]
    yield from wrong
    if purpose.conversions and not wrong:
        yield warning(
            "conversion",
            ("conversions",),
            f"gives another agency tokens of the residents that this one names: {', '.join(purpose.conversions)}",
            "make sure that the law it rests on says so, and that the other agreement names this token domain",
        )


def _of_domains(own: str, domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find what is wrong with the domains that tokens go to or come from."""
    if domains and not own:
        yield "the purpose has no tokens", "name its token_domain, or leave this out"
    if own and own in domains:
        yield "names the purpose's own token domain", "name another agency's"
    if len(domains) > MAX_CONVERSIONS:
        yield f"{len(domains)} token domains", f"at most {MAX_CONVERSIONS}"


def _of_biometrics(purpose: Purpose) -> Iterator[Found]:
    asked, modalities = purpose.biometrics, purpose.attributes & words.MODALITIES
    if asked is None:
        if modalities:
            yield error(
                "biometrics",
                ("attributes",),
                f"{names(modalities)} without what is asked of a capture",
                "write a table [purposes.biometrics] with its level, or drop the modality",
            )
        return
    if not modalities:
        yield error(
            "biometrics",
            ("biometrics",),
            "no modality is granted",
            f"name one of {names(words.MODALITIES)} in attributes, or leave it out",
        )
    if asked.presentation_attack == words.NONE_FOUND and not asked.require_device:
        yield error(
            "presentation",
            ("biometrics", "presentation_attack"),
            "nobody says so whom the service could believe",
            "write require_device = true, or leave it out",
        )
    if purpose.anchors and purpose.anchors <= words.MODALITIES and asked.level == words.SUBSTANTIAL:
        yield warning(
            "biometric-anchor",
            ("biometrics", "level"),
            "a capture alone opens the answer, and of 1,000 other people it is taken for one",
            'write "high", or add an anchor that the resident\'s papers show',
        )
