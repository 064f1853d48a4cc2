"""`padan-server stage`: the four stages of going live, each with a report that an auditor can keep."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keys.realm import Realm
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from padan.errors import ConfigError, PadanError
from padan.finding import Setup
from verifier.agreement import signkey
from verifier.cli.authority import read_input
from verifier.cli.registry_check import (
    AgeColumn,
    FieldMapOption,
    Position,
    RegionOption,
    SourceArgument,
    TableOption,
    field_map_of,
    require_databases,
)
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri, load_key
from verifier.consistency.check import Check
from verifier.consistency.order import Order, RegionLevel, Sample
from verifier.epoch import REGISTRY_ZONE
from verifier.projector import progress
from verifier.projector.source import open_source
from verifier.stage import (
    asking,
    casting,
    consistency,
    liveness,
    publication,
    report,
    scenario_file,
    signature,
)
from verifier.stage import load as loads
from verifier.stage import scenario as scenarios
from verifier.stage.asking import asks
from verifier.stage.errors import AgencyFilesError
from verifier.stage.ramp import Limits, Ramp
from verifier.stage.report import Findings, Stage, StageReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.signing import Signer
    from padan.client import Client
    from padan.info import ServiceInfo
    from verifier.config import Settings

app = new_app(
    "stage", summary="Going live in stages: liveness, consistency, load, scenario; each makes a report."
)

NICENESS = 10
CHECK_ROWS = 512
"""Rows of a chunk, so that a rate is kept evenly."""
Address = Annotated[str, typer.Option(help="host:port of the service; default the setting listen.")]
Ca = Annotated[
    Path | None,
    typer.Option(help="PEM of the CA of the server's certificate; default the setting client_ca."),
]
Cert = Annotated[Path, typer.Option(help="PEM of the certificate of an agency that may call the service.")]
Key = Annotated[Path, typer.Option(help="PEM of that agency's private key.")]
ServerName = Annotated[
    str, typer.Option(help="Name in the server's certificate, where it is not the address's host.")
]
Out = Annotated[
    Path | None, typer.Option(help="The report, .json; NAME.md is written beside it. Default in data_dir.")
]
SigningKey = Annotated[
    Path | None,
    typer.Option("--signing-key", help="An officer's private key, from officer keygen, to sign it."),
]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", help="A purpose of the agreement; may be repeated. Default all."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """Where a report goes, and who signs it; the key is opened before anything is run."""

    settings: Settings
    out: Path | None
    signer: Signer | None
    as_json: bool

    def conclude(self, stage: Stage, began: datetime, findings: Findings) -> None:
        """Publish what a stage found, tell it, and end with exit code 1 where it failed."""
        made = StageReport(
            stage=stage,
            origin=publication.origin(self.settings),
            began=began,
            ended=datetime.now(UTC),
            findings=findings,
        )
        path = publication.publish(self.settings, made, out=self.out, signer=self.signer)
        if self.as_json:
            print_json({**made.values(), "file": str(path), "sha256": report.sha256(made.document())})
        else:
            for each in findings.criteria:
                mark = "passed" if each.passed else "FAILED"
                typer.echo(f"{mark}  {each.name}: {each.found} (wanted: {each.wanted})")
            if findings.stopped:
                typer.echo(f"ended early: {findings.stopped}")
            typer.echo(f"stage {stage}: {made.verdict}; report: {path}")
        if made.verdict != "passed":
            raise typer.Exit(int(ExitCode.NO))


def _publishing(out: Path | None, signing_key: Path | None, kek: str, *, as_json: bool) -> Publishing:
    chosen = settings()
    require_databases(chosen)
    signer = load_key(signing_key, use=signkey.OFFICER, kek=kek) if signing_key else None
    if out is not None:
        if out.suffix != ".json":
            raise CommandError(f"{out}: a report ends in .json", next_step="name it so with --out")
        publication.require_free(out, out.with_suffix(".md"), publication.signature_of(out))
    return Publishing(settings=chosen, out=out, signer=signer, as_json=as_json)


@app.command("liveness")
def alive(
    cert: Cert,
    key: Key,
    *,
    address: Address = "",
    ca: Ca = None,
    server_name: ServerName = "",
    seconds: Annotated[float, typer.Option(min=0, max=86_400, help="How long it goes on.")] = 30.0,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds from one round to the next.")] = 2.0,
    certificate_days: Annotated[
        int, typer.Option(min=0, help="Days for which the server's certificate must be valid at least.")
    ] = liveness.CERTIFICATE_DAYS,
    out: Out = None,
    signing_key: SigningKey = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Try every part again and again: keyring, certificates, databases, epoch, service, audit listener, metrics."""
    publishing = _publishing(out, signing_key, kek, as_json=as_json)
    setup = _setup(publishing.settings, address, ca=ca, cert=cert, key=key, server_name=server_name)
    began = datetime.now(UTC)
    parts = list(liveness.parts(publishing.settings, setup, certificate_days=certificate_days))
    publishing.conclude(Stage.LIVENESS, began, liveness.watch(parts, seconds=seconds, interval=interval))


