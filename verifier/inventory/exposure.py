"""What the loss of a key means, as data: one row a purpose. Pure.

A row says what the key alone gives, what it gives with more, to whom, where its work stands, and what is to be done
with the commands that there are. docs/threat-model.md has the reasons.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys.purpose import Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping


class Place(enum.StrEnum):
    """Where what a key made stands."""

    EPOCHS = "epochs of the vault"
    REPLAYS = "stored answers"
    COUNTERS = "counters of budgets"
    MARKS = "marks on residents"


class Family(enum.StrEnum):
    """Tokens that agencies keep."""

    NONE = "none are issued yet"
    DOMAIN = "agency tokens of the domain"
    SETS = "members of enrolment sets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan.

    Attributes:
        command: the command line, with {purpose} and {key_id} for the key's; empty where people do it.
        does: what it is for.
    """

    command: str
    does: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the loss of a purpose's key means.

    Attributes:
        alone: what the key gives to whoever has it and nothing else.
        beside: what it gives together with more, and with what.
        whom: who can use it.
        data: kinds of personal data that a notice has to name; empty where none is exposed by it.
        places: where its work stands.
        tokens: which tokens of agencies are concerned.
        log: what of the log is concerned; empty for nothing.
        moves_rows: whether the remedy goes over every row of the vault.
        plan: what is to be done, in order.
    """

    alone: str
    beside: str
    whom: str
    data: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    tokens: Family = Family.NONE
    log: str = ""
    moves_rows: bool = False
    plan: tuple[Step, ...] = ()


_DECLARE: Final = Step(
    command="padan-keys declare-compromised {purpose} {key_id} --reason TEXT",
    does="the key makes nothing new from here on; the history, and with it the log, has the moment",
)
_DESTROY: Final = Step(
    command="padan-keys destroy {purpose} {key_id}",
    does="the key goes, and a new KEK takes the place of the old, so that no copy of the keyring gives it back",
)
_RELOAD: Final = Step(
    command="padan-server reload",
    does="running processes let go of the key; restart a key agent of its own first",
)
_NOTICE: Final = Step(command="", does="the notice of Art. 46 goes out within 3 x 24 hours of the discovery")
_NEW: Final = (
    Step(command="padan-keys create {purpose}", does="a new key, which does nothing yet"),
    Step(
        command="padan-keys activate {purpose} NEW_KEY_ID --primary",
        does="what is made from now on is made under the new key",
    ),
)
_PROJECT: Final = (
    Step(
        command="padan-server registry load SOURCE",
        does="an epoch under the new key, beside the one that answers, from the registry",
    ),
    Step(command="padan-server epoch activate NUMBER", does="answers come from the new epoch"),
    Step(
        command="padan-server epoch drop NUMBER", does="the rows under the lost key go, for each older epoch"
    ),
)
_ANEW: Final = (_DECLARE, *_NEW, _RELOAD, *_PROJECT, _DESTROY, _NOTICE)
_PROJECTED: Final = (
    _DECLARE,
    Step(
        command="padan-server rotation project SOURCE --new-keys",
        does="the registry projects everybody anew under new inner keys, while the service answers from under the old",
    ),
    Step(command="padan-server rotation flip", does="answers come from the new epoch"),
    Step(
        command="padan-server rotation finish --now",
        does="the old epoch's rows and both its inner keys go, and a new KEK takes the place of the old",
    ),
    _RELOAD,
    _NOTICE,
)
"""From the registry: what a person becomes under other keys cannot be told from what they were."""
_MOVED: Final = (
    _DECLARE,
    Step(
        command="padan-server rotation begin",
        does="every row goes under new outer keys while the service answers from under the old ones",
    ),
    Step(command="padan-server rotation flip", does="answers come from the new epoch"),
    Step(
        command="padan-server rotation finish --now",
        does="the old epoch's rows and both its outer keys go, and a new KEK takes the place of the old",
    ),
    _RELOAD,
    _NOTICE,
)
"""Without the registry: no rotation protects a dump that was taken before it together with its keys."""
_IN_PLACE: Final = (
    _DECLARE,
    *_NEW,
    _RELOAD,
    _DESTROY,
)
_BESIDE: Final = (
    _DECLARE,
    *_NEW,
    _RELOAD,
    Step(command="padan-server token rekey", does="every row beside the log goes under the new key"),
    _DESTROY,
    _NOTICE,
)
"""The lost key reads its rows until they are moved."""
_LOG_DUMP: Final = (
    "whoever also has a dump of the log's database: a backup, a copy of the disk, root on its host"
)
_PEOPLE: Final = (
    "NIK, name, mother's name, birth place and date, sex, address, family card number, all attributes of a record",
)
_DUMP: Final = (
    "whoever also has a dump of the vault: a backup, a copy of the disk, root on the database's host"
)
_NOT_YET: Final = "nothing: no release makes anything under it yet"

EXPOSURES: Final[Mapping[Purpose, Exposure]] = MappingProxyType(
    {
        Purpose.INDEX: Exposure(
            alone="nothing; with it record ids of all NIKs can be computed, 16 digits of which few are free",
            beside="with a dump and both outer keys: who is held, and each row's NIK",
            whom=_DUMP,
            data=("NIK, and that its holder is in the registry",),
            places=(Place.EPOCHS,),
            moves_rows=True,
            plan=_PROJECTED,
        ),
        Purpose.ATTRIBUTE: Exposure(
            alone="nothing",
            beside="with a dump and both outer keys: coded attributes and most names, by trying them",
            whom=_DUMP,
            data=_PEOPLE,
            places=(Place.EPOCHS,),
            moves_rows=True,
            plan=_PROJECTED,
        ),
        Purpose.OUTER_TOKEN: Exposure(
            alone="nothing",
            beside="with a dump: record ids, which are the same in every epoch; with the index key too, NIKs",
            whom=_DUMP,
            places=(Place.EPOCHS,),
            moves_rows=True,
            plan=_MOVED,
        ),
        Purpose.ROW_SEAL: Exposure(
            alone="nothing",
            beside="with a dump: boxes open to record ids, keyed values and handles; with the inner keys, the people. "
            "Whoever can write the vault too can put a row of their own in the place of another",
            whom=_DUMP,
            data=_PEOPLE,
            places=(Place.EPOCHS,),
            moves_rows=True,
            plan=_MOVED,
        ),
        Purpose.HANDLE: Exposure(
            alone="nothing",
            beside="with the auditors' opened periods, or a key agent's memory: about whom an entry of them is",
            whom="auditors who open periods together, root on the key host, whoever has a dump of the log beside them",
            data=("which agency asked about whom, when, and the outcome",),
            places=(Place.EPOCHS, Place.MARKS),
            log="every entry about a subject, from the key's activation on",
            moves_rows=True,
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                *_PROJECT,
                Step(
                    command="padan-server resident propose",
                    does="two officers enter locks and restrictions anew, which stand under the old handles",
                ),
                Step(
                    command="",
                    does="the key stays compromised and is not destroyed: older trails are opened by it",
                ),
                _NOTICE,
            ),
        ),
        Purpose.BUDGET: Exposure(
            alone="nothing",
            beside="with a dump of the log's database: whose budgets are spent, so about whom was asked in vain",
            whom="whoever has a dump of the log's database",
            data=("that somebody asked about a NIK on a day, and how often in vain",),
            places=(Place.COUNTERS, Place.MARKS),
            moves_rows=True,
            plan=(
                *_ANEW[:-2],
                Step(
                    command="",
                    does="counters begin at nothing under the new key: watch for guessing for a day",
                ),
                _DESTROY,
                _NOTICE,
            ),
        ),
        Purpose.TOMBSTONE: Exposure(
            alone="nothing",
            beside="with a dump of the log's database: which NIKs are, or were, erased, restricted or locked",
            whom="whoever has a dump of the log's database",
            data=(
                "that a resident's record was erased, restricted or locked, since when, and with which other number",
            ),
            places=(Place.MARKS,),
            moves_rows=True,
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(
                    command="padan-server resident propose",
                    does="two officers enter every erasure anew, or the next load brings the people back",
                ),
                *_PROJECT,
                _DESTROY,
                _NOTICE,
            ),
        ),
        Purpose.REPLAY: Exposure(
            alone="nothing",
            beside="with a dump of the log's database: the answers of the last 24 hours, with request ids and no names",
            whom="whoever has a dump of the log's database of those 24 hours",
            data=("verdicts by request id; no attribute, and no NIK",),
            places=(Place.REPLAYS,),
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(command="", does="after 24 hours no stored answer is left under the old key"),
                _DESTROY,
            ),
        ),
        Purpose.LOG_SIGNING: Exposure(
            alone="checkpoints of a log that never was, for those who compare with nobody",
            beside="with whoever serves the tree: a fork of the log, until an agency, auditor or witness compares",
            whom="whoever can also answer in the place of the published tree",
            log="every checkpoint from the key's activation on; entries themselves are not weakened",
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(command="padan-server log check", does="what the lost key signed is what the log holds"),
                Step(
                    command="",
                    does="witnesses, auditors and agencies get the new public key, and compare checkpoints",
                ),
                _DESTROY,
            ),
        ),
        Purpose.RECEIPT_SIGNING: Exposure(
            alone="receipts of answers that never were given; the log has no entry for them, so no inclusion proof",
            beside="nothing more",
            whom="whoever would gain by a false proof of a check: an agency, or somebody who deals with it",
            log="receipts from the key's activation on are believed only with their inclusion proof",
            plan=(
                *_IN_PLACE[:-1],
                Step(
                    command="padan-keys export-public",
                    does="agencies get the new public key and the old one's state",
                ),
                _DESTROY,
            ),
        ),
        Purpose.PROJECTOR_FEED: Exposure(
            alone="nothing",
            beside="with the data folder of a load that was cut off: a changed chunk passes for one that was done",
            whom="whoever can write the projector's data folder",
            plan=(
                *_IN_PLACE[:-1],
                Step(
                    command="padan-server registry check SOURCE",
                    does="the vault holds what the registry says",
                ),
                _DESTROY,
            ),
        ),
        Purpose.BIOMETRIC: Exposure(
            alone="nothing",
            beside="with a dump and the outer keys: about 99 of 100 enrolled templates can be rebuilt",
            whom=_DUMP,
            data=("biometric data, which is specific personal data",),
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(
                    command="padan-server reference renew",
                    does="resident by resident, each present, references under the new key take the old ones' place",
                ),
                _DESTROY,
                _NOTICE,
            ),
        ),
        Purpose.TOKEN_DOMAIN: Exposure(
            alone="nothing",
            beside="with an agency's tokens: the NIK of each, by trying all",
            whom="whoever has the agency's database",
            data=("NIK of the residents whose tokens the agency holds",),
            tokens=Family.DOMAIN,
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(
                    command="",
                    does="the agency's tokens of the lost version are refused from now on; it has them issued anew",
                ),
                _DESTROY,
                _NOTICE,
            ),
        ),
        Purpose.TOKEN_TAG: Exposure(
            alone="nothing",
            beside="with a token: tags for elements that were never issued, so that foreign points get multiplied",
            whom="an agency that may send tokens",
            tokens=Family.DOMAIN,
            plan=(
                _DECLARE,
                *_NEW,
                _RELOAD,
                Step(
                    command="",
                    does="tokens that the lost key tagged are refused; agencies have them issued anew",
                ),
                _DESTROY,
            ),
        ),
        Purpose.TOKEN_INDEX: Exposure(
            alone="nothing",
            beside="with a dump of the log's database and the match key: which residents have a token",
            whom=_LOG_DUMP,
            data=("that an agency keeps a token of a resident",),
            tokens=Family.DOMAIN,
            plan=_BESIDE,
        ),
        Purpose.MATCH_DOMAIN: Exposure(
            alone="nothing",
            beside="with the token index and set keys and a dump of the log's database: who has a token or is in a set",
            whom=_LOG_DUMP,
            data=("that an agency keeps a token of a resident", "membership in an enrolment set"),
            tokens=Family.SETS,
            plan=_BESIDE,
        ),
        Purpose.SET: Exposure(
            alone=_NOT_YET,
            beside="with the match key and a dump of the log's database: who is in which enrolment set",
            whom=_LOG_DUMP,
            data=("membership in an enrolment set, such as that of a benefit",),
            tokens=Family.SETS,
            plan=_BESIDE,
        ),
    }
)
"""What the loss of a key of each purpose means."""
