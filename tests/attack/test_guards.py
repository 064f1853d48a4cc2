"""Attack 33: each guard is taken out in turn, and its check must notice.

A check asks through the core and says whether the guard holds. With the guard in place it must hold; with the guard
removed it must not: a check that cannot fail guards nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from padan.group import base, random_scalar
from padan.token import Token
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.attack import enrolment_guards
from tests.people import BUDI, UNKNOWN_NIK
from tests.service import request
from tests.simulator.log_store import Fault
from tests.simulator.world import World
from tests.terms import Terms
from tokenizer import claim as claim_module
from tokenizer import evaluate as evaluation
from tokenizer import normalise
from tokenizer import token as tokens
from tokenizer.attribute import Kind
from verifier import budget, core, decision, settlement, validate
from verifier import evidence as evidence_module
from verifier.agreement import grant
from verifier.call import Call, Reply
from verifier.errors import LogUnavailableError
from verifier.token import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.call import Now
    from verifier.intent import Intent, Question, Settled

pytestmark = pytest.mark.attack

NAME = vocabulary.ATTRIBUTE_NAME
SEX = vocabulary.ATTRIBUTE_SEX
RELIGION = vocabulary.ATTRIBUTE_RELIGION
Patch = pytest.MonkeyPatch


def world(health: Terms | None = None, **terms: Any) -> World:
    """Make a small world of one agency, or two."""
    others = {"health": health} if health is not None else {}
    return World(seed=1, agencies={"tax": Terms(**terms), **others}, people=[dict(BUDI)])


def outcome(built: World, message: verification_pb2.VerifyRequest, agency: str = "tax") -> int | None:
    """Ask; None where refused."""
    (reply,) = built.ask(agency, message)
    return None if reply.body is None else verification_pb2.VerifyResponse.FromString(reply.body).outcome


def certificate_holds() -> bool:
    """A caller whose certificate is unknown is refused."""
    return outcome(world(), request(), agency="stranger") is None


def certificate_removed(patch: Patch) -> None:
    """Admit whoever calls, as the agency that has an agreement."""
    original = core.Verifier._identify

    def admit(self: core.Verifier, work: Any, now: Now) -> None:
        object.__setattr__(work.call, "certificate", b"tax")
        original(self, work, now)

    patch.setattr(core.Verifier, "_identify", admit)


def agreement_holds() -> bool:
    """An attribute outside the agreement is refused."""
    return outcome(world(), request(claims={NAME: BUDI["NAMA_LGKP"], RELIGION: "1"})) is None


def agreement_removed(patch: Patch) -> None:
    """Take every claim as granted."""

    def check(terms: grant.Terms, *, purpose: str, **_: Any) -> grant.Grant:
        return terms.grants[purpose]

    patch.setattr(grant, "check", check)


def anchor_required_holds() -> bool:
    """A request without an anchor is refused."""
    return outcome(world(), request(claims={SEX: "1"})) is None


def anchor_matched_holds() -> bool:
    """With a wrong anchor the other claims are not confirmed."""
    (reply,) = world().ask("tax", request(claims={NAME: "SITI RAHAYU", SEX: "1"}))
    assert reply.body is not None
    answer = verification_pb2.VerifyResponse.FromString(reply.body)
    return all(item.verdict == vocabulary.VERDICT_NO_MATCH for item in answer.verdicts)


def anchor_matched_removed(patch: Patch) -> None:
    """Take every anchor as matched."""
    original = decision.decide
    patch.setattr(
        core,
        "decide",
        lambda findings, **kwargs: original(findings, **{**kwargs, "anchor_sets": [frozenset()]}),
    )


def held_holds() -> bool:
    """A number that is not held is answered as a mismatch, also for a claim that a decoy might satisfy."""
    built = world()
    return outcome(built, request(nik=UNKNOWN_NIK)) == vocabulary.VERDICT_NO_MATCH


def held_removed(patch: Patch) -> None:
    """Skip the decoy: whoever is not held is refused, which tells him apart."""
    original = core.Verifier._fetch

    def fetch(self: core.Verifier, batch: list[Any]) -> None:
        original(self, batch)
        for work in batch:
            token = work.epoch.outer.token(work.subject.record_id)
            if token not in work.epoch.rows.rows:
                work.error = LogUnavailableError("not held")

    patch.setattr(core.Verifier, "_fetch", fetch)


def budget_holds() -> bool:
    """After the budget of a subject there are no more answers."""
    built = world(subject=3)
    seen = [outcome(built, built.question(right=False)) for _ in range(6)]
    return seen.count(vocabulary.VERDICT_NO_MATCH) == 3


def budget_removed(patch: Patch) -> None:
    """Charge nothing."""
    patch.setattr(budget, "charge", lambda *_: None)


def prefix_budget_holds() -> bool:
    """After the budget of a prefix there are no more answers about its other numbers."""
    built = world(prefix=3)
    stem = UNKNOWN_NIK[:12]
    seen = [outcome(built, built.question(right=False, nik=f"{stem}{9500 + n}")) for n in range(6)]
    return seen.count(vocabulary.VERDICT_NO_MATCH) == 3


def prefix_budget_removed(patch: Patch) -> None:
    """Judge by the subject alone."""
    original = budget.standing

    def standing(counters: budget.Counters, used: Any, limits: budget.Limits, cost: int) -> budget.Standing:
        without = {key: count for key, count in used.items() if key != counters.agency_prefix}
        return original(counters, without, limits, cost)

    patch.setattr(budget, "standing", standing)


def log_before_answer_holds() -> bool:
    """Without a durable entry there is no answer."""
    built = world()
    built.log.faults = [Fault.NOT_STORED]
    return outcome(built, request()) is None


def log_before_answer_removed(patch: Patch) -> None:
    """Answer what was decided even where the commit fails."""

    def answer(batch: list[Any], _settled: Any, _error: Any) -> list[Reply]:
        return [Reply(body=work.intent.question.released.body, error=None) for work in batch]

    patch.setattr(core.Verifier, "_answer", staticmethod(answer))


def every_claim_holds() -> bool:
    """Every claim is compared, also after one that fails."""
    compared: list[int] = []
    built = world()

    def counting(test: Any) -> Any:
        def count(question: Any, claim: Any) -> Any:
            compared.append(claim.attribute)
            return test(question, claim)

        return count

    patch = pytest.MonkeyPatch()
    tests = {kind: counting(test) for kind, test in evaluation._TESTS.items()}
    patch.setattr(evaluation, "_TESTS", tests)
    outcome(built, request(claims={NAME: "SITI RAHAYU", SEX: "2"}))
    patch.undo()
    return compared == [NAME, SEX]


def every_claim_removed(patch: Patch) -> None:
    """Stop at the first claim that fails."""
    original = evaluation.evaluate

    def early(inner: Any, r: bytes, claims: Any, record: Any, **kwargs: Any) -> Any:
        results: list[Any] = []
        for claim in claims:
            results += original(inner, r, [claim], record, **kwargs)
            if not results[-1].matched:
                break
        missing = len(claims) - len(results)
        return (*results, *[evaluation.ClaimResult(matched=False, held=True)] * missing)

    patch.setattr(evidence_module, "evaluate", early)


def replay_holds() -> bool:
    """A repetition is charged once and answered with the same bytes."""
    built = world(subject=2)
    message = built.question(right=False)
    (first,) = built.ask("tax", message)
    again = [built.ask("tax", message)[0].body for _ in range(3)]
    return (
        again == [first.body] * 3
        and outcome(built, built.question(right=False)) == vocabulary.VERDICT_NO_MATCH
    )


def replay_removed(patch: Patch) -> None:
    """Take every request as new."""
    original = settlement.Settlement.settle

    def settle(self: settlement.Settlement, group: settlement.Group) -> settlement.Outcome:
        keys = frozenset(intent.question.replay for intent in group.intents if intent.question is not None)
        outcome = original(
            self,
            settlement.Group(
                intents=group.intents, fresh=keys, stored=group.stored, used=group.used, time=group.time
            ),
        )
        outcome.replays.clear()
        return outcome

    patch.setattr(settlement.Settlement, "settle", settle)


def body_holds() -> bool:
    """The same request_id with another body is refused."""
    built = world()
    message = built.question(right=True)
    outcome(built, message)
    message.claims[0].value = "SITI RAHAYU"
    return outcome(built, message) is None


def body_removed(patch: Patch) -> None:
    """Take every body as the one that was answered."""
    original = settlement.Settlement._replay

    def replay(
        self: settlement.Settlement,
        out: settlement.Outcome,
        asked: Intent,
        question: Question,
        group: settlement.Group,
    ) -> Settled:
        same = dataclasses.replace(question, digest=group.stored[question.replay].digest)
        return original(self, out, asked, same, group)

    patch.setattr(settlement.Settlement, "_replay", replay)


def size_holds() -> bool:
    """A claim longer than the limit is refused before it is normalised."""
    return outcome(world(), request(claims={NAME: "A" * 401})) is None


def size_removed(patch: Patch) -> None:
    """Lift the limits of the message, of a claim and of a name; each would hold alone."""
    patch.setattr(validate, "MAX_CLAIM_BYTES", 10**6)
    patch.setattr(claim_module, "MAX_BYTES", 10**6)
    patch.setitem(normalise.LIMITS, Kind.NAME, 10**6)


def unknown_field_holds() -> bool:
    """A message with a field of its own is refused."""
    built = world()
    call = built.call("tax", request())
    forged = Call(
        raw=call.raw + b"\xf8\x01\x01",
        certificate=call.certificate,
        peer=call.peer,
        remaining=5.0,
        arrived=call.arrived,
    )
    (reply,) = built.core.verify_many([forged])
    return reply.body is None


def unknown_field_removed(patch: Patch) -> None:
    """Let unknown fields pass."""
    patch.setattr(validate, "refuse_unknown", lambda _message: None)


def token(built: World, agency: str = "tax") -> bytes:
    """Have a token issued."""
    (reply,) = built.ask(agency, request(issue_token=True))
    assert reply.body is not None
    return verification_pb2.VerifyResponse.FromString(reply.body).subject_token


def token_tag_holds() -> bool:
    """A point that the service never issued is not computed with, whatever surrounds it."""
    built = world(token_domain="tax")
    given = Token.parse(token(built))
    own = Token(domain="tax", version=1, element=base(random_scalar()), tag=given.tag)
    return outcome(built, request(subject_token=own.encode())) is None


def token_tag_removed(patch: Patch) -> None:
    """Take every tag as the service's."""
    patch.setattr(tokens.Tags, "holds", lambda _self, _given: True)


