"""The image and the compose file keep what docs/install.md says of them. Linted and read here, never built or run."""

from __future__ import annotations

import re
import shlex
from typing import Any

import yaml

from tests.house import command_lines, tree

DEPLOY = tree.ROOT / "deploy"


def _instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile: each instruction with its arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def _final_stage() -> list[tuple[str, str]]:
    instructions = _instructions()
    last = max(place for place, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def _is_command(words: list[str]) -> bool:
    program, *path = words
    command = command_lines.command_line(program)
    for word in path:
        if word not in command_lines.children(command):
            return False
        command = command_lines.children(command)[word]
    return True


def test_the_base_is_pinned_and_small() -> None:
    """Both stages stand on one slim image of Debian, named by its version."""
    (base,) = [rest for name, rest in _instructions() if name == "ARG"]
    assert re.fullmatch(r"BASE=python:3\.\d+\.\d+-slim-bookworm", base)
    assert {rest.split()[0] for name, rest in _instructions() if name == "FROM"} == {"${BASE}"}


def test_the_image_has_no_tools_and_no_root() -> None:
    """The final stage installs nothing, takes the environment alone from the first, and ends without root."""
    final = _final_stage()
    copied = [rest for name, rest in final if name in {"COPY", "ADD"}]
    assert copied == ["--from=build /opt/padan/venv /opt/padan/venv"]
    commands = " ".join(rest for name, rest in final if name == "RUN")
    assert not re.search(r"apt|pip install|curl|gcc|build-essential", commands)
    assert "pip uninstall" in commands
    assert [rest for name, rest in final if name == "USER"] == ["10001:10001"]


def test_everything_in_the_image_is_pinned() -> None:
    """What is installed from outside is pinned by hash, and comes built."""
    commands = " && ".join(rest for name, rest in _instructions() if name == "RUN")
    installs = [part for part in commands.split("&&") if re.search(r"\binstall --", part) and "pip" in part]
    outside = [part for part in installs if "/dist/" not in part]
    assert len(outside) == 2
    assert all("--require-hashes" in part and "--only-binary :all:" in part for part in outside)


def test_the_image_runs_and_probes_by_commands_that_exist() -> None:
    """CMD and HEALTHCHECK call our own command line."""
    final = dict(_final_stage())
    for text in (final["CMD"], final["HEALTHCHECK"].partition("CMD ")[2]):
        words = [word.strip(",") for word in shlex.split(text.strip("[]"))]
        assert _is_command(words), words


def test_the_image_sees_no_secrets() -> None:
    """What is sent to a build is a list of what it needs; everything else, secrets above all, stays away."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {line[1:] for line in rules if line.startswith("!")}
    copied = {
        source
        for name, rest in _instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert {source.partition("/")[0] for source in copied} == {name.partition("/")[0] for name in allowed}
    assert rules.index("!deploy") < min(rules.index(f"deploy/{name}") for name in ("padan", "secrets"))


def test_the_services_are_closed() -> None:
    """Each container has a read-only root, no capability to begin with, and cannot gain privileges."""
    for name, service in _compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.search(r":\d+\.\d+", service["image"]), name
    services = _compose()["services"]
    for name in ("init", "server", "projector"):
        assert services[name]["user"] == "10001:10001"
        assert services[name]["ulimits"] == {"core": 0, "memlock": -1}
        assert "cap_add" not in services[name]


def test_secrets_are_files() -> None:
    """No secret stands in the environment or in the file itself; each is a file that its services alone see."""
    document = _compose()
    assert {*document["secrets"]} == {"kek", "pgpass", "pgpass_projector", "postgres_password"}
    assert all([*secret] == ["file"] for secret in document["secrets"].values())
    for service in document["services"].values():
        for name, value in service["environment"].items():
            assert "PASSWORD" not in name or name.endswith("_FILE")
            assert not re.search(r"://[^/@]*:[^/@]*@", value)


def test_the_database_is_upgraded_before_the_service_starts() -> None:
    """The service waits for a database that answers and for the migrations, which run once."""
    services = _compose()["services"]
    assert services["init"]["restart"] == "no"
    assert _is_command(services["init"]["command"])
    assert services["server"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "init": {"condition": "service_completed_successfully"},
    }


def test_only_the_service_is_reachable() -> None:
    """The database's network has no way out, and metrics are not published."""
    document = _compose()
    assert document["networks"]["database"] == {"internal": True}
    assert document["services"]["postgres"]["networks"] == ["database"]
    ports = {name: service.get("ports", []) for name, service in document["services"].items()}
    assert ports == {"postgres": [], "init": [], "server": ["7443:7443", "7444:7444"], "projector": []}


def test_the_projector_is_a_role_of_its_own() -> None:
    """It starts where asked for, once the databases are there, and has no role, password or data of others."""
    document = _compose()
    projector, server = document["services"]["projector"], document["services"]["server"]
    assert projector["profiles"] == ["projector"]
    assert projector["depends_on"] == server["depends_on"]
    assert _is_command([word for word in projector["command"] if word.isalpha() or word == "padan-server"])
    for name in ("PADAN_LOG_URL", "PADAN_VAULT_URL"):
        assert projector["environment"][name] == server["environment"][name].replace(
            "padan@", "padan-projector@"
        )
    assert set(projector["secrets"]) & set(server["secrets"]) == {"kek"}
    assert {*projector["environment"]} == {*server["environment"]}
    assert projector["environment"]["PGPASSFILE"] == "/run/secrets/pgpass_projector"
    data = [{each.partition(":")[0] for each in service["volumes"]} for service in (projector, server)]
    assert data[0] & data[1] == {"./padan"}


def test_the_page_loads_people_into_containers() -> None:
    """Each line of docs/install.md names a service that there is, and runs a command that there is in it."""
    (text,) = re.findall(
        r"^## Containers$(.+)", (tree.ROOT / "docs/install.md").read_text(), re.MULTILINE | re.DOTALL
    )
    lines = re.findall(r"^.*docker compose --file deploy/compose\.yaml (.+)$", text, re.MULTILINE)
    services = _compose()["services"]
    ours = []
    for line in lines:
        words = shlex.split(line)
        named = [word for word in words if word in services]
        assert named or words == ["up", "--detach"], line
        if "padan-server" in words:
            call = words[words.index("padan-server") :]
            ours.append([word for word in call if re.fullmatch(r"[a-z]+(-[a-z]+)?", word)])
    assert ours == [
        ["padan-server", "database", "grant", "padan-projector"],
        ["padan-server", "registry", "load"],
        ["padan-server", "status"],
    ]
    assert all(_is_command(call[:3]) for call in ours)
