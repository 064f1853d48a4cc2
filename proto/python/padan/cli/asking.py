"""Options of the command line that say who asks, and why; what is left out stands in the configuration file."""

from __future__ import annotations

from typing import Annotated, Final

import typer

PATIENCE: Final = 30.0
"""Seconds for a call with all its attempts, where a command says nothing else."""
Purpose = Annotated[str | None, typer.Option(help="Code of the purpose, from the agreement.")]
Officer = Annotated[str | None, typer.Option(help="The agency's pseudonym of the person who asks.")]
LegalBasis = Annotated[
    str | None,
    typer.Option(help="consent, contract, legal_duty, vital_interest, public_task or legitimate_interest."),
]
ConsentReceipt = Annotated[
    str, typer.Option(help="Id of the consent receipt, where the legal basis is consent.")
]
Patience = Annotated[float, typer.Option(min=0.001, help="Seconds for a call with all its attempts.")]
