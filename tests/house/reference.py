"""Write the parts of the documentation that are made from code. Run by `make docs`.

A page marks such a part with `<!-- made from code: NAME -->` before and `<!-- end -->` after it.
"""

from __future__ import annotations

import ast
import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import PydanticUndefined

from tests.house import alerts, command_lines, makefile, practice, tree
from verifier.cli import failure
from verifier.config import Settings
from verifier.config_file import render

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Mapping

PAGES = ("README.md", "docs/commands.md", "docs/operate.md", "docs/modules.md", "docs/practice.md")

_PART = re.compile(r"(<!-- made from code: ([a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(*columns: str, rows: list[tuple[object, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def settings() -> str:
    """Tabulate the settings of the server."""
    rows: list[tuple[object, ...]] = []
    for name, field in Settings.model_fields.items():
        required = field.default is PydanticUndefined
        default: Any = "required" if required else f"`{_toml(field.default)}`"
        rows.append((f"`{name}`", default, field.description or ""))
    return _table("setting", "default", "what it is", rows=rows)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[]"
    if isinstance(value, int | float):
        return str(value)
    return f'"{value}"' if value is not None else "none"


def _first_line(command: command_lines.Command) -> str:
    return (command.help or "").strip().partition("\n")[0]


def commands(program: str) -> str:
    """Tabulate the commands of one program."""
    rows: list[tuple[object, ...]] = [
        (f"`{' '.join((*path, *_arguments(command)))}`", _first_line(command))
        for path, command in command_lines.leaves(program)
    ]
    return _table("command", "what it does", rows=rows)


def _arguments(command: command_lines.Command) -> list[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    return [
        f"{name}..." if argument.nargs == -1 else name
        for argument in arguments
        for name in [(argument.metavar or argument.name or "").upper().strip("[].")]
    ]


def failures() -> str:
    """Tabulate what the server-side commands say when they fail."""
    rows: list[tuple[object, ...]] = [
        (f"`{name.rpartition('.')[2]}`", f"{int(row.code)} `{row.code.name}`", row.next_step)
        for name, row in failure.TABLE.items()
    ]
    return _table("error", "exit code", "next step", rows=rows)


def targets() -> str:
    """Tabulate what `make` can do."""
    return _table(
        "target",
        "what it does",
        rows=[(f"`make {name}`", text) for name, text in sorted(makefile.targets().items())],
    )


def modules(package: str) -> str:
    """Tabulate the modules of one package with the first paragraph of what each says of itself."""
    root = tree.ROOT / package
    rows: list[tuple[object, ...]] = [
        (f"[`{path.relative_to(root).as_posix()}`](../{tree.name(path)})", _summary(path))
        for path in tree.modules(package)
        if path.name != "__init__.py" and path.read_text().strip()
    ]
    return _table("module", "what it says of itself", rows=rows)


def _summary(path: pathlib.Path) -> str:
    paragraph = (ast.get_docstring(tree.parsed(path)) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def metrics() -> str:
    """Tabulate what the service counts."""
    rows: list[tuple[object, ...]] = [
        (f"`{name}{'_total' if kind == 'counter' else ''}`", kind, text)
        for name, kind, text in alerts.metrics()
    ]
    return _table("metric", "kind", "what it says", rows=rows)


def alarms() -> str:
    """Tabulate the alert rules."""
    rows: list[tuple[object, ...]] = [
        (f"`{alert.name}`", alert.severity, f"`{alert.expression}`", alert.next_step)
        for alert in alerts.alerts()
    ]
    return _table("alert", "severity", "when", "what to do", rows=rows)


PARTS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "settings": settings,
        "modules of padan": lambda: modules("proto/python/padan"),
        "modules of keys": lambda: modules("keys"),
        "modules of tokenizer": lambda: modules("tokenizer"),
        "modules of verifier": lambda: modules("verifier"),
        "failures": failures,
        "metrics": metrics,
        "alerts": alarms,
        "targets": targets,
        "versions": lambda: _table("what", "value", rows=practice.versions()),
        "attributes": lambda: _table(
            "attribute", "kind", "list, version", "tolerant", rows=practice.attributes()
        ),
        "code lists": lambda: _table("list", "version", "codes", "source", rows=practice.code_lists()),
        "keys": lambda: _table(
            "purpose", "algorithm", "makes new", "reads old", rows=practice.key_purposes()
        ),
    }
)
"""Name of a part to what makes it; any other name is a program's, whose commands are tabulated."""


def part(name: str) -> str:
    """Make the part of that name."""
    return PARTS[name]() if name in PARTS else commands(name)


def renewed(page: str, text: str) -> str:
    """Renew the marked parts of a page's text.

    Raises:
        ValueError: the page has no such part.
    """
    if not _PART.search(text):
        raise ValueError(f"{page} has no part that is made from code")
    return _PART.sub(lambda found: f"{found[1]}{part(found[2])}{found[3]}", text)


EXAMPLE = "deploy/padan.example.toml"


def example() -> str:
    """Write the configuration that an operator begins with: every setting, those to be chosen set."""
    return render(
        {
            "registry_id": "registry.example",
            "environment": "production",
            "trust_domain": "registry.example",
            "keyring": "keyring.json",
            "kek": "file:kek.json?passphrase-file=passphrase",
            "listen": "0.0.0.0:7443",
        }
    )


def main() -> int:
    """Rewrite every page that has changed, and the example configuration."""
    made = {page: renewed(page, (tree.ROOT / page).read_text()) for page in PAGES} | {EXAMPLE: example()}
    for name, text in made.items():
        path = tree.ROOT / name
        if path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
