"""docs/custody.md and docs/ceremonies.md are true: people play them, line by line, at terminals that ask."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from keys.provider import open_provider
from tests.house import markdown, tree
from tests.installation import install
from tests.integration.test_first_start import fits
from tests.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.provider import KekProvider
    from keys.realm import Realm
    from verifier.config import Settings

CUSTODY = "docs/custody.md"
CEREMONIES = "docs/ceremonies.md"
FOUNDING = "padan-keys init "
PROPOSAL = "5f3c09a1"
"""The id that the page writes for a proposal."""


def commands(page: str) -> Iterator[markdown.Command]:
    """Yield a page's commands in their order."""
    yield from (command for command in markdown.commands() if command.page == page)


def play(table: Table, command: markdown.Command) -> None:
    """Run a command: it ends well, and prints what the page shows."""
    ended = table.run(command.line, command.who)
    assert ended.code == 0, f"{command.line}\n{ended.printed}"
    if found := re.search(r"padan-keys approve ([0-9a-f]{8})[0-9a-f]+ ", ended.printed):
        table.instead = {**table.instead, PROPOSAL: found[1]}
    assert fits(table.own(command.output), ended.printed), f"{command.line}\n{ended.printed}"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_custody_can_be_followed_from_print(tmp_path: Path) -> None:
    """From the first meeting to a lost custodian who is replaced, each command of the page does what it shows."""
    page, media = commands(CUSTODY), tmp_path / "media"
    for command in commands(CUSTODY):
        (media / command.who).mkdir(parents=True, exist_ok=True)
    instead = {
        "/media/": f"{media}/",
        "registry.example (production)": "test-registry (development)",
        "--trust-domain registry.example": "--trust-domain test.example",
    }
    table = Table(place=lambda who: media / who if who else tmp_path / "i", instead=instead)

    def found(settings: Settings, realm: Realm) -> KekProvider:
        """Play the page as far as there are keys; the people of the registry are loaded with them."""
        del realm
        port = settings.custody_listen.rpartition(":")[2]
        instead.update(
            {"keys.registry.example:7446": f"localhost:{port}", "127.0.0.1:7446": f"127.0.0.1:{port}"}
        )
        for command in page:
            play(table, command)
            if command.line.startswith(FOUNDING):
                break
        names = re.findall(r"--custodians ([a-z,-]+)", command.line)[0].split(",")
        for name in names:
            (tmp_path / f"{name}.pass").write_text(f"the passphrase of {name}")
        files = "&".join(f"{name}={tmp_path / name}.pass" for name in names)
        return open_provider(f"quorum:custody?{files}", base=settings.keyring.parent)

    with contextlib.closing(table):
        install(tmp_path / "i", kek="quorum:custody", make_keyring=found)
        for command in page:
            play(table, command)
    for quoted in markdown.quotations(tree.ROOT / CUSTODY):
        assert table.own(quoted) in table.said


@pytest.mark.long
@pytest.mark.timeout(300)
def test_ceremonies_can_be_followed_from_print(tmp_path: Path) -> None:
    """A roster, and a key that is replaced: each command of the page does what it shows."""
    root = install(tmp_path / "i").root
    table = Table(place=lambda _: root, instead={})
    for command in commands(CEREMONIES):
        play(table, command)


def said() -> list[str]:
    """List what our code can say, as patterns: each text of a module, with anything where a value is put in."""
    found: list[str] = []
    for package in ("keys", "verifier"):
        for path in (tree.ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [
                    re.escape(part.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    else ".+"
                    for part in parts
                ]
                if sum(len(text) for text in texts if text != ".+") > 12:
                    found.append("".join(texts))
    return found


def test_each_message_is_one_that_is_said() -> None:
    """What the page lists as refused is what the code says, with names and numbers put in."""
    listed = (tree.ROOT / CUSTODY).read_text().partition("## When something is refused")[2]
    messages = re.findall(r"^\| `(?:\.\.\. )?([^`]+)` \|", listed, re.MULTILINE)
    assert len(messages) >= 7
    patterns = said()
    for message in messages:
        known = (re.search(each, message) or re.escape(message) in each for each in patterns)
        assert any(known), message
