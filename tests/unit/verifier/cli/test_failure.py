"""What the server-side commands say when they fail: one table for every class of errors."""

from __future__ import annotations

import errno
import importlib
import inspect
import pkgutil
import re
from typing import TYPE_CHECKING

import pytest

import keys
import tokenizer
import verifier
from keys.errors import KeyExpiredError, KeysError
from padan.cli.console import ExitCode
from tests.house import command_lines
from tokenizer.errors import ClaimError, TokenizerError
from verifier.cli.failure import TABLE, row_of, translate
from verifier.errors import CallerError, VerifierError

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = (
    "keys.errors.KeysError",
    "tokenizer.errors.TokenizerError",
    "verifier.errors.OperatorError",
    "verifier.errors.ServiceError",
)
"""Rows that speak for a whole group: too general for an error that a person meets."""

NEVER_ALONE = {
    "keys.errors.CallerError": "base; KeyUseError speaks",
    "keys.errors.CustodianError": "base",
    "keys.errors.CredentialError": "base",
    "keys.errors.TokenError": "base",
    "keys.errors.OperatorError": "base",
    "verifier.feed.errors.FeedError": "base",
    "verifier.rotation.errors.RotationError": "base",
    "keys.errors.OpenError": "told as the file or the row that does not open",
    "keys.errors.SignatureError": "told as the agreement or the file that it is over",
    "verifier.agreement.errors.DocumentError": "base",
    "keys.errors.PeriodOverError": "the service opens a new period",
    "keys.errors.ProbeKeyOverError": "the service has another one",
    "verifier.dispute.errors.DisputesClosedError": "answered to callers",
    "verifier.stage.errors.StageError": "base",
    "verifier.stage.errors.NotAliveError": "told as a criterion of the stage's report",
    "verifier.errors.ShuttingDownError": "answered to callers",
    "verifier.unsealing.UnsealFailedError": "answered to custodians",
    "verifier.errors.LogUnwitnessedError": "answered to callers",
    "verifier.log.store.LeaderLostError": "a duty ends, and its process waits for the seat again",
}
"""Classes that a group's row is enough for, with the reason."""


def error_classes() -> Iterator[type[Exception]]:
    """Yield every error class that our server-side packages define over their bases."""
    for package in (keys, tokenizer, verifier):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".versions" in found.name or found.name.endswith(".env"):
                continue
            module = importlib.import_module(found.name)
            for kind in vars(module).values():
                ours = inspect.isclass(kind) and issubclass(kind, KeysError | TokenizerError | VerifierError)
                if ours and kind.__module__ == module.__name__ and kind is not VerifierError:
                    yield kind


def name_of(kind: type[BaseException]) -> str:
    """Spell a class as the table does."""
    return f"{kind.__module__}.{kind.__qualname__}"


CLASSES = {name_of(kind): kind for kind in error_classes()}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_has_a_row(name: str) -> None:
    """Each class has a row of its own or of a base, and more than its group's where a person can meet it."""
    kind = CLASSES[name]
    row = row_of(kind)
    assert row is not None
    general = name not in GROUPS and any(row is TABLE[group] for group in GROUPS)
    if not issubclass(kind, CallerError | TokenizerError):
        assert general == (name in NEVER_ALONE)


@pytest.mark.parametrize("name", TABLE)
def test_a_row_has_an_error(name: str) -> None:
    """Each row's class exists, and its exit code is one of a failure that a person can act upon."""
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), kind), Exception)
    assert TABLE[name].code in {
        ExitCode.INPUT,
        ExitCode.REFUSED,
        ExitCode.UNAVAILABLE,
        ExitCode.STATE,
    }


@pytest.mark.parametrize("name", TABLE)
def test_a_next_step_can_be_taken(name: str) -> None:
    """Each command that a next step names exists."""
    for program, first, second in re.findall(
        r"(padan-server|padan-keys) ([a-z-]+)(?: ([a-z-]+))?", TABLE[name].next_step
    ):
        commands = command_lines.children(command_lines.command_line(program))
        assert first in commands, TABLE[name].next_step
        below = command_lines.children(commands[first])
        assert not below or second in {*below, "--help"}, TABLE[name].next_step


def test_the_most_derived_row_speaks() -> None:
    """An error is told by its own row before its base's."""
    told = translate(KeyExpiredError("the index key's time is over"))
    assert told is not None
    assert (told.cause, told.next_step) == (
        "the index key's time is over",
        TABLE["keys.errors.KeyExpiredError"].next_step,
    )


def test_a_value_is_not_told() -> None:
    """A claim that breaks a rule is told by the rule."""
    told = translate(ClaimError("date.future"))
    assert told is not None
    assert told.cause == "date.future: the date lies in the future"


def test_the_operating_systems_word_is_told() -> None:
    """A full disk is named with its file, and may be better later."""
    told = translate(OSError(errno.ENOSPC, "x", "data/log.sqlite"))
    assert told is not None
    assert (told.cause, told.code) == ("data/log.sqlite: No space left on device", ExitCode.UNAVAILABLE)


def test_a_fault_of_ours_is_not_dressed_up() -> None:
    """What the table does not know is left to the console's internal fault."""
    assert translate(ZeroDivisionError()) is None