@app.command("consistency")
def consistent(
    source: SourceArgument,
    *,
    table: TableOption = "",
    field_map: FieldMapOption = None,
    age_column: AgeColumn = "",
    region: RegionOption = RegionLevel.PROVINCE,
    position: Position = None,
    sample: Annotated[
        str, typer.Option(help="About how many people (10000), or which share (2.5%).")
    ] = "10000",
    mark: Annotated[float, typer.Option(min=0, max=100, help="Least agreement, percent.")] = 99.9,
    fewest: Annotated[int, typer.Option(min=1, help="People who must be compared at least.")] = 100,
    rate: Annotated[int, typer.Option(min=1, help="People a second at most.")] = 500,
    out: Out = None,
    signing_key: SigningKey = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Hold a sample of the registry's rows against the vault, slowly, and pass where enough agrees."""
    publishing = _publishing(out, signing_key, kek, as_json=as_json)
    order = Order(
        source=source,
        table=table,
        field_map=field_map_of(field_map, age_column),
        sample=Sample.parse(sample),
        position=position,
        region_level=region,
        rate=rate,
        niceness=NICENESS,
        chunk_rows=CHECK_ROWS,
    )
    began = datetime.now(UTC)
    with progress.Silence() if as_json else progress.for_terminal() as meter:
        checked = Check(publishing.settings, order, meter).run()
    publishing.conclude(Stage.CONSISTENCY, began, consistency.judge(checked, mark=mark, fewest=fewest))


@app.command("load")
def loaded(
    cert: Cert,
    key: Key,
    *,
    address: Address = "",
    ca: Ca = None,
    server_name: ServerName = "",
    purpose: Annotated[
        str, typer.Option(help="Under which purpose is asked; default the first that can be.")
    ] = "",
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Calls a second in the end.")] = 20.0,
    seconds: Annotated[float, typer.Option(min=1, max=3_600, help="How long it goes on.")] = 60.0,
    climb: Annotated[
        float, typer.Option(min=0, max=1, help="Share of that time in which the rate rises.")
    ] = 0.5,
    p99_ms: Annotated[float, typer.Option(min=1, help="Limit of the 99th percentile, milliseconds.")] = 250.0,
    errors: Annotated[float, typer.Option(min=0, max=1, help="Limit of the share of failed calls.")] = 0.01,
    niks: Annotated[
        Path | None, typer.Option(help="Numbers to ask about, one a line; default such as nobody has.")
    ] = None,
    out: Out = None,
    signing_key: SigningKey = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Ask more and more often up to a rate, and stop at once where a limit is exceeded.

    Each call is a failed guess: it counts against the agreement's quota and budgets, and, with --niks, against those
    of the residents who are named.
    """
    publishing = _publishing(out, signing_key, kek, as_json=as_json)
    setup = _setup(publishing.settings, address, ca=ca, cert=cert, key=key, server_name=server_name)
    numbers = read_input(niks).decode("ascii", "replace").split() if niks else []
    ramp = Ramp(rate=rate, seconds=seconds, climb=climb * seconds)
    os.nice(NICENESS)
    began = datetime.now(UTC)

    def run(client: Client, info: ServiceInfo) -> Findings:
        ask = asks(info, [purpose] if purpose else ())[0]
        asking.require_quota(info, ramp.calls)
        return loads.run(client, ask, ramp, Limits(p99_ms=p99_ms, errors=errors), numbers)

    publishing.conclude(Stage.LOAD, began, _call(setup, run))


@app.command("scenario")
def played(
    cert: Cert,
    key: Key,
    *,
    file: Annotated[Path | None, typer.Option(help="Scenarios, TOML or CSV; or else --source.")] = None,
    source: Annotated[str, typer.Option(help="The registry's rows, to make scenarios from.")] = "",
    table: TableOption = "",
    field_map: FieldMapOption = None,
    purpose: Purposes = None,
    people: Annotated[int, typer.Option(min=1, max=1_000, help="People with true claims, a purpose.")] = 8,
    rate: Annotated[float, typer.Option(min=0.1, max=1_000, help="Questions a second at most.")] = 5.0,
    address: Address = "",
    ca: Ca = None,
    server_name: ServerName = "",
    out: Out = None,
    signing_key: SigningKey = None,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Ask questions whose answers are known, and compare; what differs is told by its row alone.

    Wrong questions spend a guess of the day of the residents who are asked about; each is asked about wrongly once.
    """
    publishing = _publishing(out, signing_key, kek, as_json=as_json)
    setup = _setup(publishing.settings, address, ca=ca, cert=cert, key=key, server_name=server_name)
    if bool(file) == bool(source):
        raise CommandError(
            "scenarios come from a file or from the registry's rows",
            next_step="name one of --file and --source",
            code=ExitCode.USAGE,
        )
    began = datetime.now(UTC)

    def run(client: Client, info: ServiceInfo) -> Findings:
        if file is not None:
            granted = info.agreement.purposes if info.agreement else ()
            bases = {each.code: each.legal_bases[0] for each in granted}
            chosen = scenario_file.read(file, read_input(file), bases)
        else:
            mapped = field_map_of(field_map, "")
            rows = open_source(source, table=table, delimiter=mapped.delimiter)
            cast = casting.actors(rows, mapped, datetime.now(REGISTRY_ZONE).date())
            chosen = casting.cast(cast, asks(info, purpose or ()), each=people, source=random.SystemRandom())
        asking.require_quota(info, len(chosen))
        return scenarios.play(client, chosen, rate=rate)

    publishing.conclude(Stage.SCENARIO, began, _call(setup, run))


@app.command("verify")
def verified(
    file: Annotated[
        Path, typer.Argument(metavar="REPORT", help="The report, .json; its signature beside it.")
    ],
    *,
    public: Annotated[
        Path | None, typer.Option(help="The signer's public key; default every one of the setting officers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that an officer signed a report, and say what it says."""
    document = read_input(file)
    values = report.read(document)
    trusted = (read_input(public).decode(errors="replace").strip(),) if public else settings().officers
    realm = Realm(registry_id=str(values["registry_id"]), environment=str(values["environment"]))
    signer = signature.require_signed(realm, document, read_input(publication.signature_of(file)), trusted)
    told = {"stage": values["stage"], "verdict": values["verdict"], "began": values["began"]}
    if as_json:
        print_json({**told, "sha256": report.sha256(document), "signer": signer})
        return
    typer.echo(f"{file}: stage {told['stage']} of {told['began']}: {told['verdict']}; signed by {signer}")


def _setup(
    chosen: Settings, address: str, *, ca: Path | None, cert: Path, key: Path, server_name: str
) -> Setup:
    return Setup(
        address=address or chosen.listen,
        ca=str(ca or chosen.client_ca),
        cert=str(cert),
        key=str(key),
        server_name=server_name or None,
    )


def _call(setup: Setup, run: Callable[[Client, ServiceInfo], Findings]) -> Findings:
    """Open a client, ask what it may ask, and go on; a service that cannot be asked fails the stage."""
    try:
        with liveness.client_of(setup) as client:
            try:
                info = client.service_info()
            except PadanError as error:
                return Findings(criteria=[], stopped=f"the service cannot be asked: {error.message}")
            return run(client, info)
    except ConfigError as error:
        raise AgencyFilesError(str(error)) from error
