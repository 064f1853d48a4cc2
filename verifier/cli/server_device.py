"""`padan-server device`: capture devices whose word on a capture is believed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import times
from padan.cli.console import new_app, print_json
from verifier.biometric.device import MOST_LEVEL, Device, DeviceList, read_public
from verifier.biometric.devicetable import DeviceTable
from verifier.cli.authority import read_input
from verifier.cli.register import reading, writing
from verifier.cli.settings import settings

if TYPE_CHECKING:
    from verifier.cli.register import Writing

app = new_app("device", summary="Capture devices that sign what they saw: add, list, revoke.")

DeviceId = Annotated[str, typer.Argument(metavar="ID", help="The device's id: A-Z, a-z, 0-9, '.', '_', '-'.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    device_id: DeviceId,
    *,
    agency: Annotated[str, typer.Option(help="The agency whose captures it makes.")],
    key: Annotated[
        Path, typer.Option("--key", help="Its Ed25519 public key, PEM or base64, from its maker.")
    ],
    model: Annotated[str, typer.Option(help="The maker's name for this kind of device.")],
    pad_level: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_LEVEL,
            help="Level at which a laboratory tested its detection of presentation attacks; 0 for none.",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """List a device for an agency; what it signs is believed within a minute."""
    device = Device(
        id=device_id,
        agency=agency,
        model=model,
        public_key=read_public(read_input(key)),
        pad_level=pad_level,
        added_ms=_now_ms(),
    )
    with writing(settings()) as opened:
        _list_of(opened).add(device)
    if as_json:
        print_json(_row(device))
    else:
        typer.echo(f"listed {device.id} for {device.agency}: {device.model}, key {device.key_id}")


@app.command()
def revoke(device_id: DeviceId, as_json: AsJson = False) -> None:
    """Believe a device no more, within a minute, whatever it signed before."""
    now_ms = _now_ms()
    with writing(settings()) as opened:
        found = _list_of(opened).revoke(device_id, at_ms=now_ms)
    if as_json:
        print_json({"id": found.id, "agency": found.agency, "revoked": _moment(now_ms)})
    else:
        typer.echo(f"revoked {found.id} of {found.agency}; effective within 60 s")


@app.command("list")
def list_devices(
    agency: Annotated[str, typer.Option(help="Only this agency's; default all.")] = "",
    as_json: AsJson = False,
) -> None:
    """List devices, the revoked ones among them."""
    with reading(settings()) as directory:
        found = [each for each in DeviceTable(directory).devices() if agency in {"", each.agency}]
    rows = [_row(each) for each in found]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = f"revoked {row['revoked']}" if row["revoked"] else "listed"
        typer.echo(
            f"{row['id']:24} {row['agency']:24} level {row['pad_level']}  {row['key_id']}  {row['model']}; {state}"
        )


def _list_of(opened: Writing) -> DeviceList:
    return DeviceList(DeviceTable(opened.directory), opened.record, opened.directory.agencies())


def _row(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "agency": device.agency,
        "model": device.model,
        "key_id": device.key_id,
        "pad_level": device.pad_level,
        "added": _moment(device.added_ms),
        "revoked": "" if device.revoked_ms is None else _moment(device.revoked_ms),
    }


def _now_ms() -> int:
    return int(time.time() * 1000)


def _moment(milliseconds: int) -> str:
    return times.text(datetime.fromtimestamp(milliseconds / 1000, UTC))