def token_domain_holds() -> bool:
    """A token of another agency's domain is refused, though the service tagged it."""
    built = world(Terms(token_domain="health"), token_domain="tax")
    return outcome(built, request(subject_token=token(built, "health"))) is None


def token_domain_removed(patch: Patch) -> None:
    """Look up the domain by what the token says."""
    original = subjects.Subjects.read

    def read(self: subjects.Subjects, data: bytes, **others: Any) -> subjects.TokenSubject:
        return original(self, data, **{**others, "domain": Token.parse(data).domain})

    patch.setattr(subjects.Subjects, "read", read)


def token_budget_holds() -> bool:
    """What an agency fails by token shows in no other agency's budgets."""
    built = world(Terms(), token_domain="tax")
    given = token(built)
    for _ in range(50):
        built.ask("tax", request(subject_token=given, claims={NAME: "SITI RAHAYU"}))
    wrong = [
        outcome(built, request(claims={NAME: "SITI RAHAYU"}), agency="health")
        for _ in range(budget.FLOOR + 2)
    ]
    return set(wrong) == {vocabulary.VERDICT_NO_MATCH}


def token_budget_removed(patch: Patch) -> None:
    """Charge questions by token to the budgets over all agencies."""
    original = budget.CounterKeys.of

    def of(self: budget.CounterKeys, **given: Any) -> budget.Counters:
        return original(self, **{**given, "joint": True})

    patch.setattr(budget.CounterKeys, "of", of)


