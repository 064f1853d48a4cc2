"""The tokens: an installation in which four agencies keep tokens in the place of numbers."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.demo import installation
from deploy.demo.demo import Demo
from deploy.demo.installation import OPERATOR, REGISTRY_FOLDER
from deploy.demo.play import Programme, end, play_scene
from deploy.demo.stage import Clock, ExpectationError
from deploy.tokens import lists

if TYPE_CHECKING:
    import argparse

    from deploy.demo.demo import Scene
    from deploy.demo.service import Service
    from deploy.demo.stage import Stage
    from deploy.tokens.lists import Lists

AGREEMENTS = Path(__file__).parent / "agreements"
TAX, HEALTH, RICE, CASH = "tax-office", "health-insurance", "rice-aid", "cash-aid"
DOMAINS = {TAX: "tax", HEALTH: "health", RICE: "rice", CASH: "cash"}
NUMBERS = {TAX: "taxpayer", HEALTH: "member", RICE: "family", CASH: "account"}
"""The agencies' own numbers, which stand beside the tokens."""
_FOLLOWED_SECONDS = 60.0
_ASKING = {
    TAX: ("taxpayers", "legal_duty"),
    HEALTH: ("members", "legal_duty"),
    RICE: ("beneficiaries", "public_task"),
    CASH: ("beneficiaries", "public_task"),
}


@dataclass(slots=True, kw_only=True)
class Tokens(Demo):
    """The running installation, and who is on which list.

    Attributes:
        service: the service.
        lists: the agencies' lists, as they were before.
    """

    service: Service
    lists: Lists

    def asking(self, agency: str, officer: str = "desk-1") -> str:
        """Give the options that say who asks, and why."""
        purpose, basis = _ASKING[agency]
        return f"--purpose {purpose} --officer {officer} --legal-basis {basis}"

    def kept(self, agency: str, file: str = "tokens.csv") -> list[dict[str, str]]:
        """Read the rows that an agency keeps."""
        with (self.folder(agency) / file).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def keys(self, agency: str) -> list[str]:
        """Name the keys of an agency's token domain, the oldest first."""
        found = json.loads(self.printed(OPERATOR, "padan-keys status --json"))
        return [key["key_id"] for key in found["keys"] if key["purpose"] == f"token-domain/{DOMAINS[agency]}"]

    def versions(self, agency: str) -> list[int]:
        """List the versions whose tokens are taken, as the agency is told; none where nobody answers."""
        found = json.loads(self.printed(agency, "padan info --json --timeout 10") or '{"token_domains": []}')
        return [version["number"] for domain in found["token_domains"] for version in domain["versions"]]

    def wait_for_versions(self, agency: str, *numbers: int) -> None:
        """Wait until the service has followed the keyring, as its callers see.

        Raises:
            ExpectationError: it did not.
        """
        clock = Clock()
        while self.versions(agency) != list(numbers):
            if clock.seconds > _FOLLOWED_SECONDS:
                raise ExpectationError("the service did not follow the keyring")
            time.sleep(0.2)

    def told(self, agency: str, line: str, **options: Any) -> dict[str, Any]:
        """Run a command of an agency that prints one JSON document."""
        found: dict[str, Any] = json.loads(self.stage.run(agency, f"{line} --json", **options).out)
        return found


def _perform(stage: Stage, options: argparse.Namespace, chosen: dict[str, Scene]) -> None:
    clock, port = Clock(), installation.free_ports()
    installation.set_up(stage, port)
    people = installation.load(stage, people=options.people, seed=options.seed)
    stage.heading("a key for each token domain")
    stage.say("No two agencies have one, so that the same resident has another token at each.")
    for domain in DOMAINS.values():
        stage.run(OPERATOR, f"padan-keys rotate token-domain/{domain}")
    stage.say("When an agreement has ended, its domain may be ended at once, and not after 90 days:")
    stage.run(OPERATOR, "echo 'token_end_grace_days = 0' >> padan.toml")
    installation.enrol(stage, port, agreements=AGREEMENTS)
    with installation.serving(stage) as service:
        tokens = Tokens(
            stage=stage,
            people=people,
            port=port,
            service=service,
            lists=lists.draw(stage.root / REGISTRY_FOLDER / "people.csv"),
        )
        for scene in chosen.values():
            play_scene(stage, scene, tokens)
            if stage.failures:
                break
        end(stage, clock, len(chosen))


TOKENS = Programme(
    name="make demo-tokens",
    summary="Play tokens instead of numbers: issue, rotation, conversion, aid given twice, an agency that ends.",
    folder=Path(__file__).parent,
    fixed_seconds=120,
    people_a_second=150,
    perform=_perform,
)
