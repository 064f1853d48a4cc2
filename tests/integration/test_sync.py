"""Changes of the registry reach a running service, once and in order, and end where a fresh load would."""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.request
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from keys.signing import thumbprint
from padan.cli.console import ExitCode
from padan.entry import EntryKind, Field, decode
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2, verification_pb2_grpc
from tests.installation import Installation, install
from tests.integration.feeding import (
    NEWCOMER,
    SIGNED,
    SIGNER,
    checked,
    comparable,
    feed,
    history,
    people,
    shuffled,
    twin,
)
from tests.integration.loading import COMMAND
from tests.people import ALMARHUM, BUDI, SARI
from tests.service import request, running
from tests.terms import Terms
from verifier.feed import document
from verifier.feed.errors import FeedGapError
from verifier.feed.following import follow
from verifier.feed.sync import UNKNOWN
from verifier.log.open import open_log
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.postgres import PostgresServer

NAME = vocabulary.ATTRIBUTE_NAME
MATCH, NO_MATCH = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH
NOT_ACTIVE = vocabulary.VERDICT_MATCH_NOT_ACTIVE
MERGED, OLD = "3273010101909077", "3273010101909078"


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation on each engine that trusts the registry's key."""
    url = ""
    server: PostgresServer | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.make_database()
    yield install(
        tmp_path_factory.mktemp("sync"),
        agencies={"tax": Terms()},
        log_url=url,
        vault_url=url,
        extra=SIGNED,
    )
    if server is not None:
        server.drop_database(url)


@pytest.fixture
def other(
    installation: Installation, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Installation]:
    """Another installation on the same engine under the same keys."""
    if not installation.settings.log_url:
        yield twin(installation, tmp_path / "other")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.make_database()
    yield twin(installation, tmp_path / "other", url)
    server.drop_database(url)


def test_a_running_service_answers_what_is_new(installation: Installation) -> None:
    """A correction, a death, a birth, a withdrawal, a merger, a changed number: new values match, old ones do not."""
    corrected = {**BUDI, "NAMA_LGKP": "BUDI SANTOSA WIJAYA"}
    changes: Sequence[dict[str, Any]] = (
        {"change": "changed", "row": corrected, "also": [MERGED]},
        {"change": "deceased", "row": {**SARI, "STATUS_HIDUP": "2"}},
        {"change": "new", "row": NEWCOMER},
        {"change": "withdrawn", "nik": ALMARHUM["NIK"]},
        {"change": "nik_changed", "row": {**NEWCOMER, "NIK": OLD}, "was": [NEWCOMER["NIK"]]},
        {"change": "moved", "row": {**BUDI, "NIK": "3273010606809006", "AGAMA": "99"}},
        {"change": "changed", "row": {**BUDI, "NIK": "3273010606809007"}},
    )
    with running(installation) as service, service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)

        def ask(nik: str, name: str) -> int:
            return stub.Verify(request(nik=nik, claims={NAME: name}), timeout=10).outcome

        assert ask(BUDI["NIK"], BUDI["NAMA_LGKP"]) == MATCH
        assert ask(NEWCOMER["NIK"], NEWCOMER["NAMA_LGKP"]) == NO_MATCH
        before = ages(installation, stub)
        summary = follow(installation.settings, "one.feed", feed(installation, 0, *changes))
        assert (summary.begun, summary.position, summary.applied, summary.older) == (0, 7, 6, 0)
        assert [(each.row, each.field, each.rule) for each in summary.rejects] == [
            (6, "AGAMA", "code.unknown")
        ]
        assert [(each.row, each.rule) for each in summary.remarks] == [(7, UNKNOWN)]
        until = time.monotonic() + 10
        while ask(BUDI["NIK"], corrected["NAMA_LGKP"]) != MATCH:
            assert time.monotonic() < until, "the correction is not seen"
            time.sleep(0.1)
        assert ask(BUDI["NIK"], "BUDI SANTOSO") == NO_MATCH
        # The load was as of noon the day before, the file is as of 05:00; both are read anew twice a second.
        while max(young - old for young, old in zip(ages(installation, stub), before, strict=True)) > -61_000:
            assert time.monotonic() < until, "the new age is not seen"
            time.sleep(0.1)
        assert ages(installation, stub) == pytest.approx([old - 61_200 for old in before], abs=60)
        assert ask(MERGED, corrected["NAMA_LGKP"]) == MATCH
        assert ask(SARI["NIK"], SARI["NAMA_LGKP"]) == NOT_ACTIVE
        assert ask(ALMARHUM["NIK"], ALMARHUM["NAMA_LGKP"]) == NO_MATCH
        assert ask(OLD, NEWCOMER["NAMA_LGKP"]) == MATCH
        assert ask(NEWCOMER["NIK"], NEWCOMER["NAMA_LGKP"]) == NO_MATCH
        again = follow(installation.settings, "one.feed", feed(installation, 0, *changes))
        assert (again.position, again.applied, again.known) == (7, 0, 7)
        with pytest.raises(FeedGapError):
            follow(installation.settings, "three.feed", feed(installation, 8, *changes))
    with closing(open_log(installation.settings.log_database)) as log:
        rows = log.entries(0, 1_000)

    def details_of(kind: EntryKind) -> list[dict[str, str]]:
        entries = [decode(row.entry) for row in rows if row.kind == kind]
        return [dict(text.split("=", 1) for text in entry.texts(Field.DETAIL)) for entry in entries]

    details = details_of(EntryKind.FEED_APPLIED)
    assert [(each["from"], each["to"], each["applied"]) for each in details] == [
        ("0", "7", "6"),
        ("7", "7", "0"),
    ]
    opened = details_of(EntryKind.FEED_OPENED)
    assert [(each["after"], each["end"]) for each in opened] == [("0", "7"), ("0", "7"), ("8", "15")]
    assert {each["signer"] for each in opened} == {thumbprint(SIGNER.public_key)}
    assert [each["digest"] for each in opened[:2]] == [each["digest"] for each in details]


