"""The one place that reads configuration: a TOML file, with environment variables above it.

A setting `slot_ms` is read from the file's key `slot_ms`, or from PADAN_SLOT_MS. Paths in the file are relative to
the file. A wrong value is refused with the file, the line and what would be right.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from keys import provider
from verifier.config_fault import did_you_mean, explain
from verifier.errors import OperatorError

DEFAULT_PATH = Path("padan.toml")
PATH_VARIABLE = "PADAN_CONFIG"
_PREFIX = "PADAN_"
_OTHER_VARIABLES = frozenset({"CONFIG", "CLIENT_CONFIG", "CA_PASSPHRASE_FILE"})
"""Variables of the command lines that are no settings."""
_IDENTIFIER = r"^[a-z0-9][a-z0-9.-]{0,62}$"
_ENDPOINT = r"^(https?://[^\s/]+:\d{1,5})?$"
_ADDRESS = r"^[^\s]+:\d{1,5}$"
_KEK_PATHS = re.compile(
    r"(^file:|(?<=[?&])(?:passphrase-file=|kek-file=|module-path=|pin-source=(?:file:(?://)?)?))([^?&]+)"
)
"""The paths inside of a KEK provider's URI."""


class ConfigError(OperatorError):
    """The configuration cannot be used; the message names file, line and what would be right."""


