"""How the tests of loading load, and what they hold a vault against."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from keys.agent import LocalKeyAgent
from padan import nik
from tokenizer.record import Record
from verifier import config, migrations
from verifier.projector.load import Load
from verifier.projector.order import Order, Summary
from verifier.projector.progress import Silence
from verifier.projector.projection import Projection
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.synthetic.member import Row

PEOPLE = 1_200
AS_OF = date(2026, 6, 1)
CANARIES = {
    "NAMA_LGKP": "QANARINAMA XUVQ",
    "NAMA_LGKP_IBU": "QANARIIBU XUVQ",
    "TMPT_LHR": "QANARITEMPAT",
    "ALAMAT": "QANARIJALAN XUVQ",
    "NO_KK": "3199990101159123",
    "TGL_LHR": "23-11-1913",
}
CANARY_NIK = "3199992311139123"
BROKEN_CANARY = "QANARIRUSAK"
COMMAND = (sys.executable, "-c", "from verifier.cli.server import main; main()")
REJECTS = [
    ["row", "field", "rule"],
    ["101", "NIK", "nik.duplicate"],
    ["201", "AGAMA", "code.unknown"],
    ["1003", "NIK", "nik.duplicate"],
]


def install(folder: Path, keyring: Path, vault_url: str) -> Settings:
    """Make an installation."""
    shutil.copytree(keyring, folder, dirs_exist_ok=True)
    (folder / "padan.toml").write_text(
        'registry_id = "registry-test"\nenvironment = "development"\ntrust_domain = "test.example"\n'
        f'data_dir = "data"\nkek = "file:kek.json?passphrase-file=pass"\nvault_url = "{vault_url}"\n'
    )
    settings = config.load(folder / "padan.toml")
    migrations.upgrade(settings.vault_database, migrations.Tree.VAULT)
    migrations.upgrade(settings.log_database, migrations.Tree.LOG)
    return settings


def load(settings: Settings, order: Order) -> Summary:
    """Carry a load out in this process."""
    return Load(settings, order, Silence()).run()


def order_of(source: Path | str, **changes: object) -> Order:
    """Order a load in small chunks."""
    return replace(Order(source=str(source), as_of=AS_OF, workers=1, chunk_rows=128), **changes)  # type: ignore[arg-type]  # names and types as in Order


def check_rows(settings: Settings, number: int, people: list[Row]) -> None:
    """Look every person up in an epoch, open the row, and check that strangers get decoys."""
    with_keys = LocalKeyAgent.unlock(settings.keyring, settings.kek)
    store = open_vault(settings.vault_database)
    try:
        epoch = store.pin().epoch
        assert epoch.number == number
        assert epoch.rows == len(people) + epoch.decoys
        projection = Projection.of(with_keys, epoch=number, as_of=AS_OF, keys=epoch.key_ids)
        inner, outer = projection.inner, projection.outer
        decoys = outer.tokens([inner.decoy_id(index) for index in range(epoch.decoys)])
        numbers = [nik.parse(row[0], AS_OF) for row in people]
        numbers.append(nik.parse("3101014101909999", AS_OF))
        queries = [
            (outer.token(inner.record_id(person)), decoys[index % 200], decoys[index % 200 + 1])
            for index, person in enumerate(numbers)
        ]
        for person, query, rows in zip(numbers, queries, store.lookup_many(queries), strict=True):
            (token, box), (_, decoy_box) = rows
            held = person is not numbers[-1]
            assert token == (query[0] if held else query[1])
            record = Record.unpack(outer.open(token, box))
            assert (record.r == inner.record_id(person)) == held
            assert len(decoy_box) == len(box)
    finally:
        store.close()
        with_keys.close()


def run(settings: Settings, *arguments: str, seconds: float | None = None) -> tuple[int, str, str]:
    """Run the command line; with `seconds`, kill it after so many."""
    folder = settings.keyring.parent
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*COMMAND, "--config", str(folder / "padan.toml"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        until = time.monotonic() + 20
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < until, "workers outlive the load"
            time.sleep(0.05)
    return process.returncode, out, err


def assert_no_canary(settings: Settings, *texts: str) -> None:
    """Search every file of the installation, and what was printed, for values of people."""
    secrets = [*CANARIES.values(), CANARY_NIK, BROKEN_CANARY, "QANARI", CANARY_NIK[:12], "1913-11-23"]
    for path in settings.keyring.parent.rglob("*"):
        if path.is_file():
            data = path.read_bytes().upper()
            for secret in secrets:
                assert secret.encode() not in data, path.name
                assert secret.encode("utf-16-le") not in data, path.name
    for text in texts:
        assert not any(secret in text.upper() for secret in secrets)
