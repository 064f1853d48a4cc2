"""The example and its reference: the same in the package and in docs, complete, and without a fault."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from verifier.agreement import vocabulary
from verifier.agreement.activation import review
from verifier.agreement.errors import AgreementDocumentError
from verifier.agreement.parse import parse

ROOT = Path(__file__).parents[4]
DOC = (ROOT / "docs" / "agreements.md").read_text()
TEMPLATE = resources.files("verifier.agreement").joinpath("template.toml").read_text("utf-8")
WITH_EVERYTHING = TEMPLATE.replace("# [disclosure]", "[disclosure]").replace(
    "# [purposes.biometrics]", "[purposes.biometrics]"
)
RULES = ROOT / "verifier" / "agreement"


def known_keys() -> dict[str, set[str]]:
    """Ask the parser which keys it knows, by an unknown one in each table."""
    text = re.sub(r"^(\[+[a-z_.]+\]+).*$", r"\1\nzzz = 1", WITH_EVERYTHING, flags=re.MULTILINE)
    with pytest.raises(AgreementDocumentError) as caught:
        parse(("zzz = 1\n" + text).encode())
    return {
        problem.where.removesuffix("zzz"): set(problem.right.removeprefix("use one of ").split(", "))
        for problem in caught.value.problems
        if problem.wrong == "no such key"
    }


def test_the_docs_show_the_template() -> None:
    """The example in docs is what the command prints."""
    assert re.search(r"```toml\n(.*?)```", DOC, flags=re.DOTALL).group(1) == TEMPLATE  # type: ignore[union-attr] # it is there


@pytest.mark.parametrize(
    "path",
    [RULES / "template.toml", *sorted((ROOT / "deploy" / "agreements").glob("*.toml"))],
    ids=lambda path: path.stem,
)
def test_examples_are_clean(path: Path) -> None:
    """Template and demonstration have neither an error nor a warning."""
    _, findings = review(path.read_bytes(), name=path.name, now=1_780_000_000.0)
    assert findings == ()


def test_every_key_is_documented() -> None:
    """Each key that the parser knows stands in the reference, and in the template."""
    keys = known_keys()
    assert len(keys) == 16
    for table, names in keys.items():
        for name in names:
            documented = f"`{name}`" in DOC or f"[{name}" in DOC or table == "codes."
            assert documented, f"{table}{name}"


def test_every_word_is_documented() -> None:
    """Each name of a closed list stands in the reference."""
    lists = (
        vocabulary.LAWFUL_USES,
        vocabulary.LEGAL_BASES,
        vocabulary.PROFILES,
        vocabulary.ANSWER_FORMS,
        vocabulary.SENSITIVITIES,
        vocabulary.RETENTIONS,
        vocabulary.AGENCY_KINDS,
        vocabulary.ASSURANCE_LEVELS,
        vocabulary.PRESENTATION_ATTACKS,
    )
    for words in lists:
        for word in words:
            assert f"`{word}`" in DOC, word


def test_every_rule_of_the_linter_is_documented() -> None:
    """Each rule that refuses or warns stands in the reference."""
    source = (RULES / "lint.py").read_text() + (RULES / "purpose_rules.py").read_text()
    rules = set(re.findall(r'(?:error|warning)\(\s*"([a-z0-9-]+)"', source))
    assert len(rules) >= 18
    for rule in rules:
        assert f"`{rule}`" in DOC, rule
