"""A token domain as an agency meets it: versions with real keys, tags, updates with proofs, and failures."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from padan import dleq, grouphash, update
from padan.group import Multiplier, base, random_scalar, scalar_invert, scalar_multiply
from padan.info import Agreement, Limits, Purpose, ServiceInfo, ServiceKey
from padan.token import Token, update_context
from padan.v1 import error_pb2, token_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.update import Update, Updated

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass(slots=True)
class Domain:
    """A domain, and the service in front of it.

    Attributes:
        name: of the domain.
        days: for which tokens of a replaced version are accepted.
        steps: what happens before the next calls are answered, in turn: an error is raised.
        calls: the requests that were answered.
        bodies: the bytes of every request.
    """

    name: str = "health"
    days: int = 90
    steps: deque[Callable[[], object]] = field(default_factory=deque)
    calls: list[token_pb2.UpdateTokensRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    _keys: dict[int, bytearray] = field(default_factory=lambda: {1: random_scalar()})
    _tag: bytes = b"the service's own key"

    @property
    def current(self) -> int:
        """The version that issues."""
        return max(self._keys)

    def rotate(self) -> None:
        """Replace the key."""
        self._keys[self.current + 1] = random_scalar()

    def end(self, version: int) -> None:
        """Destroy a version's key."""
        del self._keys[version]

    def issue(self, person: int, version: int = 0) -> bytes:
        """Issue a person's token."""
        return self._put(
            Multiplier(self._keys[version or self.current]).of(_hashed(person)), version or self.current
        )

    def texts(self, people: Sequence[int], version: int = 0) -> list[str]:
        """Issue people's tokens as text."""
        return [Token.parse(self.issue(person, version)).text for person in people]

    def service_info(self) -> ServiceInfo:
        """Say what may be asked."""
        purpose = Purpose(
            code="service",
            lawful_use="",
            attributes=("name",),
            anchors=("name",),
            profile="",
            answer_form="",
            legal_bases=("public_task",),
            ages=(),
            region_levels=(),
            subject_budget=0,
            token_domain=self.name,
        )
        return ServiceInfo(
            service_version="0",
            registry_id="registry",
            environment="development",
            role="",
            time=NOW,
            epochs=(),
            keys=tuple(
                ServiceKey(
                    purpose=f"token-domain/{self.name}",
                    key_id=str(version),
                    algorithm="",
                    public_key=base(key),
                    not_after=None if version == self.current else NOW + timedelta(days=self.days),
                )
                for version, key in self._keys.items()
            ),
            agreement=Agreement(
                agreement_id="a",
                version=1,
                valid_from=None,
                valid_until=None,
                daily_quota=1,
                purposes=(purpose,),
            ),
            code_lists=(),
            limits=Limits(
                max_request_bytes=1,
                max_claims=1,
                max_claim_bytes=1,
                max_deadline_ms=1,
                replay_window_seconds=1,
            ),
            profiles=(),
            normaliser_version="",
            agency_id="clinic",
        )

    def update_tokens(self, tokens: Update, *, keys: Mapping[int, bytes] | None = None) -> Updated:
        """Move tokens, as the service and the client do together."""
        self.bodies.append(tokens.body)
        if self.steps:
            self.steps.popleft()()
        message = token_pb2.UpdateTokensRequest.FromString(tokens.body)
        self.calls.append(message)
        return update.read(self._answer(message), tokens.tokens, keys or {})

    def _answer(self, message: token_pb2.UpdateTokensRequest) -> token_pb2.UpdateTokensResponse:
        given = [self._read(each) for each in message.tokens]
        versions = {each.version for each in given if each is not None}
        old = versions.pop() if versions else self.current
        answer = token_pb2.UpdateTokensResponse(old_version=old, new_version=self.current)
        quotient = scalar_multiply(self._keys[self.current], scalar_invert(self._keys[old]))
        pairs = []
        for place, token in enumerate(given):
            if token is None:
                answer.faults.add(place=place, reason=error_pb2.ERROR_REASON_TOKEN_REFUSED)
                answer.tokens.append(b"")
                continue
            element = token.element if old == self.current else Multiplier(quotient).of(token.element)
            pairs.append((token.element, element))
            answer.tokens.append(self._put(element, self.current))
        if pairs and old != self.current:
            context = update_context(self.name, old, self.current)
            origin = base(self._keys[old])
            answer.proof = dleq.prove(
                quotient, base(self._keys[self.current]), pairs, context=context, origin=origin
            )
        return answer

    def _read(self, data: bytes) -> Token | None:
        token = Token.parse(data)
        fits = token.domain == self.name and token.version in self._keys
        return token if fits and data == self._put(token.element, token.version) else None

    def _put(self, element: bytes, version: int) -> bytes:
        token = Token(domain=self.name, version=version, element=element, tag=bytes(16))
        tag = hmac.digest(self._tag, token.tagged, hashlib.sha256)[:16]
        return Token(domain=self.name, version=version, element=element, tag=tag).encode()


def _hashed(person: int) -> bytes:
    return grouphash.to_group(person.to_bytes(4, "big"), b"simulated")
