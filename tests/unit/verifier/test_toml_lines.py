"""Lines of keys: those that a reader counts, for every way to write a key or a value."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.toml_lines import Path, lines_of

TEXT = '''\
# a comment = 1
a = 1
"b c" = "x # = [ y"
'd' = 'z'
e.f = true
e."g h" = 2026-01-01 00:00:00

[t]        # [not = this]
a = """
text
[x]
b = 1
\\""" still text"""
b = \'\'\'
it''s
\'\'\'
c = [
  1, # one
  [2,
   3],
  "]",
]

d = { x = 1, y = { z = [1,
2] } }

[[u]]
a = 1

[u.v]
a = 1

[[u]]
a = 2

[[u.w]]
a = 3
[[u.w]]
a = 4
[u.w.x]
a = 5
[ t . "n" ]
a = -1.5e3
'''
LINES: dict[Path, int] = {
    ("a",): 2,
    ("b c",): 3,
    ("d",): 4,
    ("e", "f"): 5,
    ("e", "g h"): 6,
    ("t",): 8,
    ("t", "a"): 9,
    ("t", "b"): 14,
    ("t", "c"): 17,
    ("t", "c", 0): 18,
    ("t", "c", 1): 19,
    ("t", "c", 1, 1): 20,
    ("t", "c", 2): 21,
    ("t", "d"): 24,
    ("t", "d", "x"): 24,
    ("t", "d", "y", "z"): 24,
    ("t", "d", "y", "z", 1): 25,
    ("u",): 27,
    ("u", 0): 27,
    ("u", 0, "a"): 28,
    ("u", 0, "v"): 30,
    ("u", 0, "v", "a"): 31,
    ("u", 1): 33,
    ("u", 1, "a"): 34,
    ("u", 1, "w", 0, "a"): 37,
    ("u", 1, "w", 1): 38,
    ("u", 1, "w", 1, "a"): 39,
    ("u", 1, "w", 1, "x", "a"): 41,
    ("t", "n"): 42,
    ("t", "n", "a"): 43,
}


@pytest.mark.parametrize(("path", "line"), LINES.items())
def test_a_key_stands_on_its_line(path: Path, line: int) -> None:
    """Each key, table and item has the line on which it begins."""
    assert lines_of(TEXT)[path] == line


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    """Collect every path of a parsed document."""
    found: set[Path] = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= paths_of(inner, (*path, index))
    return found


def test_every_key_has_a_line_and_nothing_else_has() -> None:
    """The keys found are those that a TOML parser finds."""
    assert set(lines_of(TEXT)) == paths_of(tomllib.loads(TEXT))


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_line_ends_do_not_matter(newline: str) -> None:
    """Lines are counted alike with either end."""
    assert lines_of(TEXT.replace("\n", newline)) == lines_of(TEXT)


KEY = st.text(st.sampled_from("ab\"'.# =[é"), max_size=4)
VALUE = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text(st.sampled_from("ab\"'\\#=[]{},\n é"), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=8,
)


def quoted(text: str) -> str:
    """Write a basic string."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def toml(value: Any) -> str:
    """Write a value inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(toml, value)) + "]"
    return "{" + ", ".join(f"{quoted(key)} = {toml(inner)}" for key, inner in value.items()) + "}"


@given(st.dictionaries(st.text(st.sampled_from("abc"), min_size=1, max_size=3), VALUE, max_size=5))
def test_any_document_has_a_line_for_each_key(document: dict[str, Any]) -> None:
    """Whatever is written in TOML, its keys are found and no others, within the document."""
    text = "".join(f"{key} = {toml(value)}\n" for key, value in document.items())
    plain = {
        path
        for path in paths_of(tomllib.loads(text))
        if not any("\\" in str(part) or '"' in str(part) for part in path)
    }
    found = lines_of(text)
    assert plain <= set(found)
    assert all(1 <= line <= text.count("\n") for line in found.values())


@given(st.text(max_size=100))
def test_any_text_ends(text: str) -> None:
    """What is no TOML ends too."""
    lines_of(text)
