"""The documentation is true: commands exist, links lead somewhere, the eight steps are the code's."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.house import command_lines, makefile, markdown, reference, tree

if TYPE_CHECKING:
    import pathlib
    from types import ModuleType

OTHER_PROGRAMS = frozenset(
    {"cat", "cd", "cmp", "cp", "curl", "echo", "export", "git", "install", "journalctl", "ls", "mkdir", "mv"}
    | {
        "openssl",
        "pg_basebackup",
        "pg_receivewal",
        "pip",
        "psql",
        "python3",
        "rm",
        "softhsm2-util",
        "sudo",
        "systemctl",
        "tail",
        "umask",
    }
)
"""Programs of others that a page may call."""


def _option(word: str) -> str:
    return word.partition("=")[0]


def _takes_value(command: command_lines.Command, option: str) -> bool:
    return any(
        option in parameter.opts and not getattr(parameter, "is_flag", False) for parameter in command.params
    )


def _calls(line: str) -> list[list[str]]:
    """Split a line into the calls that it makes: one, or those of a loop's body."""
    loop = re.fullmatch(r"for \w+ in [^;]+; do (.+); done", line)
    return [shlex.split(each, comments=True) for each in (loop[1].split("; ") if loop else [line])]


def _faults(words: list[str]) -> list[str]:
    """Check one call of one of our programs against its tree of commands."""
    program = words[0].rpartition("/")[2]
    command, path, faults, skip = command_lines.command_line(program), program, [], False
    for word in words[1:]:
        if skip:
            skip = False
        elif word in {"|", ">", "<", "&&", "2>", "&"}:
            break
        elif word.startswith("-") and len(word) > 1:
            known = {
                name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            if _option(word) not in known | {"--help"}:
                faults.append(f"{path} has no {word}")
            skip = "=" not in word and _takes_value(command, word)
        elif command_lines.children(command):
            if word not in command_lines.children(command):
                return [*faults, f"{path} has no {word}"]
            command, path = command_lines.children(command)[word], f"{path} {word}"
    return faults


@pytest.mark.parametrize(
    "command", list(markdown.commands()), ids=lambda command: f"{command.page}:{command.line[:40]}"
)
def test_command_in_docs_exists(command: markdown.Command) -> None:
    """Each command that a page shows exists with the options shown, and prints what the page says it prints."""
    for call in _calls(command.line):
        words = [word for word in call if not re.fullmatch(r"[A-Z_]+=.*", word)]
        program = words[0].rpartition("/")[2].lstrip("(")
        if program == "make":
            targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(targets) <= makefile.targets().keys()
        elif program in command_lines.MODULES:
            assert _faults(words) == []
        else:
            assert program in OTHER_PROGRAMS
    if command.run:
        done = subprocess.run(
            ["bash", "-c", command.line],
            env={"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stdout + done.stderr == command.output


@pytest.mark.parametrize("page", list(markdown.pages()), ids=tree.name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    """Each relative link names a file that exists, an anchor that the page has, or a definition that the module has."""
    dead = []
    for text, target in markdown.links(page):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in markdown.anchors(file)):
            dead.append(target)
        elif file.suffix == ".py" and (symbol := re.fullmatch(r"`([A-Za-z_.]+)(?:\(\))?`", text)):
            dead += [f"{target}: {symbol[1]}"] if not _defines(file, symbol[1]) else []
    assert dead == []


@pytest.mark.parametrize("page", list(markdown.pages()), ids=tree.name)
def test_examples_can_be_read(page: pathlib.Path) -> None:
    """Each example in Python, TOML or JSON is one, and imports only what there is."""
    for info, body in markdown.fences(page):
        kind = info[0] if info else ""
        if kind == "python":
            _imports_exist(ast.parse(body))
        elif kind == "toml":
            tomllib.loads(body)
        elif kind == "json":
            assert all(isinstance(json.loads(line), dict | list) for line in _documents(body))


def _documents(body: str) -> list[str]:
    """Split JSON lines; anything else is one document."""
    lines = [line for line in body.splitlines() if line.strip()]
    return lines if all(line.startswith("{") and line.endswith("}") for line in lines) else [body]


def _imports_exist(example: ast.Module) -> None:
    for node in ast.walk(example):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not _is_there(module, alias.name)] == []


def _is_there(module: ModuleType, name: str) -> bool:
    """Say whether a module has a name, be it a module of a package that nobody has imported yet."""
    if hasattr(module, name) or not hasattr(module, "__path__"):
        return hasattr(module, name)
    return importlib.util.find_spec(f"{module.__name__}.{name}") is not None


def _defines(file: pathlib.Path, symbol: str) -> bool:
    """Say whether a module defines a name, a dotted one inside its class."""
    if symbol.endswith((".py", ".proto")):
        return True
    nodes: list[ast.stmt] = ast.parse(file.read_text()).body
    for part in symbol.split("."):
        found = next((node for node in nodes if part in _names(node)), None)
        if found is None:
            return False
        nodes = getattr(found, "body", [])
    return True


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()


def _steps(text: str, pattern: str) -> list[tuple[int, str]]:
    return [(int(number), words.strip()) for number, words in re.findall(pattern, text, re.MULTILINE)]


def test_the_eight_steps_are_those_of_the_code() -> None:
    """The list in docs/architecture.md, the docstring of the core and the numbers in its one function agree."""
    core = (tree.ROOT / "verifier/core.py").read_text()
    docstring = ast.get_docstring(ast.parse(core)) or ""
    promised = _steps(docstring, r"^ ?(\d) (.+)$")
    page = (tree.ROOT / "docs/architecture.md").read_text()
    assert [number for number, _ in promised] == list(range(1, 9))
    assert _steps(page, r"^(\d)\. \*\*(.+?)\*\*") == promised
    (path,) = [
        node
        for node in ast.walk(ast.parse(core))
        if isinstance(node, ast.FunctionDef) and node.name == "begin"
    ]
    code = "\n".join(core.splitlines()[path.lineno - 1 : path.end_lineno])
    assert [int(number) for number in re.findall(r"# (\d)$", code, re.MULTILINE)] == list(range(1, 9))
    linked = re.findall(r"^\d\. .*\[`Verifier\.(\w+)`\]\(\.\./verifier/core\.py\)", page, re.MULTILINE)
    called = [
        re.findall(r"self\.(_(?!each)\w+)", line)[-1]
        for line in code.splitlines()
        if re.search(r"# \d$", line)
    ]
    assert linked == called


def test_the_changelog_has_room_for_what_comes() -> None:
    """CHANGELOG.md begins with the changes that are not released yet."""
    headings = re.findall(r"^## (.+)$", (tree.ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


@pytest.mark.parametrize("page", reference.PAGES)
def test_generated_parts_are_current(page: str) -> None:
    """The parts of the documentation that are made from code are what the code makes (`make docs` writes them)."""
    text = (tree.ROOT / page).read_text()
    assert reference.renewed(page, text) == text


def test_decisions_are_numbered_without_a_gap() -> None:
    """docs/adr holds 0001, 0002 and so on, each with its status, and the index links every one."""
    names = sorted(path.name for path in (tree.ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    index = (tree.ROOT / "docs/adr/README.md").read_text()
    assert [name for name in names if f"({name})" not in index] == []
    assert [name for name in names if "\nStatus: " not in (tree.ROOT / "docs/adr" / name).read_text()] == []
