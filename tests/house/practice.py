"""The tables of the practice statement (docs/practice.md), made from the code that the service runs by."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from keys.purpose import ALARM_AHEAD, RULES
from tokenizer import normalise
from tokenizer.attribute import ATTRIBUTES
from tokenizer.codes import CodeLists
from tokenizer.suite import SUITE
from verifier.budget import FLOOR, Limits
from verifier.config import Settings

if TYPE_CHECKING:
    from datetime import timedelta

Rows = list[tuple[object, ...]]

_JOINT = {field.name: field.default for field in dataclasses.fields(Limits)}


def versions() -> Rows:
    """List the versions and bounds that an answer depends on."""
    slot = Settings.model_fields["slot_ms"].default
    return [
        ("version of the normaliser", normalise.VERSION),
        ("suite of tolerant comparison", SUITE.number),
        ("guesses about a subject and day that other agencies cannot spend", FLOOR),
        ("guesses about a subject and day over all agencies, at most", _JOINT["joint_subject"]),
        ("guesses about a prefix of 12 digits and day over all agencies, at most", _JOINT["joint_prefix"]),
        ("slot on which every look-up ends, in milliseconds, unless configured", slot),
        ("alarm before the end of a key's time, in days", ALARM_AHEAD.days),
    ]


def attributes() -> Rows:
    """List every attribute: how it is compared, and by which list."""
    lists = CodeLists.load().lists
    return [
        (
            f"`{info.attribute.name.lower()}`",
            info.kind.name.lower().replace("_", " "),
            f"`{info.code_list}` {lists[int(info.attribute)].version}" if info.code_list else "",
            f"Dice at least {SUITE.filters[info.attribute].threshold / 1000:.2f}"
            if info.attribute in SUITE.filters
            else "",
        )
        for info in ATTRIBUTES.values()
    ]


def code_lists() -> Rows:
    """List the code lists with their versions and sources."""
    return [(f"`{codes.name}`", codes.version, len(codes.codes), codes.source) for codes in CodeLists.load()]


def key_purposes() -> Rows:
    """List what keys are for, and for how long."""
    return [
        (f"`{purpose}`", rules.algorithm, _days(rules.protects), _days(rules.processes))
        for purpose, rules in RULES.items()
    ]


def _days(period: timedelta | None) -> str:
    return "for good" if period is None else f"{period.days} days"
