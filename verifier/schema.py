"""The tables of both databases, as SQLAlchemy Core sees them; verifier/migrations builds the same, and a test compares.

Times are milliseconds of the Unix epoch, UTC. A day is a count of days of the Unix epoch in log time. The log database
holds the log, the budgets, the stored answers and the directory of agencies; the vault database holds the catalogue of
epochs, and on PostgreSQL one table of people an epoch, which the loading itself creates.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

import verifier.schema_reference
import verifier.schema_rotation  # noqa: F401 - as are these
from verifier.metadata import log_metadata as log_metadata  # noqa: PLC0414 - taken from here by others
from verifier.metadata import vault_metadata as vault_metadata  # noqa: PLC0414 - taken from here by others

# A table with this in its `info` is on one engine alone.
_SQLITE_ONLY = {"dialect": "sqlite"}
_POSTGRES_ONLY = {"dialect": "postgresql"}
# SQLite keeps its row number only in a column of exactly this type.
_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

entry = Table(
    "entry",
    log_metadata,
    Column("sequence", _ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("kind", Integer, nullable=False),
    Column("agency", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("log_time_ms", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Index("entry_agency", "agency", "sequence"),
)
"""The private entries; format and version stand in their first bytes. An erased entry keeps its leaf, kind,
agency and log time."""

counter = Table(
    "counter",
    log_metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What was spent of each budget. The day stands first: a day's counters lie together and go together."""

