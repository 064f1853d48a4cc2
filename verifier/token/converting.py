"""Takes tokens that are to become another domain's.

1 let the call in, and see that the agreements of both domains grant it
2 find the job, or open it; a part that is there already is answered as it was
3 check every token's tag, and only then find its resident
4 commit an entry for each resident, and with it the row that waits to be collected
5 close the job, once all its parts are there
6 answer on the commit

Rows are only added here: what changes or deletes them stands in line with the commands that do. Until a job is closed
nobody can collect it, so that the times and the order of its parts say nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Final

from padan import canonical
from padan.entry import SALT_SIZE, EntryKind, Field
from padan.v1 import error_pb2, token_pb2
from tokenizer.conversion import PLACES, SEED_SIZE, Closed, Item, Job, Part, Standing
from tokenizer.errors import IssuingOverError
from verifier import validate
from verifier.agreement.conversion import require_receiver
from verifier.errors import InvalidFieldError, RequestIdReusedError
from verifier.intent import Intent
from verifier.log.beside import Beside, How, Kept
from verifier.period import NONCE_SIZE
from verifier.resident.mark import ERASED, is_withheld
from verifier.token.errors import (
    ConversionClosedError,
    ConversionIncompleteError,
    TokensUnavailableError,
)
from verifier.token.jobs import day_of
from verifier.token.reception import MOST, read_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verifier.call import Call, Now
    from verifier.epoch import PinnedEpoch
    from verifier.identity import Peer
    from verifier.ports import Agreements, Journal, Periods, Witnesses
    from verifier.token.domains import Keys, TokenDomains
    from verifier.token.jobs import Jobs
    from verifier.token.reception import Reception, Visit
    from verifier.token.residents import Resident, Residents

MOST_PARTS: Final = 30_000
MOST_PAYLOAD: Final = 1_024
_SHOWN: Final = 5
_REFUSED: Final = error_pb2.ERROR_REASON_TOKEN_REFUSED
_OUTDATED: Final = error_pb2.ERROR_REASON_TOKEN_OUTDATED
if PLACES != MOST:
    raise RuntimeError("a part's row has room for as many places as a call has tokens")


class Converting:
    """Answers ConvertTokens. Safe to call from many threads.

    Args:
        reception: lets calls in.
        agreements: those in force.
        witnesses: what the log's witnesses vouch for.
        domains: the token domains.
        residents: finds them.
        periods: names residents in the log.
        jobs: finds jobs.
        journal: takes the entries.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        agreements: Agreements,
        witnesses: Witnesses,
        domains: TokenDomains,
        residents: Residents,
        periods: Periods,
        jobs: Jobs,
        journal: Journal,
    ) -> None:
        self._reception = reception
        self._agreements = agreements
        self._witnesses = witnesses
        self._domains = domains
        self._residents = residents
        self._periods = periods
        self._jobs = jobs
        self._journal = journal

    def answer(self, call: Call) -> bytes:
        """Answer one ConvertTokens, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or keys or rows are not there.
        """
        return self._reception.serve("ConvertTokens", call, self._convert)

    def _convert(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.ConvertTokensRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        receiver = require_receiver(visit.grant, message.domain, self._agreements.all_in_force(now.wall))
        self._witnesses.require(visit.grant.sensitivity, now.wall)
        size = _size(message)
        keys = self._domains.current()
        job = self._job(keys, visit, message, size)  # 2
        closed = self._jobs.closed(keys.conversions, job)
        response = token_pb2.ConvertTokensResponse(job_id=message.circumstances.request_id)
        if message.items:
            self._require_size(job, size)
            self._take(keys, visit, message, job, receiver, closed, response)
        if message.last:
            response.taken = self._close(keys, visit, job, message.part, closed)
            response.closed = True
        return response.SerializeToString()  # 6

    def _job(self, keys: Keys, visit: Visit, message: token_pb2.ConvertTokensRequest, size: int) -> Job:
        """Find the job, or open it and look which one stands: another process may have been first."""
        source, rows = visit.grant.token_domain, keys.conversions
        for again in (False, True):
            found = self._jobs.find(rows, [source], visit.request_id, now=visit.now.wall)
            if found is not None and isinstance(found.row, Job):
                if found.row.target != message.domain:
                    raise RequestIdReusedError("the job is one of conversion to another domain")
                return found.row
            if again:
                break
            job = Job(
                job_id=visit.request_id,
                seed=os.urandom(SEED_SIZE),
                day=day_of(visit.now.wall),
                size=size,
                source=source,
                target=message.domain,
            )
            kept = _kept(keys, [Standing(name=b"", size=size, row=job)])
            detail = {"job": message.circumstances.request_id, "to": job.target, "opened": "yes"}
            self._journal.commit([visit.intend(EntryKind.CONVERSION_HANDED_IN, detail, kept)])
        raise TokensUnavailableError("the row of a job of conversion is not there")

    @staticmethod
    def _require_size(job: Job, size: int) -> None:
        if size != job.size:
            raise InvalidFieldError(
                f"payloads of {job.size} bytes, as the job's others", field="items.payload"
            )

    def _take(  # noqa: PLR0917 - one call, above
        self,
        keys: Keys,
        visit: Visit,
        message: token_pb2.ConvertTokensRequest,
        job: Job,
        receiver: str,
        closed: Closed | None,
        response: token_pb2.ConvertTokensResponse,
    ) -> None:
        """Take a part, or answer one that is there as it was answered."""
        tokens = [item.token for item in message.items]
        digest = hashlib.sha256(canonical.encode_list(tokens)).digest()
        part = self._jobs.parts(keys.conversions, job, [message.part]).get(message.part)
        detail = {"job": message.circumstances.request_id, "to": job.target, "part": str(message.part)}
        if part is not None:
            if not hmac.compare_digest(part.digest, digest):
                raise RequestIdReusedError("this part of the job was handed in with other tokens")
            detail |= {"tokens": str(part.taken), "again": "yes"}
            self._journal.commit([visit.intend(EntryKind.CONVERSION_HANDED_IN, detail)])
        elif closed is not None:
            raise ConversionClosedError("the job is closed and takes no further part")
        else:
            part = self._hand_in(keys, visit, message, job, receiver, digest, detail)
        response.taken = part.taken
        response.faults.extend(_faults(part))

    def _hand_in(  # noqa: PLR0917 - one call, above
        self,
        keys: Keys,
        visit: Visit,
        message: token_pb2.ConvertTokensRequest,
        job: Job,
        receiver: str,
        digest: bytes,
        detail: dict[str, str],
    ) -> Part:
        domain = keys.domain(job.source)
        given, faults = read_tokens(domain, [item.token for item in message.items], visit.now)  # 3
        places = [place for place, token in enumerate(given) if token is not None]
        tokens = [token for token in given if token is not None]
        part = Part(
            job_id=job.job_id,
            part=message.part,
            digest=digest,
            taken=len(places),
            refused=tuple(fault.place for fault in faults if fault.reason == _REFUSED),
            outdated=tuple(fault.place for fault in faults if fault.reason == _OUTDATED),
        )
        epoch = self._residents.pin()
        residents = self._residents.find(
            keys, domain, tokens, epoch=epoch, request_id=visit.request_id, before=False
        )
        logged = False
        try:
            fields = _fields(visit, receiver, epoch)
            intents = [
                self._about(
                    visit,
                    fields
                    | {
                        Field.TOKENS: canonical.encode_list(
                            [f"subject={job.source}@{token.version}".encode()]
                        )
                    },
                    resident,
                    _kept(
                        keys,
                        [
                            Standing(
                                name=job.item(message.part, place),
                                size=job.size,
                                row=Item(
                                    job_id=job.job_id,
                                    part=message.part,
                                    there=_goes_on(resident, exempt=visit.grant.exempt),
                                    element=resident.slots[0],
                                    payload=message.items[place].payload,
                                ),
                            )
                        ],
                    ),
                )
                for place, token, resident in zip(places, tokens, residents, strict=True)
            ]
            row = Standing(name=job.part(message.part), size=job.size, row=part)
            detail |= {"tokens": str(part.taken), "refused": str(len(faults))}
            intents.append(visit.intend(EntryKind.CONVERSION_HANDED_IN, detail, _kept(keys, [row])))
            self._journal.commit(intents)  # 4
            logged = True
        finally:
            self._residents.settle(len(tokens), logged=logged)
        return part

    def _about(
        self, visit: Visit, fields: dict[int, bytes], resident: Resident, kept: tuple[Kept, ...]
    ) -> Intent:
        """Draft the entry about one resident, with what is kept of the token."""
        drawn = os.urandom(NONCE_SIZE + SALT_SIZE)
        nonce = drawn[:NONCE_SIZE]
        reference, period = self._periods.reference(resident.handles.log, nonce)
        about = {Field.SUBJECT: reference, Field.NONCE: nonce, Field.PERIOD: period}
        return Intent(
            kind=EntryKind.TOKEN_CONVERTED,
            agency=visit.peer.id,
            officer=visit.said.officer,
            purpose=visit.grant.purpose,
            head=canonical.encode(fields | about),
            salt=drawn[NONCE_SIZE:],
            question=None,
            kept=kept,
        )

    def _close(self, keys: Keys, visit: Visit, job: Job, parts: int, closed: Closed | None) -> int:
        """Close the job after so many parts; gives how many tokens it has."""
        if closed is None:  # 5
            numbers = range(1, parts + 1)
            there = self._jobs.parts(keys.conversions, job, numbers)
            missing = [str(number) for number in numbers if number not in there]
            if missing:
                more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
                raise ConversionIncompleteError(f"parts are missing: {', '.join(missing[:_SHOWN])}{more}")
            taken = sum(part.taken for part in there.values())
            row = Closed(job_id=job.job_id, parts=parts, taken=taken)
            detail = {
                "job": visit.said.request_id,
                "to": job.target,
                "parts": str(parts),
                "tokens": str(taken),
                "closed": "yes",
            }
            kept = _kept(keys, [Standing(name=job.closing, size=job.size, row=row)])
            self._journal.commit([visit.intend(EntryKind.CONVERSION_HANDED_IN, detail, kept)])
            closed = self._jobs.closed(keys.conversions, job)
        if closed is None or closed.parts != parts:
            raise ConversionClosedError("the job was closed after another number of parts")
        return closed.taken


def _size(message: token_pb2.ConvertTokensRequest) -> int:
    """Check what a part is, and give the size of its payloads.

    Raises:
        InvalidFieldError: names the field and the rule.
    """
    if not message.items and not message.last:
        raise InvalidFieldError(f"1 to {MOST} items, or none where the job is closed", field="items")
    if len(message.items) > MOST:
        raise InvalidFieldError(f"1 to {MOST} items", field="items")
    if not (1 if message.items else 0) <= message.part <= MOST_PARTS:
        raise InvalidFieldError(f"1 to {MOST_PARTS:,}", field="part")
    sizes = {len(item.payload) for item in message.items} or {0}
    if len(sizes) > 1 or max(sizes) > MOST_PAYLOAD:
        raise InvalidFieldError(f"payloads of one size, 0 to {MOST_PAYLOAD:,} bytes", field="items.payload")
    return sizes.pop()


def _goes_on(resident: Resident, *, exempt: bool) -> bool:
    """Say whether the registry holds a resident, and nothing keeps others from being told.

    Args:
        resident: whose token was handed in.
        exempt: residents' restrictions and locks do not bind the purpose.
    """
    told = not resident.marks & ERASED and (exempt or not is_withheld(resident.marks))
    return resident.is_held and resident.is_known and told


def _fields(visit: Visit, receiver: str, epoch: PinnedEpoch) -> dict[int, bytes]:
    """Write what the entries about all residents of a part have in common."""
    grant = visit.grant
    fields: dict[int, bytes] = {
        Field.KIND: int(EntryKind.TOKEN_CONVERTED).to_bytes(2, "big"),
        Field.AGENCY: visit.peer.id.encode(),
        Field.OFFICER: visit.said.officer.encode(),
        Field.CERTIFICATE: visit.peer.fingerprint,
        Field.ON_BEHALF_OF: receiver.encode(),
        Field.AGREEMENT: grant.agreement_id.encode(),
        Field.AGREEMENT_VERSION: grant.agreement_version.to_bytes(4, "big"),
        Field.CLAUSE: grant.clause.encode(),
        Field.PURPOSE: grant.purpose.encode(),
        Field.LAWFUL_USE: bytes((grant.lawful_use,)),
        Field.LEGAL_BASIS: bytes((visit.said.legal_basis,)),
        Field.EPOCH: epoch.number.to_bytes(4, "big"),
        Field.SENSITIVITY: bytes((grant.sensitivity,)),
        Field.RETENTION: bytes((grant.retention,)),
        Field.REQUEST_ID: visit.request_id,
    }
    if visit.said.consent_receipt:
        fields[Field.CONSENT_RECEIPT] = visit.said.consent_receipt.encode()
    if grant.delayed_disclosure:
        fields[Field.DELAYED_DISCLOSURE] = grant.delayed_disclosure.encode()
    return fields


def _kept(keys: Keys, rows: Iterable[Standing]) -> tuple[Kept, ...]:
    try:
        sealed = [keys.conversions.seal(row) for row in rows]
    except IssuingOverError as error:
        raise TokensUnavailableError(str(error)) from error
    return tuple(Kept(beside=Beside.CONVERSION, how=How.ADD, name=name, box=box) for name, box in sealed)


def _faults(part: Part) -> Sequence[token_pb2.TokenFault]:
    faults = [token_pb2.TokenFault(place=place, reason=_REFUSED) for place in part.refused]
    faults += [token_pb2.TokenFault(place=place, reason=_OUTDATED) for place in part.outdated]
    return sorted(faults, key=lambda fault: fault.place)