class Settings(BaseSettings):
    """Settings of the server and of the operator's commands."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    registry_id: Annotated[str, Field(pattern=_IDENTIFIER)] = Field(
        description="Id of the registry; part of every key's label. Never change it."
    )
    environment: Literal["production", "staging", "development"] = Field(
        default="production",
        description="Part of every key's label; development allows reflection and single custody.",
    )
    role: Literal["authoritative", "credible"] = Field(
        default="authoritative",
        description="Role as a validation source (NIST SP 800-63A): authoritative if the registry's owner runs it.",
    )
    trust_domain: Annotated[str, Field(pattern=_IDENTIFIER)] = Field(
        description="Host part of the spiffe:// names in certificates."
    )
    data_dir: Path = Field(
        default=Path("data"), description="Folder of the embedded databases and of working files."
    )
    log_url: str = Field(
        default="",
        description="Database of log, budgets and replays: postgresql://… or a file; default data_dir/log.sqlite.",
    )
    vault_url: str = Field(
        default="", description="Database of the people: postgresql://… or a folder; default data_dir/vault."
    )
    head_store: Path | None = Field(
        default=None,
        examples=["/other-disk/padan/head.json"],
        description="File, or folder, of the log's head, best on another disk; default data_dir/head.json.",
    )
    log_mirror: Path | None = Field(
        default=None,
        examples=["/other-disk/padan/mirror"],
        description="Folder, on another disk, in which each commit of a SQLite log is durable before it is answered.",
    )
    tree_dir: Path | None = Field(
        default=None,
        examples=["/srv/padan/tree"],
        description="Folder of the published tree, for any web server to serve; default data_dir/tree.",
    )
    witness_policy: Path | None = Field(
        default=None,
        examples=["witness.policy"],
        description="File of the log's witnesses and their quorum (C2SP tlog-policy); default none are asked.",
    )
    witness_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        default=15,
        description="Minutes for which the log goes on without that quorum; then classes of data are refused.",
    )
    keyring: Path = Field(default=Path("keyring.json"), description="The keyring file.")
    kek: str = Field(
        default="",
        description="What unlocks the keyring: file:PATH?passphrase-file=PATH, quorum:FOLDER, credential:, pkcs11:",
    )
    key_agent: str = Field(
        default="",
        description="Socket of the process that holds the unlocked keys (padan-server agent); default none.",
    )
    ca_dir: Path = Field(default=Path("ca"), description="Folder of the service's own small CA.")
    agreement_signers: tuple[str, ...] = Field(
        default=(), description="Public keys (Ed25519, base64) whose signature makes an agreement valid."
    )
    officers: tuple[str, ...] = Field(
        default=(),
        description="Public keys (Ed25519, base64) of the registry's officers, two of whom decide together.",
    )
    dispute_key: str = Field(
        default="",
        description="Public key (X25519, base64) to which disputes are sealed; empty: none can be opened.",
    )
    dispute_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="Days for which an answer can be disputed, and a resolved dispute is kept."
    )
    token_grace_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="Days for which tokens of a replaced version are accepted and can be updated."
    )
    enrolment_questions_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=366, description="Days for which a class's programmes can read who asked about it."
    )
    token_end_grace_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=90, description="Days after an agreement's end before which its token domain is not ended."
    )
    conversion_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=30, description="Days that tokens wait to be collected by another agency."
    )
    dispute_limit: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=100, description="Unresolved disputes that an agency may have."
    )
    feed_signers: tuple[str, ...] = Field(
        default=(), description="Public keys (Ed25519, base64) that sign the registry's changes."
    )
    tls_cert: Path = Field(default=Path("tls/server.pem"), description="The server's certificate chain, PEM.")
    tls_key: Path = Field(default=Path("tls/server.key"), description="The server's private key, PEM.")
    client_ca: Path = Field(
        default=Path("ca/ca.pem"), description="CA certificates that client certificates must come from, PEM."
    )
    listen: Annotated[str, Field(pattern=_ADDRESS)] = Field(
        default="127.0.0.1:7443", description="Address of VerificationService."
    )
    audit_listen: Annotated[str, Field(pattern=_ADDRESS)] = Field(
        default="127.0.0.1:7444", description="Address of AuditService."
    )
    custody_listen: Annotated[str, Field(pattern=_ADDRESS)] = Field(
        default="127.0.0.1:7446",
        description="Address of CustodyService: shares of kek = quorum:FOLDER, proposals of custodians.",
    )
    metrics_listen: str = Field(
        default="127.0.0.1:7445", description="Address of the Prometheus metrics; empty for none."
    )
    leader_metrics_listen: str = Field(
        default="127.0.0.1:7448",
        description="Address of the Prometheus metrics of padan-server lead; empty for none.",
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1,
        description="Worker processes; with the log on SQLite, more than one share a process that writes it.",
    )
    threads: Annotated[int, Field(ge=4, le=512)] = Field(
        default=64, description="Threads of a worker for calls that the lane does not serve."
    )
    lane: bool = Field(
        default=True, description="Serve Verify in batches from one thread of each worker; else from threads."
    )
    leader: Literal["service", "process"] = Field(
        default="service",
        description="Who carries what an installation does once: one of the service's processes, or padan-server lead.",
    )
    connection_seconds: Annotated[int, Field(ge=5, le=86_400)] = Field(
        default=60,
        description="Age at which a client is told to make another connection; a worker that is replaced waits for it.",
    )
    slot_ms: Annotated[float, Field(ge=0, le=500)] = Field(
        default=5.0,
        description="Time after arrival at which every lookup ends, in milliseconds; above the p99.9 of a cold read.",
    )
    biometric_slot_ms: Annotated[float, Field(ge=0, le=2_000)] = Field(
        default=60.0,
        description="Time after arrival at which every comparison of captures ends, in milliseconds; above its p99.9.",
    )
    max_deadline_ms: Annotated[int, Field(ge=100, le=60_000)] = Field(
        default=10_000, description="Longest time that a call is worked on."
    )
    joint_subject_budget: Annotated[int, Field(ge=1)] = Field(
        default=40, description="Failed guesses a day about one resident, over all agencies."
    )
    joint_prefix_budget: Annotated[int, Field(ge=1)] = Field(
        default=400, description="Failed guesses a day about one twelve-digit prefix, over all agencies."
    )
    receipts: bool = Field(default=True, description="Sign a receipt for each answer.")
    auditors_key: Path | None = Field(
        default=None,
        examples=["auditors.json"],
        description="File of the auditors' key, to which period keys are sealed: from padan-audit keys check, or in "
        "development from padan-keys auditors-keygen.",
    )
    biometric_thresholds: Path | None = Field(
        default=None,
        examples=["thresholds.json"],
        description="File of the biometric thresholds (padan-server calibrate); default none, and none is accepted.",
    )
    retention_short_days: Annotated[int, Field(ge=1)] = Field(
        default=366, description="Days for which entries of the class short are kept."
    )
    retention_standard_days: Annotated[int, Field(ge=1)] = Field(
        default=1827, description="Days for which entries of the class standard are kept (5 years)."
    )
    retention_long_days: Annotated[int, Field(ge=1)] = Field(
        default=3653, description="Days for which entries of the class long, and about the data, are kept."
    )
    retention_lasting_days: Annotated[int, Field(ge=1)] = Field(
        default=9132,
        description="Days for which entries about keys, agreements and residents' rights are kept (25 years).",
    )
    retention_hold: tuple[str, ...] = Field(
        default=(), description="Ids of agencies of whose entries none is erased now, as for a trial."
    )
    retention_epoch_days: Annotated[int, Field(ge=1)] = Field(
        default=30, description="Days after which the rows of a retired epoch are dropped."
    )
    retention_file_days: Annotated[int, Field(ge=1)] = Field(
        default=90, description="Days for which what loads and checks left in data_dir is kept."
    )
    otlp_endpoint: Annotated[str, Field(pattern=_ENDPOINT)] = Field(
        default="",
        description="Collector of traces (OTLP over gRPC), http://host:port or https://host:port; empty for no traces.",
    )
    trace_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="Share of the batches of requests that are traced."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level of the service's own messages."
    )

    @model_validator(mode="after")
    def _keep_in_order(self) -> Self:
        names = [f"retention_{word}_days" for word in ("short", "standard", "long", "lasting")]
        days = [getattr(self, name) for name in names]
        if days != sorted(days):
            raise ValueError(f"{', '.join(names[:-1])} and {names[-1]} must not fall in this order")
        return self

    @property
    def log_database(self) -> str:
        """The log's database: a postgresql URL or the path of a SQLite file."""
        return self.log_url or str(self.data_dir / "log.sqlite")

    @property
    def has_writer(self) -> bool:
        """Whether one process writes the log for all workers: several of them, and a log of one writer."""
        return self.workers > 1 and not self.is_log_shared

    @property
    def is_log_shared(self) -> bool:
        """Whether every process writes the log itself: on PostgreSQL. A SQLite file has one writer."""
        return self.log_database.startswith("postgres")

    @property
    def journal_socket(self) -> Path:
        """Where the workers reach that process."""
        return self.data_dir / "journal.sock"

    @property
    def head_file(self) -> Path:
        """The file of the log's head."""
        place = self.head_store or self.data_dir
        return place / "head.json" if place.is_dir() or self.head_store is None else place

    @property
    def tree_folder(self) -> Path:
        """The folder of the published tree."""
        return self.tree_dir or self.data_dir / "tree"

    @property
    def starts_sealed(self) -> bool:
        """Whether custodians hand in shares before any process has keys."""
        return provider.starts_sealed(self.kek)

    @property
    def starts_key_agent(self) -> bool:
        """Whether the service has a key agent among its own processes: several of them or sealed, and none named."""
        return (self.workers > 1 or self.starts_sealed) and not self.key_agent

    @property
    def has_parent(self) -> bool:
        """Whether a process of its own starts and watches the others."""
        return self.workers > 1 or self.starts_key_agent

    @property
    def key_agent_socket(self) -> Path | None:
        """Where processes of the service fetch their keys; None where the only one unlocks them itself."""
        if self.key_agent:
            return Path(self.key_agent)
        return self.data_dir / "agent.sock" if self.starts_key_agent else None

    @property
    def vault_database(self) -> str:
        """The vault's database: a postgresql URL or the path of a folder of SQLite files."""
        return self.vault_url or str(self.data_dir / "vault")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the file, and the file above nothing but defaults."""
        del dotenv_settings, file_secret_settings
        return env_settings, init_settings, TomlConfigSettingsSource(settings_cls)


def unknown_variables() -> dict[str, str]:
    """Name the variables of the environment that look like settings and are none, each with what was probably meant."""
    names = [name.removeprefix(_PREFIX) for name in os.environ if name.startswith(_PREFIX)]
    known = {field.upper() for field in Settings.model_fields} | _OTHER_VARIABLES
    return {
        f"{_PREFIX}{name}": did_you_mean(name, Settings.model_fields)
        for name in sorted(names)
        if name not in known
    }


def path_of(path: Path | None = None) -> Path:
    """Name the configuration file: the one given, else $PADAN_CONFIG, else ./padan.toml."""
    return path or Path(os.environ.get(PATH_VARIABLE, "") or DEFAULT_PATH)


def load(path: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        path: the file; default $PADAN_CONFIG, else ./padan.toml.

    Raises:
        ConfigError: no file, no TOML, an unknown key or a wrong value; names the line.
    """
    chosen = path_of(path)
    try:
        text = chosen.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{chosen}: no such file; name one with --config, or begin with padan-server init"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{chosen}: cannot be read ({type(error).__name__})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{chosen}: not TOML: {error}") from error
    base = chosen.resolve().parent
    try:
        settings = Settings(**{name: _anchored(name, value, base) for name, value in values.items()})
    except ValidationError as error:
        raise ConfigError(explain(error, chosen, text, Settings.model_fields)) from error
    return settings.model_copy(
        update={
            name: _absolute(getattr(settings, name), base)
            for name, field in Settings.model_fields.items()
            if Path in {field.annotation, *get_args(field.annotation)}
        }
    )


def _absolute(value: Path | None, base: Path) -> Path | None:
    return None if value is None else base / value


def _anchored(name: str, value: Any, base: Path) -> Any:
    """Make the paths inside the URLs of the embedded defaults relative to the file."""
    if (
        name in {"key_agent", "log_url", "vault_url"}
        and isinstance(value, str)
        and value
        and "://" not in value
    ):
        return str(base / value)
    if name == "kek" and isinstance(value, str) and value.startswith("quorum:"):
        return re.sub(r"(?<=quorum:)[^?]+|(?<==)[^&]+", lambda part: str(base / part.group()), value)
    if name == "kek" and isinstance(value, str):
        return _KEK_PATHS.sub(lambda part: part.group(1) + str(base / part.group(2)), value)
    return value