GUARDS: dict[str, tuple[Callable[[], bool], Callable[[Patch], None]]] = {
    "certificate": (certificate_holds, certificate_removed),
    "agreement": (agreement_holds, agreement_removed),
    "anchor asked for": (anchor_required_holds, agreement_removed),
    "anchor matched": (anchor_matched_holds, anchor_matched_removed),
    "unknown like mismatch": (held_holds, held_removed),
    "budget": (budget_holds, budget_removed),
    "prefix budget": (prefix_budget_holds, prefix_budget_removed),
    "log before answer": (log_before_answer_holds, log_before_answer_removed),
    "every claim": (every_claim_holds, every_claim_removed),
    "replay window": (replay_holds, replay_removed),
    "replay of another body": (body_holds, body_removed),
    "size limit": (size_holds, size_removed),
    "unknown fields": (unknown_field_holds, unknown_field_removed),
    "token tag": (token_tag_holds, token_tag_removed),
    "token domain": (token_domain_holds, token_domain_removed),
    "token budget": (token_budget_holds, token_budget_removed),
    **enrolment_guards.GUARDS,
}


@pytest.mark.parametrize("name", GUARDS)
def test_the_guard_holds(name: str) -> None:
    """With the guard in place its check passes."""
    holds, _ = GUARDS[name]
    assert holds()


@pytest.mark.parametrize("name", GUARDS)
def test_its_removal_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the guard taken out its check fails."""
    holds, remove = GUARDS[name]
    remove(monkeypatch)
    assert not holds()
