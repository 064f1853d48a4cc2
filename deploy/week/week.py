"""The week: an installation with two workers on SQLite, a mirror and a head on other disks, officers, and a feed."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo import installation
from deploy.demo.demo import Demo
from deploy.demo.installation import OPERATOR, REGISTRY_FOLDER
from deploy.demo.play import Programme, end, play_scene
from deploy.demo.service import Service
from deploy.demo.stage import Clock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from deploy.demo.demo import Scene
    from deploy.demo.stage import Stage

WORKERS = 2
OFFICERS = ("ani", "bayu")
SOURCE = "civil-registry"
OTHER_DISK = "other-disk"
_SEEN_SECONDS = 2.0
"""A service sees a change of the vault within half a second, and one of a resident's marks within five."""


@dataclass(slots=True, kw_only=True)
class Week(Demo):
    """The running installation, and the registry beside it.

    Attributes:
        service: the service.
        position: of the registry's last change.
        changed: the rows that changed since the export that was loaded, by number.
    """

    service: Service
    position: int = 0
    changed: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def row(self, nik: str) -> dict[str, str]:
        """Read somebody's row as the registry has it now.

        Raises:
            LookupError: nobody has the number.
        """
        if nik in self.changed:
            return dict(self.changed[nik])
        with (self.folder(REGISTRY_FOLDER) / "people.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                if row["NIK"] == nik:
                    return {name: value for name, value in row.items() if value}
        raise LookupError("nobody in the population has the number")

    def send(self, *changes: Mapping[str, object]) -> None:
        """Have the registry sign changes and the operator apply them; the service sees them when this returns."""
        after, name = self.position, f"changes-{self.position + 1}"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        head = {
            "format": 1, "use": "feed", "registry_id": installation.REGISTRY, "environment": "development",
            "source": SOURCE, "after": after, "as_of": now,
        }  # fmt: skip
        lines = [head, *({"position": after + number, **change} for number, change in enumerate(changes, 1))]
        path = self.folder(REGISTRY_FOLDER) / f"{name}.jsonl"
        path.write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
        self.stage.say(f"The registry writes {path.name}, signs it, and hands it over:")
        self.stage.show("\n".join(_shortened(line) for line in lines))
        sign = f"padan-server --config ../{OPERATOR}/padan.toml feed sign {path.name} --key feed.key"
        self.stage.run(REGISTRY_FOLDER, f"{sign} --out {name}.feed")
        self.stage.run(OPERATOR, f"padan-server registry sync ../{REGISTRY_FOLDER}/{name}.feed")
        self.position += len(changes)
        for change in changes:
            row = change.get("row")
            if isinstance(row, dict):
                self.changed[row["NIK"]] = row
        time.sleep(_SEEN_SECONDS)

    def export(self, name: str, *, but: Mapping[str, Mapping[str, str]] | None = None) -> Path:
        """Have the registry export everybody as they are now.

        Args:
            name: of the file.
            but: rows that the export has differently, by number.
        """
        now = {**self.changed, **(but or {})}
        folder = self.folder(REGISTRY_FOLDER)
        with (
            (folder / "people.csv").open(encoding="utf-8", newline="") as source,
            (folder / name).open("w", encoding="utf-8", newline="") as target,
        ):
            rows = csv.DictReader(source)
            writer = csv.DictWriter(target, rows.fieldnames or (), restval="")
            writer.writeheader()
            writer.writerows(now.get(row["NIK"], row) for row in rows)
        return folder / name

    def decide(self, file: str, proposal: str, execute: str, *, nik: str) -> None:
        """Have two officers decide about a resident: one proposes, the other approves, the operator executes."""
        first, second = OFFICERS
        (self.folder(OPERATOR) / "number").write_text(f"{nik}\n")
        propose = f"padan-server {proposal} --key {first}.key --out {file} < number"
        self.stage.run(OPERATOR, propose, lines=1)
        self.stage.run(OPERATOR, f"padan-server officer approve {file} --key {second}.key", lines=1)
        self.stage.run(OPERATOR, f"padan-server {execute} {file} < number")
        time.sleep(5 + _SEEN_SECONDS)


def _perform(stage: Stage, options: argparse.Namespace, chosen: dict[str, Scene]) -> None:
    clock, port = Clock(), installation.free_ports()
    installation.set_up(stage, port)
    _people(stage)
    people = installation.load(stage, people=options.people, seed=options.seed)
    installation.enrol(stage, port)
    stage.heading(f"day 1: the service, {WORKERS} workers")
    stage.run(OPERATOR, "padan-server config check")
    service = Service(stage, OPERATOR, workers=WORKERS)
    stage.figure("ready after", f"{service.start():.1f} s")
    stage.run(OPERATOR, "padan-server status")
    week = Week(stage=stage, people=people, port=port, service=service)
    for scene in chosen.values():
        play_scene(stage, scene, week)
        if stage.failures:
            break
    service.stop()
    end(stage, clock, len(chosen))


def _people(stage: Stage) -> None:
    """Make the keys of those who decide, and the settings of this week."""
    stage.heading("who decides, who signs the registry's changes, and what lies on another disk")
    for name in OFFICERS:
        stage.run(OPERATOR, f"padan-server officer keygen --out {name}.key", lines=1)
        stage.run(OPERATOR, f"padan-server officer trust {name}.pub")
    stage.run(OPERATOR, "padan-server dispute keygen --out dispute.key", lines=1)
    stage.run(OPERATOR, "padan-server dispute trust dispute.pub")
    keygen = f"padan-server --config ../{OPERATOR}/padan.toml feed keygen --out feed.key"
    stage.run(REGISTRY_FOLDER, keygen, lines=1)
    stage.run(OPERATOR, f"padan-server feed trust ../{REGISTRY_FOLDER}/feed.pub")
    stage.say("Two workers; a mirror of the log and the head on another disk, which here is another folder:")
    for setting in (
        f"workers = {WORKERS}",
        f'log_mirror = "../{OTHER_DISK}/mirror"',
        f'head_store = "../{OTHER_DISK}/head.json"',
    ):
        stage.run(OPERATOR, f"echo '{setting}' >> padan.toml")
    (stage.root / OTHER_DISK / "mirror").mkdir(parents=True)


def _shortened(line: Mapping[str, object]) -> str:
    """Show a line of a feed with its row cut to what tells something."""
    row = line.get("row")
    shown = dict(line)
    if isinstance(row, dict):
        shown["row"] = {name: row[name] for name in _TELLING if name in row} | {"…": "…"}
    return json.dumps(shown, ensure_ascii=False)


_TELLING: Sequence[str] = ("NIK", "NAMA_LGKP", "STATUS_HIDUP")

WEEK = Programme(
    name="make demo-operate",
    summary="Play a registry's first week: load, feed, check, dispute, crash, backup, disaster, restore.",
    folder=Path(__file__).parent,
    fixed_seconds=150,
    perform=_perform,
)
