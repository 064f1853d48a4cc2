"""docs/references.md is true: what it shows is done in its order, and prints what the page shows."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.house import markdown
from tests.installation import install
from tests.operating import appoint, padan_keys
from tests.people import BUDI, SARI, UNKNOWN_NIK
from tests.simulator.terminal import run
from tests.unit.verifier.reference.captures import face, row, write
from verifier.cli.server import main
from verifier.reference.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = "docs/references.md"


def test_the_page_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the page ends well, and prints what the page shows of it."""
    made = install(tmp_path / "padan")
    appoint(made, "ani", "bayu")
    faces = [row(BUDI["NIK"], face(1, capture)) for capture in range(2)]
    faces += [row(SARI["NIK"], face(2, capture)) for capture in range(2)]
    write(made.root / "faces.parquet", [*faces, row(UNKNOWN_NIK, face(3))])
    for number in (1, 2, 3):
        (made.root / f"capture-{number}.bin").write_bytes(face(1, 10 + number))
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("PADAN_CONFIG", str(made.config_path))
    key, tried = "", 0
    for command in markdown.commands():
        if command.page != PAGE:
            continue
        program, *words = [key if word == "KEY" else word for word in shlex.split(command.line)]
        told = f"{BUDI['NIK']}\n".encode()
        done = padan_keys(*words, stdin=told) if program == "padan-keys" else run(main, *words, stdin=told)
        assert done.code == 0, (command.line, done.err)
        assert command.output.strip() in done.out, command.line
        if words[0] == "create":
            (key,) = re.findall(r"\b\d{4,}\b", done.out)
        tried += 1
    assert tried == 10


def test_the_page_names_every_rule() -> None:
    """Each rule of a reject stands in the page's table, and no other does."""
    (page,) = [path for path in markdown.pages() if path.as_posix().endswith(PAGE)]
    rows = re.findall(r"^\| ((?:`[a-z]+\.[a-z]+`(?:, )?)+) \|", page.read_text(), re.MULTILINE)
    assert set(re.findall(r"`([a-z.]+)`", " ".join(rows))) == set(RULES)
