"""The report of a stage: what was wanted, what was found, and the verdict, for programs and for people. Pure.

The JSON document is the report: its SHA-256 stands in the log, a signature is over its bytes. The Markdown beside it
says the same to a reader.
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from verifier.stage.errors import ReportFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

FORMAT: Final = 1
USE: Final = "stage-report"


class Stage(enum.StrEnum):
    """The stages, in their order."""

    LIVENESS = "liveness"
    CONSISTENCY = "consistency"
    LOAD = "load"
    SCENARIO = "scenario"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that decides."""

    name: str
    wanted: str
    found: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the stage was run against.

    Attributes:
        release: of the command that ran it.
        versions: of normaliser, suite and record.
        settings_sha256: of the settings, without passwords, hexadecimal.
    """

    registry_id: str
    environment: str
    release: str
    versions: Mapping[str, str]
    settings_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a stage found.

    Attributes:
        criteria: what decides.
        figures: what was measured, as JSON has it.
        stopped: why it ended before its time; empty where it did not.
    """

    criteria: Sequence[Criterion]
    figures: Mapping[str, Any] = field(default_factory=dict)
    stopped: str = ""

    @property
    def passed(self) -> bool:
        """Whether it came to its end and every criterion is met."""
        return not self.stopped and all(criterion.passed for criterion in self.criteria)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """A stage that was run."""

    stage: Stage
    origin: Origin
    began: datetime
    ended: datetime
    findings: Findings

    @property
    def verdict(self) -> str:
        """Say "passed" or "failed"."""
        return "passed" if self.findings.passed else "failed"

    def values(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        return {
            "format": FORMAT,
            "use": USE,
            "stage": self.stage.value,
            "verdict": self.verdict,
            **asdict(self.origin),
            "began": self.began.isoformat(timespec="seconds"),
            "ended": self.ended.isoformat(timespec="seconds"),
            "seconds": round((self.ended - self.began).total_seconds(), 3),
            "stopped": self.findings.stopped,
            "criteria": [asdict(criterion) for criterion in self.findings.criteria],
            "figures": dict(self.findings.figures),
        }

    def document(self) -> bytes:
        """Write the report."""
        return json.dumps(self.values(), indent=1, sort_keys=True).encode() + b"\n"

    def markdown(self) -> bytes:
        """Write the same for a reader."""
        return ("\n".join(self._lines()) + "\n").encode()

    def _lines(self) -> Iterator[str]:
        origin = self.origin
        yield f"# Stage {self.stage}: {self.verdict}"
        yield ""
        yield f"- registry: {origin.registry_id}, environment {origin.environment}"
        yield f"- release: {origin.release}; " + ", ".join(
            f"{name} {version}" for name, version in sorted(origin.versions.items())
        )
        yield f"- settings: SHA-256 {origin.settings_sha256}"
        yield f"- from {self.began.isoformat(timespec='seconds')} to {self.ended.isoformat(timespec='seconds')}"
        yield f"- report: SHA-256 {sha256(self.document())}"
        if self.findings.stopped:
            yield f"- ended early: {self.findings.stopped}"
        yield ""
        yield "| criterion | wanted | found | |"
        yield "| --- | --- | --- | --- |"
        for each in self.findings.criteria:
            yield f"| {each.name} | {each.wanted} | {each.found} | {'passed' if each.passed else 'FAILED'} |"
        yield ""
        yield "```json"
        yield json.dumps(dict(self.findings.figures), indent=1, sort_keys=True)
        yield "```"


def sha256(document: bytes) -> str:
    """Hash a document, hexadecimal."""
    return hashlib.sha256(document).hexdigest()


def read(document: bytes) -> dict[str, Any]:
    """Read a report back.

    Raises:
        ReportFileError: it is none, or of another release.
    """
    try:
        values = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ReportFileError("not a stage's report") from error
    if not isinstance(values, dict) or values.get("use") != USE or values.get("format") != FORMAT:
        raise ReportFileError(f"not a stage's report of format {FORMAT}")
    return values