replay = Table(
    "replay",
    log_metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("day", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    info=_POSTGRES_ONLY,
)
"""Stored answers; the key is the request_id (16 bytes) and then the agency's id."""

kept_answer = Table(
    "kept_answer",
    log_metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("day", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    info=_SQLITE_ONLY,
)
"""The same on SQLite, in the order of commits; `replay_place` says where a key's answer stands."""

replay_place = Table(
    "replay_place",
    log_metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_with_rowid=False,
    info=_SQLITE_ONLY,
)
"""The key's hash (16 bytes) and the id in `kept_answer`."""

counter_change, replay_place_change = (
    Table(
        name,
        log_metadata,
        Column("id", Integer, primary_key=True),
        Column("day", Integer, nullable=False),
        Column("changes", LargeBinary, nullable=False),
        info=_SQLITE_ONLY,
    )
    for name in ("counter_change", "replay_place_change")
)
"""The journals of `counter` and `replay_place`: a run of key (16 bytes) and value (u64, big-endian) a commit."""

agency = Table(
    "agency",
    log_metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

certificate = Table(
    "certificate",
    log_metadata,
    Column("serial", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Index("certificate_holder", "role", "holder"),
)

agreement = Table(
    "agreement",
    log_metadata,
    Column("agency", Text, ForeignKey("agency.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("signer", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("activated_ms", BigInteger),
    CheckConstraint("status IN ('draft', 'active', 'suspended', 'ended')", name="agreement_status"),
)

auditor_grant = Table(
    "auditor_grant",
    log_metadata,
    Column("auditor", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("format", SmallInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("signer", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("activated_ms", BigInteger, nullable=False),
    CheckConstraint("status IN ('active', 'suspended', 'ended')", name="auditor_grant_status"),
)
"""What auditors may read of the log, as signed; `format` is that of the document."""

capture_device = Table(
    "capture_device",
    log_metadata,
    Column("id", Text, primary_key=True),
    Column("agency", Text, ForeignKey("agency.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("pad_level", SmallInteger, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    CheckConstraint("pad_level BETWEEN 0 AND 3", name="capture_device_pad_level"),
)
"""Devices whose word on a capture is believed (verifier.biometric.device), by their Ed25519 keys."""

ceremony = Table(
    "ceremony",
    log_metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("action", Text, nullable=False),
    Column("proposal", LargeBinary, nullable=False),
    Column("executed_ms", BigInteger, nullable=False),
)
"""Proposals that were executed, by their id (32 bytes); none is executed twice."""

resident_mark = Table(
    "resident_mark",
    log_metadata,
    Column("tombstone", LargeBinary, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("handle", LargeBinary, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("purged_ms", BigInteger),
    CheckConstraint("mark IN ('erased', 'restricted', 'locked')", name="resident_mark_name"),
    Index("resident_mark_handle", "handle"),
)
"""What is marked on a number, under its tombstone and its budget handle (16 bytes each); `purged_ms` says when an
erased person's rows were gone from every epoch."""

modality_lock = Table(
    "modality_lock",
    log_metadata,
    Column("tombstone", LargeBinary, primary_key=True),
    Column("modality", Text, primary_key=True),
    Column("handle", LargeBinary, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)
"""Locks of one modality that residents asked for, under the same names as the other marks."""

mark_place = Table(
    "mark_place",
    log_metadata,
    Column("tombstone", LargeBinary, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("as_of_ms", BigInteger, nullable=False),
)
"""How far a source of changes was followed when a mark was put: mergers up to there came before it, and do not take it
along when they are read again."""

mark_carried = Table(
    "mark_carried",
    log_metadata,
    Column("tombstone", LargeBinary, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("other", LargeBinary, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("parted", SmallInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("as_of_ms", BigInteger, nullable=False),
    Index("mark_carried_other", "other"),
)
"""Marks that a number took over from another one of the same person, both by their tombstones, since when the other one
bore it, and with which change; or, where `parted` is 1, with which change the other one was its holder's own again."""

leader = Table(
    "leader",
    log_metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    # Unique for PostgreSQL's sake: only a change of what a key may refer to waits for FOR KEY SHARE, so that a new term
    # waits for the duties of the one before, and a heartbeat for none.
    Column("term", BigInteger, nullable=False, unique=True),
    Column("holder", LargeBinary, nullable=False),
    Column("heartbeat_ms", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="leader_single"),
)
"""One row: who leads the installation's processes, in which term, and when it last said that it lives."""
dispute = Table(
    "dispute",
    log_metadata,
    Column("id", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("request_id", LargeBinary, nullable=False),
    Column("order_digest", LargeBinary, nullable=False),
    Column("answer", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("overdue_ms", BigInteger),
    Column("document", LargeBinary, nullable=False),
    Column("decision", LargeBinary),
    Column("signature", LargeBinary),
    Column("signer", Text),
    Index("dispute_agency", "agency", "opened_ms"),
    Index("dispute_due", "state", "due_ms"),
    Index("dispute_answer", "answer"),
    Index("dispute_opened", "opened_ms"),
    Index("dispute_settled", "state", "changed_ms"),
    Index("dispute_unresolved", "agency", "state"),
)
"""Disputes; `answer` is the place of the disputed entry, `document` what docs/formats/dispute.md says is kept."""

token_row, progress_row, enrolment_row, asked_row, conversion_row = (
    Table(
        name,
        log_metadata,
        Column("name", LargeBinary, primary_key=True),
        Column("box", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    for name in ("token_row", "progress_row", "enrolment_row", "asked_row", "conversion_row")
)
"""Tables beside the log, each a name of 16 bytes and a box (docs/formats/token.md): residents who have a token; how far
agencies say they are with moving their tokens (verifier.token.progress); members of enrolment sets; who asked about a
class (verifier.token.asked); and what was handed in to be converted and is not collected yet. Of the progress, and of
who asked, nothing is secret.
"""

setting = Table(
    "setting",
    log_metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

generation = Table(
    "generation",
    log_metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="generation_single"),
)
"""One row, counted up by each write to the directory, so that workers see cheaply that they must read again."""

mirror = Table(
    "mirror",
    log_metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("folder", Text, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    info=_SQLITE_ONLY,
)
"""At most one row: where the log is mirrored to, and how far."""

log_reader, vault_reader = (
    Table(name, metadata, Column("version", Text, primary_key=True))
    for name, metadata in (("log_reader", log_metadata), ("vault_reader", vault_metadata))
)
"""The newest version that a release knows, for each release that may work with the database as it is."""

epoch = Table(
    "epoch",
    vault_metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("registry", Text, nullable=False),
    Column("as_of_ms", BigInteger, nullable=False),
    Column("key_ids", Text, nullable=False),
    Column("normaliser", Text, nullable=False),
    Column("suite", Text, nullable=False),
    Column("decoys", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("box_size", Integer, nullable=False),
    CheckConstraint("state IN ('loading', 'ready', 'active', 'retired', 'dropped')", name="epoch_state"),
)
"""The catalogue of epochs; at most one is active. `key_ids` is a JSON object of purpose to key id."""

epoch_layer = Table(
    "epoch_layer",
    vault_metadata,
    Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
)
"""The files of an epoch that was changed, on SQLite: 0 is the one that was loaded, the highest number the newest."""

feed_position = Table(
    "feed_position",
    vault_metadata,
    Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("as_of_ms", BigInteger, nullable=False, server_default="0"),
)
"""How far an epoch has followed a source of changes, and the registry's state that the source had come to.

Both move in the transaction that makes the changes visible.
"""

ACTIVE_EPOCH = Index(
    "epoch_one_active",
    epoch.c.state,
    unique=True,
    sqlite_where=epoch.c.state == "active",
    postgresql_where=epoch.c.state == "active",
)
"""No two epochs are active, whatever two writers do at once."""
