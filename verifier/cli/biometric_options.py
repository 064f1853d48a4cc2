"""The options that commands on files of biometric templates have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

TemplateFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.npz",
        help="NumPy arrays of many people's samples; docs/formats/calibration.md says which.",
    ),
]
ModalityOption = Annotated[
    Literal["face", "finger", "iris"], typer.Option("--modality", help="What the templates are of.")
]
Field = Annotated[
    str,
    typer.Option(
        "--field", help="The array that holds the templates; default mobilefacenet192, leader or code."
    ),
]
Suite = Annotated[
    str, typer.Option("--suite", help="The protection; default the one that references are made with now.")
]
Impostors = Annotated[
    int | None,
    typer.Option(
        "--impostors",
        min=100,
        max=10_000_000,
        help="Pairs of two people at most, chosen by a fixed seed; default 200000 faces, 40000 fingers or irises.",
    ),
]
