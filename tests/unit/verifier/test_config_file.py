"""The configuration as text: every setting explained, and changes that leave the rest alone."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import config_file
from verifier.config import ConfigError, Settings, load

REQUIRED = {"registry_id": "registry.example", "trust_domain": "registry.example"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PADAN_{name.upper()}", raising=False)


def test_every_setting_stands_there_with_its_meaning() -> None:
    """Each setting has a line, and the line before says what the code says of it."""
    text = config_file.render(REQUIRED)
    for name, field in Settings.model_fields.items():
        assert re.search(rf"^# {re.escape(field.description or '?')}.*\n(?:# )?{name} = ", text, re.MULTILINE)


def test_choices_and_bounds_are_named() -> None:
    """Where a setting has few values, or bounds, the line says them."""
    text = config_file.render(REQUIRED)
    assert "One of: production, staging, development.\n" in text
    assert "From 4 to 512.\n# threads = 64\n" in text


def test_what_is_written_is_accepted(tmp_path: Path) -> None:
    """The file is a valid configuration, and means the defaults."""
    path = tmp_path / "padan.toml"
    path.write_text(config_file.render(REQUIRED))
    bare = tmp_path / "bare.toml"
    bare.write_text("".join(f'{name} = "{value}"\n' for name, value in REQUIRED.items()))
    assert load(path) == load(bare)


def test_what_is_commented_is_accepted_too(tmp_path: Path) -> None:
    """With every comment sign before a setting removed it is valid all the same."""
    path = tmp_path / "padan.toml"
    text = config_file.render(REQUIRED)
    path.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert tomllib.loads(path.read_text()).keys() == Settings.model_fields.keys()
    assert load(path).auditors_key == tmp_path / "auditors.json"


def test_an_unknown_setting_is_refused() -> None:
    """Nothing is written that would be refused when read."""
    with pytest.raises(ConfigError, match="no such setting: colour"):
        config_file.render({"colour": "blue"})


@given(value=st.one_of(TEXTS, st.booleans(), st.integers(-(2**53), 2**53), st.lists(TEXTS)))
def test_a_value_is_read_back(value: object) -> None:
    """Any text, number, truth value or list of texts is read as it was written, and nothing else changes."""
    before = config_file.render(REQUIRED)
    after = config_file.with_value(before, "log_level", value)
    assert tomllib.loads(after) == {**tomllib.loads(before), "log_level": value}
    assert config_file.with_value(after, "log_level", value) == after


def test_a_change_keeps_every_other_line() -> None:
    """One line differs, whether it was a comment before or not."""
    before = 'registry_id = "r"  # ours\n# threads = 64\n[other]\nx = 1\n'
    assert config_file.with_value(before, "threads", 8) == before.replace("# threads = 64", "threads = 8")
    assert config_file.with_value(before, "workers", 2) == "workers = 2\n" + before


@pytest.mark.parametrize(
    "text",
    [
        'agreement_signers = [\n  "a",\n]\n',
        "# agreement_signers = []\n[table]\nagreement_signers = []\n",
        "x = \n",
    ],
)
def test_what_a_person_must_change_is_left(text: str) -> None:
    """A value over several lines, one inside a table, or a broken file is refused, with the line to write."""
    with pytest.raises(ConfigError, match=r'write by hand: agreement_signers = \["k"\]'):
        config_file.with_value(text, "agreement_signers", ["k"])


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    """The new text stands under the same name, readable to the same people, with nothing beside it."""
    path = tmp_path / "padan.toml"
    path.write_text("old")
    path.chmod(0o640)
    config_file.replace(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot be written"):
        config_file.replace(tmp_path / "none" / "padan.toml", "new")


def test_every_path_is_relative_to_the_file(tmp_path: Path) -> None:
    """Wherever a command is run from, and whichever setting it is."""
    path = tmp_path / "padan.toml"
    bare = "".join(f'{name} = "{value}"\n' for name, value in REQUIRED.items())
    path.write_text(bare)
    named = [name for name, value in load(path) if isinstance(value, Path)]
    named += ["head_store", "log_mirror", "tree_dir", "witness_policy", "auditors_key"]
    path.write_text(bare + "".join(f'{name} = "below/{name}"\n' for name in dict.fromkeys(named)))
    found = {name: value for name, value in load(path) if isinstance(value, Path)}
    assert found == {name: tmp_path / "below" / name for name in named}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("file:kek.json?passphrase-file=pass", "file:{0}/kek.json?passphrase-file={0}/pass"),
        ("file:/kek.json?passphrase-env=PASS", "file:/kek.json?passphrase-env=PASS"),
        ("credential:kek", "credential:kek"),
        (
            "pkcs11:token=t;object=o?module-path=/m.so&pin-source=file:pin&kek-file=kek.json",
            "pkcs11:token=t;object=o?module-path=/m.so&pin-source=file:{0}/pin&kek-file={0}/kek.json",
        ),
        (
            "pkcs11:token=t;object=o?kek-file=k&module-path=m.so&pin-source=/run/pin",
            "pkcs11:token=t;object=o?kek-file={0}/k&module-path={0}/m.so&pin-source=/run/pin",
        ),
    ],
)
def test_the_paths_of_a_kek_start_at_the_file(tmp_path: Path, written: str, meant: str) -> None:
    """Paths inside of each provider's URI are relative to the configuration, and nothing else in it changes."""
    path = tmp_path / "padan.toml"
    path.write_text(config_file.render({**REQUIRED, "kek": written}))
    assert load(path).kek == meant.format(tmp_path)
