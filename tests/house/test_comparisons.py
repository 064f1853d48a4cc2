"""Secrets are compared in constant time: a rule over the source, since no test of behaviour would show a lapse."""

from __future__ import annotations

import ast
import re

from tests.house import tree

_SECRET = re.compile(r"(^|_)(h?mac|tag|digest|secret|signature|passphrase|password)s?$")

NOT_SECRET: dict[str, str] = {}
"""`path:name` where an equal sign is right, with the reason."""


def _last_name(node: ast.expr) -> str:
    """Name the value that a comparison reads: of `a.b`, `b`; of `a.b[:8]`, `b`; of `f(x)`, `f`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    return ""


def plain_comparisons(module: ast.Module) -> list[tuple[int, str]]:
    """Find comparisons by == or != in which a side has a secret's name; return line and name."""
    found = []
    for node in ast.walk(module):
        if not isinstance(node, ast.Compare) or not any(
            isinstance(op, ast.Eq | ast.NotEq) for op in node.ops
        ):
            continue
        names = [_last_name(side) for side in (node.left, *node.comparators)]
        found += [(node.lineno, name) for name in names if _SECRET.search(name)]
    return found


def test_the_rule_finds_what_it_is_for() -> None:
    """A plain comparison of a MAC is found, a constant-time one and one of sizes are not."""
    assert plain_comparisons(ast.parse("if box.mac == expected: pass")) == [(1, "mac")]
    assert plain_comparisons(ast.parse("ok = request_digest[:8] != other")) == [(1, "request_digest")]
    assert plain_comparisons(ast.parse("ok = hmac.compare_digest(mac, other) and len(mac) == 32")) == []


def test_secrets_are_compared_in_constant_time() -> None:
    """Nothing that ships compares a MAC, a tag, a digest or a passphrase with == or !=."""
    found = {
        f"{tree.name(path)}:{name}": line
        for path in tree.modules(*tree.SHIPPED)
        for line, name in plain_comparisons(tree.parsed(path))
    }
    assert found.keys() - NOT_SECRET.keys() == set(), found
    assert NOT_SECRET.keys() <= found.keys(), "an exception that is not needed any more"