def ages(made: Installation, stub: verification_pb2_grpc.VerificationServiceStub) -> list[float]:
    """Read the data's age where agencies and where operators read it, in seconds."""
    told = stub.GetServiceInfo(verification_pb2.GetServiceInfoRequest(), timeout=10).feed_age
    url = f"http://127.0.0.1:{made.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as page:
        (line,) = [line for line in page.read().decode().splitlines() if line.startswith("padan_feed_age")]
    return [told.ToMilliseconds() / 1000, float(line.split()[1])]


def test_a_new_epoch_goes_on_where_its_load_ended(installation: Installation) -> None:
    """After a load the source is followed from there on only where somebody says that nothing is missing."""
    with pytest.raises(FeedGapError):
        follow(installation.settings, "a", feed(installation, 90, {"change": "new", "row": NEWCOMER}))
    summary = follow(
        installation.settings, "a", feed(installation, 90, {"change": "new", "row": NEWCOMER}), begin=True
    )
    assert (summary.begun, summary.position) == (90, 91)
    assert follow(installation.settings, "b", feed(installation, 91), begin=True).position == 91
    late = {**NEWCOMER, "NAMA_LGKP": "I KETUT LATE"}
    other = feed(installation, 4, {"change": "changed", "row": late}, source="registry-2")
    others = follow(installation.settings, "c", other, begin=True)
    assert (others.applied, others.older, others.position) == (1, 0, 5)


def test_a_source_that_counts_anew_is_heeded(installation: Installation) -> None:
    """Positions of two sources say nothing of each other: what comes later counts, whatever number it has."""
    follow(
        installation.settings, "a", feed(installation, 90_000, {"change": "new", "row": NEWCOMER}), begin=True
    )
    moved = {**NEWCOMER, "NIK": "3273010505209006"}
    renumbered = {"change": "nik_changed", "row": moved, "was": [NEWCOMER["NIK"]]}
    numbers = [NEWCOMER["NIK"], moved["NIK"]]
    assert (
        follow(installation.settings, "b", feed(installation, 0, renumbered, source="registry-2")).applied
        == 1
    )
    assert [each is None for each in comparable(installation, numbers).values()] == [True, False]
    back = {"change": "changed", "row": NEWCOMER}
    assert follow(installation.settings, "c", feed(installation, 90_001, back)).applied == 1
    gone = {"change": "withdrawn", "nik": moved["NIK"]}
    assert follow(installation.settings, "d", feed(installation, 1, gone, source="registry-2")).applied == 1
    assert [each is None for each in comparable(installation, numbers).values()] == [False, True]


def test_what_a_load_holds_is_not_applied_again(installation: Installation) -> None:
    """Of a source that is new to the epoch changes count from the position that the load holds, and a gap is one."""
    data = feed(installation, 40, *[{"change": "changed", "row": NEWCOMER}] * 3)
    with pytest.raises(FeedGapError):
        follow(installation.settings, "f", data, holds={"registry-1": 39})
    with pytest.raises(FeedGapError):
        follow(installation.settings, "f", data, holds={"another": 42})
    summary = follow(installation.settings, "f", data, holds={"registry-1": 42})
    assert (summary.begun, summary.position, summary.applied, summary.known) == (42, 43, 1, 2)
    later = feed(installation, 43, {"change": "changed", "row": NEWCOMER})
    assert follow(installation.settings, "g", later, holds={"registry-1": 1}).begun == 43


