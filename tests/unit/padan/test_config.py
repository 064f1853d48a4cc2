"""The agency's configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan import config
from padan.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Files are found beside the configuration, wherever the command runs."""
    file = tmp_path / "client.toml"
    file.write_text('address = "h:1"\nca = "ca.pem"\ncert = "/etc/agency.pem"\ntimeout = 3\n')
    found = config.load(file)
    assert (found.address, found.ca, found.cert, found.timeout) == (
        "h:1",
        str(tmp_path / "ca.pem"),
        "/etc/agency.pem",
        3.0,
    )


def test_places_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable goes before the working folder, which goes before the home."""
    monkeypatch.chdir(tmp_path)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    assert config.load(environment=home) == config.Config()
    (tmp_path / "home" / "padan").mkdir(parents=True)
    (tmp_path / "home" / "padan" / "client.toml").write_text('officer = "home"')
    assert config.load(environment=home).officer == "home"
    (tmp_path / "padan-client.toml").write_text('officer = "here"')
    assert config.load(environment=home).officer == "here"
    (tmp_path / "named.toml").write_text('officer = "named"')
    assert (
        config.load(environment={**home, "PADAN_CLIENT_CONFIG": str(tmp_path / "named.toml")}).officer
        == "named"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adress = 'h:1'", "no such setting: adress"),
        ("address = 7", "address is a text"),
        ("timeout = 'long'", "timeout is a number"),
        ("timeout = 0", "timeout is a number"),
        ("timeout = true", "timeout is a number"),
        ("timeout = nan", "timeout is a number"),
        ("address = ", "not TOML"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, message: str) -> None:
    """An unknown setting or a wrong kind of value is refused with file and name."""
    file = tmp_path / "client.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(file)
    assert "client.toml" in str(caught.value)


def test_missing_file_that_was_named(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "none.toml")
