"""The guards of enrolment sets: what holds each, and what takes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan.group import base, random_scalar
from padan.token import Token
from padan.v1 import token_pb2
from tests.simulator.hall import NIKS, Hall, circumstances, classes
from tests.simulator.log_store import Fault
from tests.terms import Terms
from tokenizer import enrolment as sets
from tokenizer import token as tokens
from verifier.agreement import vocabulary
from verifier.errors import ServiceError, VerifierError
from verifier.log.beside import Beside
from verifier.resident.mark import Mark
from verifier.token import checking, enrolling, listing, noise
from verifier.token.listing import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from verifier.intent import Intent

    Patch = pytest.MonkeyPatch

FEW = 2
MANY = [f"327301010190{9000 + number}" for number in range(LEAST)]
BUDI, SARI, *_ = NIKS


def hall() -> Hall:
    """Two programmes of one class, and one that is granted nothing in it."""
    granted = classes(("aid", "both", "none"))
    return Hall(
        {
            **{name: Terms(token_domain=name, subject=FEW, enrolments=granted) for name in ("rice", "cash")},
            "tax": Terms(token_domain="tax"),
        },
        people=NIKS[:2],
    )


def _refused(act: Callable[[], object], reason: str) -> bool:
    try:
        act()
    except VerifierError as error:
        return error.reason == reason
    return False


def ask_grant_holds() -> bool:
    """Who is not granted the class is told nothing about it."""
    built = hall()
    token = built.issue("tax", BUDI)
    return _refused(lambda: built.check("tax", token), "CLASS_UNKNOWN")


def ask_grant_removed(patch: Patch) -> None:
    """Ask about any class."""
    patch.setattr(checking, "require_ask", lambda _grant, _category: None)


def enrol_grant_holds() -> bool:
    """Who is not granted the class enrols nobody in it."""
    built = hall()
    token = built.issue("tax", BUDI)
    return _refused(lambda: built.enrol("tax", token), "CLASS_UNKNOWN")


def enrol_grant_removed(patch: Patch) -> None:
    """Enrol in any class."""
    patch.setattr(enrolling, "require_enrol", lambda _grant, _category: None)


def budget_holds() -> bool:
    """The budget about a resident ends questions, though every one of them was answered."""
    built = hall()
    token = built.issue("cash", BUDI)
    return [built.check("cash", token) for _ in range(FEW + 1)] == ["NO_MATCH"] * FEW + ["BLOCKED"]


def budget_removed(patch: Patch) -> None:
    """Charge nothing."""
    patch.setattr(checking, "COST", 0)


def tag_holds() -> bool:
    """A point of the caller's own is multiplied by none of the calls."""
    built = hall()
    forged = Token(domain="cash", version=1, element=base(random_scalar()), tag=bytes(16)).encode()
    return (
        _refused(lambda: built.check("cash", forged), "TOKEN_REFUSED")
        and bool(built.enrol("cash", forged))
        and bool(built.withdraw("cash", forged))
    )


def tag_removed(patch: Patch) -> None:
    """Believe every tag."""
    patch.setattr(tokens.Tags, "holds", lambda _self, _given: True)


def enroller_holds() -> bool:
    """A programme withdraws nothing that another one said."""
    built = hall()
    rice, cash = built.issue("rice", BUDI), built.issue("cash", BUDI)
    built.enrol("rice", rice)
    built.withdraw("cash", cash)
    return built.check("rice", rice) == "MATCH"


def enroller_removed(patch: Patch) -> None:
    """Leave the programme out of names."""
    patch.setattr(sets, "prefixed", lambda category, _domain: category.encode())


def right_holds() -> bool:
    """A resident's lock stands above the question."""
    built = hall()
    cash = built.issue("cash", BUDI)
    built.enrol("rice", built.issue("rice", BUDI))
    built.world.marks.on = _EveryHandle()
    return built.check("cash", cash) == "NOT_AVAILABLE"