def test_a_history_ends_as_a_fresh_load(
    installation: Installation, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many changes in many files, each cut short at random and delivered twice: record by record as if loaded today.

    So do the same changes shuffled across people, in another installation under the same keys.
    """
    source = random.Random(6)
    everyone, also = people(450), dict[str, list[str]]()
    numbers = sorted(everyone)
    held, spare = {nik: everyone[nik] for nik in numbers[:250]}, numbers[250:]
    monkeypatch.setattr("verifier.feed.sync.BATCH", 20)
    for made in (installation, other):
        made.load(held.values())
    changes = history(source, held, spare, 800, also)
    assert {change["change"] for change in changes} == document.CHANGES
    assert cut_short_at_random(installation, source, changes, monkeypatch) > 8
    assert cut_short_at_random(other, source, shuffled(source, changes), monkeypatch) > 8
    followed = comparable(installation, numbers)
    assert comparable(other, numbers) == followed
    merged = sum(map(len, also.values()))
    for made in (installation, other):
        report = checked(made, held)
        assert report.is_clean
        assert report.vault is not None
        assert (report.people.agrees, report.vault.merged) == (len(held), merged)
    installation.load(held.values(), also=also)
    assert comparable(installation, numbers) == followed
    assert sum(value is not None for value in followed.values()) == len(held) + merged > len(held)
    with closing(open_vault(installation.settings.vault_database)) as vault:
        assert vault.check().number == 3


def cut_short_at_random(
    made: Installation,
    source: random.Random,
    changes: Sequence[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """Take changes in, in files of 160, each cut short and delivered twice; says how often that was in the middle."""
    interrupted = 0
    for after in range(0, len(changes), 160):
        part = changes[after : after + 160]
        data = feed(made, after, *part)
        for _ in range(3):
            with monkeypatch.context() as patched:
                act = partial(follow, made.settings, "f", data)
                interrupted += cut_short(patched, source.randrange(1, 5), act)
        assert follow(made.settings, "f", data).position == after + len(part)
        assert follow(made.settings, "f", data).applied == 0
    return interrupted


def cut_short(patched: pytest.MonkeyPatch, commits: int, act: Any) -> bool:
    """Let a process end after so many commits, before it can say so; says whether it got there."""

    class Killed(BaseException):
        """The end of a process."""

    from verifier.vault import catalogue

    amend, left = catalogue.Catalogue.amend, [commits]

    def counted(self: catalogue.Catalogue, *args: Any, **named: Any) -> None:
        amend(self, *args, **named)
        left[0] -= 1
        if not left[0]:
            raise Killed

    patched.setattr(catalogue.Catalogue, "amend", counted)
    try:
        act()
    except Killed:
        return True
    return False


def test_rows_are_whole(installation: Installation) -> None:
    """What a change does not name is held no longer: a row stands for itself."""
    less: Mapping[str, str] = {key: value for key, value in BUDI.items() if key != "AGAMA"}
    follow(installation.settings, "f", feed(installation, 0, {"change": "changed", "row": less}))
    (found,) = comparable(installation, [BUDI["NIK"]]).values()
    assert isinstance(found, tuple)
    assert found[0] >> (vocabulary.ATTRIBUTE_RELIGION - 1) & 1 == 0


def test_the_command_line_from_a_key_to_an_applied_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The registry makes a key and signs; the operator trusts it and applies; a file of a stranger is refused."""
    made = install(tmp_path_factory.mktemp("desk"), agencies={})

    def run(*words: object, code: int = 0) -> str:
        done = subprocess.run(
            [*COMMAND, "--config", str(made.config_path), *map(str, words)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    root = made.root
    run("feed", "keygen", "--out", root / "registry.key")
    unsigned, signed = root / "changes.jsonl", root / "changes.feed"
    lines = feed(made, 0, {"change": "new", "row": NEWCOMER}).splitlines(keepends=True)[:-1]
    unsigned.write_bytes(b"".join(lines))
    run("feed", "sign", unsigned, "--key", root / "registry.key", "--out", signed)
    assert "nobody in feed_signers" in run("registry", "sync", signed, code=int(ExitCode.REFUSED))
    run("feed", "trust", root / "registry.pub")
    assert "1 applied" in run("registry", "sync", signed)
    again = json.loads(run("registry", "sync", signed, "--json"))
    assert (again["known"], again["applied"], again["position"]) == (1, 0, 1)
    signed.write_bytes(signed.read_bytes()[:-40])
    assert "no signed end" in run("registry", "sync", signed, code=int(ExitCode.INPUT))
