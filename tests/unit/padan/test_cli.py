"""The command line `padan`, from arguments to exit code."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import typer.main
from joserfc import jws
from joserfc.jwk import OKPKey

from padan import errors, remedy
from padan.cli import agency
from padan.cli.console import CommandError, ExitCode
from padan.entry import EntryError
from padan.question import Question
from padan.v1 import verification_pb2
from tests.simulator.service import match, refusing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.service import Service
    from tests.simulator.terminal import Ended

NIK = "9971014101900001"
COMMANDS = {
    "init",
    "nik",
    "check",
    "verify",
    "info",
    "receipt",
    "enrolment",
    "errors",
    "dispute",
    "token",
    "biometric",
}


def test_every_command_is_found() -> None:
    """The commands of the modules make the command line."""
    command = typer.main.get_command(agency.build())
    assert set(command.commands) == COMMANDS  # type: ignore[attr-defined]  # it is a group


def parts(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """List a command and all below it."""
    found = [(path, command)]
    for name, below in getattr(command, "commands", {}).items():
        found += parts(below, (*path, name))
    return found


def test_help_is_complete() -> None:
    """Every command has a help text, and so has every one of its options and arguments."""
    for path, command in parts(typer.main.get_command(agency.build())):
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), (path, parameter.name)


@pytest.mark.parametrize("path", [(), *((name,) for name in sorted(COMMANDS)), ("receipt", "check")])
def test_help_is_printed(padan: Callable[..., Ended], path: tuple[str, ...]) -> None:
    """--help works everywhere and ends with 0."""
    ended = padan(*path, "--help")
    assert ended.code == 0
    assert "Usage" in ended.out


def test_script_starts() -> None:
    """The installed entry point runs in a process of its own."""
    code = "from padan.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "nik", "--json", NIK], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["valid"] is True


def test_nik_reads_lines_and_takes_nothing_away(padan: Callable[..., Ended]) -> None:
    """One document a line, in order; blanks and other line separators belong to the text."""
    lines = [NIK, "", f" {NIK}", f"{NIK}\u2028", "\u0669971014101900001"]
    ended = padan("nik", "--json", stdin=("\n".join(lines) + "\n").encode())
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [item["valid"] for item in found] == [True, False, False, False, False]
    assert found[0] == {
        "valid": True,
        "sex": "F",
        "birth_dates": ["1990-01-01"],
        "prefix_status": "unknown",
    }
    assert found[1] == {"valid": False, "reason": "format"}
    assert ended.code == 0
    assert NIK not in ended.out


def test_nik_in_words_and_as_a_check(padan: Callable[..., Ended]) -> None:
    """Without --json a person reads it; --check ends with 1 if one is not valid."""
    ended = padan("nik", "3204110609979004", "1", "--check", "--today", "2026-11-01")
    assert ended.out.splitlines() == [
        "valid  M  1997-09-06  Katapang, Bandung, Jawa Barat (current)",
        "not valid: format",
    ]
    assert ended.code == ExitCode.NO
    assert padan("nik", NIK, "--check").code == 0


def test_nik_survives_bytes_that_are_no_text(padan: Callable[..., Ended]) -> None:
    """Invalid UTF-8 and Windows line ends are read."""
    ended = padan("nik", "--json", stdin=b"\xff\xfe\r\n" + NIK.encode() + b"\r\n")
    assert [json.loads(line)["valid"] for line in ended.out.splitlines()] == [False, True]


def test_verify_by_options(padan: Callable[..., Ended]) -> None:
    """A match ends with 0 and shows every verdict."""
    ended = padan("verify", "--nik", NIK, "--claim", "name=Sitti", "--claim", "birth-date=1990-01-01")
    assert ended.code == 0
    assert ended.out.startswith("MATCH\n")
    assert "birth_date" in ended.out
    assert NIK not in ended.out


def test_verify_by_standard_input(padan: Callable[..., Ended], service: Service) -> None:
    """The question can come as JSON, so that it stays out of history and process list."""
    document = {"nik": NIK, "claims": {"name": "Sitti=Rahma"}, "officer": "desk-8"}
    ended = padan("verify", "--input", "-", "--json", stdin=json.dumps(document).encode())
    assert ended.code == 0
    answer = json.loads(ended.out)
    assert (answer["outcome"], answer["verdicts"]) == ("MATCH", {"name": "MATCH"})
    request = verification_pb2.VerifyRequest.FromString(service.bodies[0])
    assert (request.claims[0].value, request.officer, request.purpose) == (
        "Sitti=Rahma",
        "desk-8",
        "treatment",
    )


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (2, ExitCode.NO),
        (7, ExitCode.NO),
        (6, ExitCode.REFUSED),
        (4, ExitCode.UNAVAILABLE),
        (99, ExitCode.UNAVAILABLE),
    ],
)
def test_verify_exit_codes(
    padan: Callable[..., Ended], service: Service, verdict: int, code: ExitCode
) -> None:
    """A no, a blocked question and an outage end with codes of their own."""

    def step(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        response = match(request, context)
        response.outcome = verdict  # type: ignore[assignment]  # its number
        return response

    service.steps.append(step)
    assert padan("verify", "--nik", NIK, "--claim", "name=Sitti").code == code


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--nik", NIK, "--claim", "name"), b"", "ATTRIBUTE=VALUE"),
        (("--nik", NIK, "--claim", "name=a", "--claim", "name=b"), b"", "stands twice"),
        (("--input", "-"), b"{", "not JSON"),
        (("--input", "-"), b"[]", "unknown keys"),
        (("--input", "-"), b'{"nikk": "1"}', "unknown keys"),
        (("--input", "-"), b'{"nik": 1, "claims": {"name": "a"}}', "nik is not a text"),
        (("--input", "-"), b'{"nik": "1", "claims": {"name": 1}}', "claims is not an object"),
        (("--input", "none.json"), b"", "none.json cannot be read"),
        (("--nik", "9971014101900000", "--claim", "name=Sitti"), b"", "nik: serials start at 0001"),
    ],
)
def test_verify_bad_input(
    padan: Callable[..., Ended], service: Service, arguments: tuple[str, ...], stdin: bytes, said: str
) -> None:
    """Bad input is told with the next step, sends nothing, and repeats no value."""
    ended = padan("verify", *arguments, stdin=stdin)
    assert ended.code in {ExitCode.INPUT, ExitCode.USAGE}
    assert said in ended.err
    assert "\nnext:  " in ended.err
    assert "997101410190000" not in ended.err
    assert not service.bodies


def test_verify_needs_a_purpose(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """What stands neither in the options nor in the file is asked for."""
    file = tmp_path / "padan-client.toml"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "purpose" not in line))
    ended = padan("verify", "--nik", NIK, "--claim", "name=Sitti")
    assert (ended.code, "no purpose is given" in ended.err) == (ExitCode.USAGE, True)


def test_refusal_is_told_with_reason_and_next_step(padan: Callable[..., Ended], service: Service) -> None:
    """A refused question prints cause, reason and next step, and nothing on standard output."""
    service.steps.append(refusing(grpc.StatusCode.PERMISSION_DENIED, "ANCHOR_REQUIRED"))
    ended = padan("verify", "--nik", NIK, "--claim", "name=Sitti")
    assert ended.code == ExitCode.REFUSED
    assert ended.out == ""
    assert "[ANCHOR_REQUIRED]" in ended.err
    assert remedy.TABLE["ANCHOR_REQUIRED"].next_step in ended.err


def test_receipt_from_question_to_proof(
    padan: Callable[..., Ended], service: Service, tmp_path: Path
) -> None:
    """Question and receipt that `verify` kept are proven by `receipt check` with the keys of `info --jwks`."""
    key = OKPKey.generate_key("Ed25519", private=True)
    service.info.keys[0].key_id = key.thumbprint()
    service.info.keys[0].public_key = base64.urlsafe_b64decode(f"{key.as_dict(private=False)['x']}=")

    def step(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        response = match(request, context)
        claims = {
            "iss": "registry.test",
            "aud": "clinic",
            "iat": 1_795_000_000,
            "jti": request.request_id,
            "origin": "registry.test/log",
            "leaf": "01" * 33,
            "mmd": 60,
            "digest": Question.from_body(service.bodies[-1]).digest("clinic").hex(),
            "outcome": "MATCH",
            "agreement": "clinic-2026@2",
            "epoch": 3,
            "keys": [],
        }
        header = {"alg": "Ed25519", "typ": "padan-receipt+jwt", "kid": key.thumbprint()}
        response.receipt = jws.serialize_compact(header, json.dumps(claims), key, algorithms=["Ed25519"])
        return response

    service.steps.append(step)
    ended = padan(
        "verify", "--nik", NIK, "--claim", "name=Sitti", "--save-request", "q.bin", "--save-receipt", "r.jws"
    )
    assert ended.code == 0, ended.err
    assert stat.S_IMODE((tmp_path / "q.bin").stat().st_mode) == 0o600
    (tmp_path / "keys.json").write_text(padan("info", "--jwks").out)
    proven = padan("receipt", "check", "r.jws", "--keys", "keys.json", "--request", "q.bin", "--json")
    assert proven.code == 0, proven.err
    assert json.loads(proven.out)["question"] == "belongs to it"
    shown = padan("receipt", "check", "r.jws", "--keys", "keys.json", "--agency", "clinic")
    assert "outcome          MATCH" in shown.out
    (tmp_path / "other.bin").write_bytes(
        Question.build(nik=NIK, claims={"name": "x"}, purpose="p", officer="o", legal_basis="contract").body
    )
    wrong = padan("receipt", "check", "r.jws", "--keys", "keys.json", "--request", "other.bin")
    assert (wrong.code, wrong.out) == (ExitCode.NO, "")
    again = padan("verify", "--nik", NIK, "--claim", "name=Sitti", "--save-request", "q.bin")
    assert (again.code, "does not exist yet" in again.err) == (ExitCode.INPUT, True)


def test_receipt_check_tells_bad_files(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """A missing receipt and a key file that is none are told by name."""
    assert "r.jws cannot be read" in padan("receipt", "check", "r.jws", "--keys", "k.json").err
    (tmp_path / "r.jws").write_text("a.b.c")
    (tmp_path / "k.json").write_text("no")
    assert "k.json is no JWK Set" in padan("receipt", "check", "r.jws", "--keys", "k.json").err
    (tmp_path / "k.json").write_text("{}")
    assert padan("receipt", "check", "r.jws", "--keys", "k.json").code == ExitCode.NO


def test_info_for_people_and_programs(padan: Callable[..., Ended]) -> None:
    """The agreement is shown in the words that `verify` takes; JSON has every field."""
    ended = padan("info", "--codes")
    assert "clinic-2026@2" in ended.out
    assert "anchors      name" in ended.out
    assert "age          1 d 2 h" in ended.out
    assert "1  LAKI-LAKI (also L)" in ended.out
    document = json.loads(padan("info", "--json").out)
    assert document["agreement"]["purposes"][0]["attributes"] == ["name", "alive"]
    assert document["epochs"][0]["as_of"] == "2026-11-01T12:30:00Z"
    assert document["feed_age_seconds"] == 93_720.5
    assert document["token_domains"] == []


def test_info_without_agreement(padan: Callable[..., Ended], service: Service) -> None:
    """An agency without an agreement reads that it has none."""
    service.info.ClearField("agreement")
    service.info.ClearField("feed_age")  # as a release does that does not know it
    ended = padan("info")
    assert "none in force" in ended.out
    assert "age " not in ended.out


def test_check_for_people_and_programs(padan: Callable[..., Ended], service: Service) -> None:
    """A healthy set-up ends with 0; a fault ends with 1 and is named in both forms."""
    service.steps.append(refusing(grpc.StatusCode.PERMISSION_DENIED, "PURPOSE_NOT_GRANTED"))
    healthy = padan("check", "--json")
    assert (healthy.code, json.loads(healthy.out)["ok"]) == (0, True)
    broken = padan("check", "--json", "--server-name", "elsewhere.test")
    document = json.loads(broken.out)
    assert (broken.code, document["ok"]) == (ExitCode.NO, False)
    assert document["findings"][-1]["fault"] == "wrong-server-name"
    shown = padan("check", "--address", "127.0.0.1:1")
    assert "FAILED" in shown.out
    assert "next: check the port" in shown.out


def test_init_makes_everything_once(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """Key, request and configuration are made, and a second call overwrites none of them."""
    ended = padan("init", "--agency", "clinic", "--out", "new", "--trust-domain", "registry.test", "--json")
    made = json.loads(ended.out)
    assert {Path(path).name for path in made.values()} == {"agency.key", "agency.csr", "padan-client.toml"}
    before = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    again = padan("init", "--agency", "clinic", "--out", "new")
    assert again.code == ExitCode.INPUT
    assert "exists already" in again.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == before
    assert "padan check" in padan("init", "--agency", "clinic", "--out", "newer").out
    assert "PRIVATE" not in ended.out


def test_config_option_goes_before(padan: Callable[..., Ended], tmp_path: Path) -> None:
    """--config names another file; what it lacks is asked for by option and by setting."""
    (tmp_path / "other.toml").write_text('address = "127.0.0.1:1"')
    ended = padan("--config", "other.toml", "info")
    assert ended.code == ExitCode.USAGE
    assert "--ca, --cert, --key" in ended.err
    (tmp_path / "other.toml").write_text('adress = "127.0.0.1:1"')
    assert "no such setting: adress" in padan("--config", "other.toml", "info").err


def test_errors_shows_the_table(padan: Callable[..., Ended]) -> None:
    """Every reason is shown with cause and next step; one can be picked."""
    rows = json.loads(padan("errors", "--json").out)
    assert {row["reason"] for row in rows} == set(remedy.TABLE)
    picked = padan("errors", "no_agreement")
    assert remedy.TABLE["NO_AGREEMENT"].next_step in picked.out
    assert "QUOTA" not in picked.out
    assert padan("errors", "nonsense").code == ExitCode.INPUT


def test_every_error_class_has_an_exit_code() -> None:
    """Each class of errors.py is translated to what a person reads; a stranger is a fault of ours."""
    classes = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PadanError)
    ]
    for kind in classes:
        told = agency.translate(kind("message", reason="x"))
        assert isinstance(told, CommandError)
        assert (told.cause, bool(told.next_step)) == ("message", True)
    assert isinstance(agency.translate(EntryError("x")), CommandError)
    assert agency.translate(RuntimeError("x")) is None


def test_retry_hint_is_told() -> None:
    """The seconds to wait stand in the message."""
    told = agency.translate(errors.QuotaError("too many calls", reason="RATE_LIMITED", retry_after=12.0))
    assert told is not None
    assert told.cause == "too many calls [RATE_LIMITED]; come back in 12 s"