class _EveryHandle(dict[bytes, int]):
    """Everybody is locked."""

    def get(self, _handle: bytes, _default: object = None, /) -> int:
        """Say so."""
        return Mark.LOCKED


def right_removed(patch: Patch) -> None:
    """Overlook marks."""
    patch.setattr(checking, "is_withheld", lambda _marks: False)


def log_holds() -> bool:
    """Without a durable entry nothing is answered, and nothing enrolled."""
    built = hall()
    rice, cash = built.issue("rice", BUDI), built.issue("cash", BUDI)
    for act in (lambda: built.enrol("rice", rice), lambda: built.check("cash", cash)):
        built.world.log.faults.append(Fault.NOT_STORED)
        try:
            act()
        except ServiceError:
            continue
        return False
    return built.world.log.tables[Beside.ENROLMENT] == {}


def log_removed(patch: Patch) -> None:
    """Answer what could not be committed."""
    from tests.simulator.world import Journal
    from verifier.intent import Settled

    def commit(_self: Journal, intents: list[Intent]) -> list[Settled]:
        bodies = [each.question.released.body if each.question else None for each in intents]
        return [Settled(body=body) for body in bodies]

    patch.setattr(Journal, "commit", commit)


def _lists(granted: str = "counts") -> tuple[Hall, list[bytes]]:
    built = Hall(
        {"cash": Terms(token_domain="cash", enrolments=classes(("aid", "both", granted)))}, people=MANY
    )
    tokens = [built.issue("cash", nik) for nik in MANY]
    built.enrol("cash", *tokens[: LEAST // 2])
    return built, tokens


def _count(built: Hall, tokens: list[bytes]) -> int:
    message = token_pb2.StreamCheckEnrolmentRequest(
        circumstances=circumstances(), tokens=tokens, category="aid"
    )
    answer = built.desk.check_many(built.call("cash", message))
    return token_pb2.StreamCheckEnrolmentResponse.FromString(answer).enrolled


def noise_holds() -> bool:
    """The same list has another count each day, though nothing changed."""
    built, tokens = _lists()
    counts = set()
    for _ in range(6):
        counts.add(_count(built, tokens))
        built.world.clocks.step(86_400)
    return len(counts) > 1


def noise_removed(patch: Patch) -> None:
    """Give the true count."""
    patch.setattr(noise, "draw", lambda: 0)


def count_budget_holds() -> bool:
    """Counts of one day do not add up to the true one: who was in one is in no other."""
    built, tokens = _lists()
    counts = [_count(built, tokens) for _ in range(40)]
    return sum(counts[1:]) / 39 < LEAST / 3  # noise alone, cut off at zero, is some 10


def count_budget_removed(patch: Patch) -> None:
    """Count everybody each time."""
    patch.setattr(listing, "A_DAY", 1_000)


def list_grant_holds() -> bool:
    """Lists are refused where the agreements grant none."""
    built, tokens = _lists("none")
    return _refused(lambda: _count(built, tokens), "FEATURE_NOT_GRANTED")


def list_grant_removed(patch: Patch) -> None:
    """Count whatever is granted."""
    patch.setattr(listing, "require_list", lambda _grant, _category, _programmes: vocabulary.LISTS["counts"])


GUARDS: dict[str, tuple[Callable[[], bool], Callable[[Patch], None]]] = {
    "enrolment asked about": (ask_grant_holds, ask_grant_removed),
    "enrolment granted": (enrol_grant_holds, enrol_grant_removed),
    "enrolment budget": (budget_holds, budget_removed),
    "enrolment tag": (tag_holds, tag_removed),
    "enrolment of another": (enroller_holds, enroller_removed),
    "enrolment and a right": (right_holds, right_removed),
    "enrolment logged": (log_holds, log_removed),
    "noise of a count": (noise_holds, noise_removed),
    "counts of a day": (count_budget_holds, count_budget_removed),
    "lists granted": (list_grant_holds, list_grant_removed),
}
