"""`padan-server init`, and the steps that it names."""

from __future__ import annotations

import base64
import json
import shlex
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from tests.house import command_lines
from verifier import migrations
from verifier.ca import CertificateAuthority, CertificateTermsError
from verifier.cli.server import build, groups, wanted
from verifier.config import Settings, load

if TYPE_CHECKING:
    from typer.testing import Result

REGISTRY = ("--registry", "registry.example")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "config", "ca_passphrase_file"):
        monkeypatch.delenv(f"PADAN_{name.upper()}", raising=False)


def run(*words: str | Path) -> Result:
    """Run a command; an error of ours is raised."""
    result = CliRunner().invoke(build(wanted([*map(str, words)])), [*map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_an_installation_is_made(tmp_path: Path) -> None:
    """Configuration, CA, certificate, databases and passphrase are there, and can be used."""
    folder = tmp_path / "padan"
    shown = json.loads(run("init", folder, *REGISTRY, "--port", "7500", "--json").stdout)
    settings = load(folder / "padan.toml")
    assert (settings.registry_id, settings.trust_domain) == ("registry.example", "registry.example")
    assert (settings.environment, settings.auditors_key) == ("development", folder / "auditors.pub")
    assert (settings.listen, settings.audit_listen) == ("127.0.0.1:7500", "127.0.0.1:7501")
    migrations.require_current(settings.log_database, migrations.Tree.LOG)
    migrations.require_current(settings.vault_database, migrations.Tree.VAULT)
    authority = CertificateAuthority.open(settings.ca_dir)
    assert settings.tls_cert.read_bytes().endswith(authority.pem)
    assert shown["names"] == ["localhost", "127.0.0.1"]
    assert datetime.fromisoformat(shown["not_after"]).replace(tzinfo=UTC) > datetime.now(UTC)
    assert len(base64.b64decode((folder / "passphrase").read_text())) == 24


def test_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    """A new folder, the data and every private file have no mode bits for others."""
    folder = tmp_path / "padan"
    run("init", folder, *REGISTRY)
    for private in (".", "data", "passphrase", "ca/ca.key", "tls/server.key"):
        assert stat.S_IMODE((folder / private).stat().st_mode) & 0o077 == 0, private


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """The operator's own folder is taken as it is."""
    tmp_path.chmod(0o750)
    run("init", tmp_path, *REGISTRY)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


@pytest.mark.parametrize("there", ["padan.toml", "ca/ca.key", "tls/server.key", "keyring.json", "data/x"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    """Where one of the files is there, it stays as it is, and nothing is made beside it."""
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(CommandError, match="is there already") as caught:
        run("init", tmp_path, *REGISTRY)
    assert caught.value.code is ExitCode.STATE
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("--registry", "Not An Id"), CommandError, "registry_id: "),
        ((*REGISTRY, "--ip", "localhost"), CertificateTermsError, "malformed"),
        ((*REGISTRY, "--ca-passphrase-file", "/nowhere/secret"), CommandError, "cannot be read"),
    ],
)
def test_a_failure_leaves_nothing(
    tmp_path: Path, options: tuple[str, ...], error: type[Exception], said: str
) -> None:
    """Where a step fails, the error names what is wrong, and what the steps before made is gone."""
    with pytest.raises(error, match=said) as caught:
        run("init", tmp_path / "padan", *options)
    assert "padan.toml" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_databases_lie_elsewhere(tmp_path: Path) -> None:
    """--data-dir names a folder, new or empty; one with something in it is refused, and a failure empties it again."""
    data = tmp_path / "data"
    data.mkdir(mode=0o750)
    with pytest.raises(CertificateTermsError):
        run("init", tmp_path / "padan", *REGISTRY, "--data-dir", data, "--ip", "localhost")
    assert [*data.iterdir()] == []
    run("init", tmp_path / "padan", *REGISTRY, "--data-dir", data)
    settings = load(tmp_path / "padan/padan.toml")
    assert settings.data_dir == data
    migrations.require_current(settings.log_database, migrations.Tree.LOG)
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
    with pytest.raises(CommandError, match="is there already"):
        run("init", tmp_path / "other", *REGISTRY, "--data-dir", data)
    assert not (tmp_path / "other").exists()


def test_a_sealed_ca_opens_with_its_passphrase(tmp_path: Path) -> None:
    """The passphrase of the CA's key comes from a file."""
    secret = tmp_path / "secret"
    secret.write_text("a passphrase for the CA\n")
    run("init", tmp_path / "padan", *REGISTRY, "--ca-passphrase-file", secret)
    CertificateAuthority.open(tmp_path / "padan" / "ca", passphrase=b"a passphrase for the CA")


def test_production_gets_no_passphrase_from_us(tmp_path: Path) -> None:
    """Outside development the custodian types it, and single custody must be said aloud."""
    shown = json.loads(run("init", tmp_path, *REGISTRY, "--environment", "production", "--json").stdout)
    steps = [step["command"] for step in shown["next"]]
    assert not (tmp_path / "passphrase").exists()
    assert "padan-keys init --single-custodian" in steps
    assert load(tmp_path / "padan.toml").auditors_key is None


def test_it_takes_no_configuration(tmp_path: Path) -> None:
    """A --config before it would be ignored, so that it is refused."""
    with pytest.raises(CommandError, match="takes no --config"):
        run("--config", tmp_path / "other.toml", "init", tmp_path, *REGISTRY)


def test_each_next_step_is_a_command(tmp_path: Path) -> None:
    """What it prints to be done next exists, with these options."""
    shown = json.loads(run("init", tmp_path, *REGISTRY, "--json").stdout)
    for step in shown["next"]:
        program, *words = shlex.split(step["command"])
        command = command_lines.command_line(program)
        while command_lines.children(command):
            command = command_lines.children(command)[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, step


def test_what_is_made_is_told(tmp_path: Path) -> None:
    """For people it names the files and the next steps, with the folder to go to."""
    told = run("init", tmp_path / "a folder", *REGISTRY).stdout
    assert f"cd '{tmp_path}/a folder'" in told
    for named in ("padan.toml", "ca/ca.pem", "tls/server.pem", "passphrase", "padan-keys init"):
        assert named in told


def test_a_signer_is_trusted(tmp_path: Path) -> None:
    """A public key that keygen wrote is added to the configuration once, beside those that are there."""
    run("init", tmp_path, *REGISTRY)
    config = tmp_path / "padan.toml"
    before = config.read_text()
    for name in ("ani", "budi", "ani"):
        if not (tmp_path / f"{name}.key").exists():
            run("agreement", "keygen", "--out", tmp_path / f"{name}.key")
        run("--config", config, "agreement", "trust", tmp_path / f"{name}.pub")
    keys = [(tmp_path / f"{name}.pub").read_text().strip() for name in ("ani", "budi")]
    assert load(config).agreement_signers == (*keys,)
    assert len(config.read_text().splitlines()) == len(before.splitlines())


def test_only_a_public_key_is_trusted(tmp_path: Path) -> None:
    """A private key's file, or anything else, changes nothing."""
    run("init", tmp_path, *REGISTRY)
    run("agreement", "keygen", "--out", tmp_path / "ani.key")
    before = (tmp_path / "padan.toml").read_text()
    with pytest.raises(CommandError, match=r"ani\.key: a public key is not base64") as caught:
        run("--config", tmp_path / "padan.toml", "agreement", "trust", tmp_path / "ani.key")
    assert "keygen" in caught.value.next_step
    assert (tmp_path / "padan.toml").read_text() == before


def test_keygen_overwrites_nothing(tmp_path: Path) -> None:
    """Neither the private nor the public key's file is written where one is there."""
    (tmp_path / "ani.pub").write_text("mine")
    with pytest.raises(CommandError, match="already"):
        run("agreement", "keygen", "--out", tmp_path / "ani.key")
    with pytest.raises(CommandError, match="already"):
        run("agreement", "keygen", "--out", tmp_path / "ani.pub")
    assert [path.name for path in tmp_path.iterdir()] == ["ani.pub"]


def test_the_template_takes_an_agency(tmp_path: Path) -> None:
    """With an id and a network the template is an agreement of that agency, and fine."""
    document = tmp_path / "clinic.toml"
    document.write_text(
        run("agreement", "template", "--agency", "clinic", "--source-address", "127.0.0.1/32").stdout
    )
    run("init", tmp_path / "padan", *REGISTRY)
    checked = run("--config", tmp_path / "padan" / "padan.toml", "agreement", "check", document)
    assert "agreement clinic-2026 version 1 is fine" in checked.stdout
    assert 'source_addresses = ["127.0.0.1/32"]' in document.read_text()


def test_one_signature_file_is_for_one_document(tmp_path: Path) -> None:
    """Several documents are signed beside themselves."""
    with pytest.raises(CommandError, match="several documents"):
        run("agreement", "sign", "a.toml", "b.toml", "--key", tmp_path / "k", "--out", tmp_path / "s")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["agreement", "list"], ("agreement",)),
        (["--config", "serve", "epoch", "list"], ("epoch",)),
        (["--config=x", "serve"], ("serve",)),
        (["--help"], ()),
        (["--config"], ()),
        (["nothing"], ()),
        ([], ()),
    ],
)
def test_a_call_loads_what_it_names(words: list[str], names: tuple[str, ...]) -> None:
    """A call that names a command loads that one; any other loads all, so that help and errors are whole."""
    assert wanted(words) == names


@pytest.mark.parametrize("name", groups())
def test_each_module_has_the_command_of_its_name(name: str) -> None:
    """server_NAME.py adds NAME and nothing else, or a call would not find it."""
    (added,) = build([name]).registered_groups or build([name]).registered_commands
    assert (added.name or getattr(getattr(added, "typer_instance", None), "info", added).name) == name
