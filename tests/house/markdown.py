"""What our Markdown holds that can be false: commands, links, tables."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.house import tree

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line that a page shows.

    Attributes:
        who: at whose terminal, as `ani$` says; empty for a plain `$`.
        line: as written, continuation lines joined.
        output: the lines that follow it, up to the next command.
        run: the page promises this very output (the fence's info string is `console run`).
    """

    page: str
    who: str
    line: str
    output: str
    run: bool

    @property
    def words(self) -> list[str]:
        """The words of the command, without comments."""
        return shlex.split(self.line, comments=True)


def pages() -> Iterator[pathlib.Path]:
    """Yield every page of documentation."""
    yield from (path for path in tree.files(suffix=".md"))


def commands() -> Iterator[Command]:
    """Yield every command in a console fence of any page."""
    for page in pages():
        for info, body in fences(page):
            if info[:1] == ["console"]:
                yield from _commands(tree.name(page), body, run="run" in info)


def fences(page: pathlib.Path) -> Iterator[tuple[list[str], str]]:
    """Yield each fence of a page: the words of its info string, and its text."""
    for fence in _FENCE.finditer(page.read_text()):
        yield fence["info"].split(), fence["body"]


def _commands(page: str, body: str, *, run: bool) -> Iterator[Command]:
    parts = re.split(r"^([a-z]*)\$ ", body.replace("\\\n", ""), flags=re.MULTILINE)[1:]
    for who, part in zip(parts[::2], parts[1::2], strict=True):
        line, _, output = part.partition("\n")
        yield Command(page=page, who=who, line=line, output=output, run=run)


def quotations(page: pathlib.Path) -> list[str]:
    """List what a page quotes: the lines that begin with `> `."""
    return re.findall(r"^> (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)


def links(page: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yield text and target of every link, outside of fences."""
    for link in _LINK.finditer(_FENCE.sub("", page.read_text())):
        yield link["text"], link["target"]


def anchors(page: pathlib.Path) -> set[str]:
    """Name the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
